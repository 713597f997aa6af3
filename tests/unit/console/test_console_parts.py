"""The macros that pages are made of: each takes what its head says, with and without what may be left out."""

from __future__ import annotations

import pytest

from interface.console.asked import Veiled
from interface.console.rendering import _environment

HOSTILE = '"><script>alert(1)</script>'


def made(call: str, **values: object) -> str:
    text: str = (
        _environment().from_string("{{ parts." + call + " }}").render(clock=lambda at: f"t{at:.0f}", **values)
    )
    assert "<script>" not in text
    return text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("<b>", "&lt;b&gt;"),
        (12345, "12,345"),
        (Veiled("Xxxx", masked=True), "(masked)"),
        (Veiled("Ada", masked=False), "Ada"),
        ({"text": "x", "href": "/a"}, '<a href="/a">x</a>'),
        ({"text": "x", "href": ""}, "x"),
        ({"text": "x", "small": "y"}, "<small>y</small>"),
        ({"badge": "held", "level": "warn"}, 'class="badge warn">held'),
        ({"at": 5.0}, '<time datetime="1970-01-01T00:00:05+00:00">t5</time>'),
        ({"at": None}, ""),
        ({"text": HOSTILE, "href": HOSTILE, "small": HOSTILE}, "&#34;&gt;&lt;script"),
    ],
)
def test_a_cell_may_be_anything(value: object, shown: str) -> None:
    assert shown in made("cell(value, clock)", value=value)


def test_a_table_has_its_columns_and_says_when_it_is_empty() -> None:
    columns = [{"key": "a", "label": "A"}, {"key": "n", "label": "N", "number": True}]
    rows = [{"a": "x", "n": 1, "href": "/1", "key": "k1"}, {"a": HOSTILE, "n": None}]
    page = made("table(columns, rows, 'All', clock=clock)", columns=columns, rows=rows)
    assert '<a href="/1">x</a>' in page
    assert page.count("<tr") == 3
    assert page.count('class="number') == 3
    assert "Nothing here." in made("table(columns, [], 'All')", columns=columns)


def test_filters_keep_what_was_asked_for() -> None:
    fields = [
        {"name": "q", "label": "Q", "value": HOSTILE},
        {"name": "d", "label": "D", "value": "2026-03-05", "type": "date"},
        {"name": "s", "label": "S", "value": "b", "choices": [("", "any"), ("b", "B")]},
    ]
    page = made("filters('/x', fields)", fields=fields)
    assert '<option value="b" selected>B</option>' in page
    assert 'type="date" value="2026-03-05"' in page
    assert page.count("<label") == 3


def test_a_form_that_is_posted_has_its_token() -> None:
    fields = [
        {"name": "id", "value": "7", "type": "hidden"},
        {"name": "why", "label": "Why", "required": True},
    ]
    page = made("confirm('/x', 'token', '/back', 'Do it', fields, danger=true)", fields=fields)
    assert '<input type="hidden" name="csrf" value="token">' in page
    assert '<input type="hidden" name="id" value="7">' in page
    assert 'name="why"' in page and " required>" in page
    assert '<button class="danger">Do it</button>' in page


def test_a_time_line_and_a_list_of_facts() -> None:
    entries = [
        {"at": 5.0, "title": HOSTILE},
        {"at": 6.0, "title": "b", "text": "c", "level": "bad", "href": "/b"},
    ]
    page = made("timeline(entries, clock)", entries=entries)
    assert page.count("<li") == 2
    assert '<li class="bad">' in page
    assert "<dt>a</dt><dd>" in made("facts([('a', 1)])")


def test_a_pager_shows_what_there_is() -> None:
    assert made("pager('', '')").strip() == ""
    assert "Older" in made("pager('', '/x?before=1')")
    assert "Newest" in made("pager('/x', '')")
