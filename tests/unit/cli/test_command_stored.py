"""Pages, times and texts of the lists."""

from argparse import Namespace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interface.cli import common
from interface.cli.common import UsageError, local_text, moment, utc_text
from interface.cli.run import a_time
from interface.cli.stored import is_store, pages, reasons_text, whole
from interface.errors import InterfaceError
from interface.shown.stored import decoded

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    id: int


def reader(newest: int, asked: list[int]):  # type: ignore[no-untyped-def]
    def read(before: int | None, limit: int) -> list[Row]:
        asked.append(limit)
        top = newest if before is None else min(newest, before - 1)
        return [Row(number) for number in range(top, max(0, top - limit), -1)]

    return read


@pytest.mark.parametrize(
    ("newest", "limit", "count", "more"),
    [
        (0, 50, 0, None),
        (50, 50, 50, None),
        (51, 50, 50, 2),
        (3, 50, 3, None),
        (2000, 1200, 1200, 801),
        (1200, 1200, 1200, None),
    ],
)
def test_lists_are_read_in_pages(newest: int, limit: int, count: int, more: int | None) -> None:
    asked: list[int] = []
    rows, before = pages(reader(newest, asked), None, limit)
    assert [row.id for row in rows] == list(range(newest, newest - count, -1))
    assert before == more
    assert max(asked) <= 501


def test_the_next_page_goes_on_where_the_last_one_ended() -> None:
    rows, before = pages(reader(10, []), None, 4)
    again, _ = pages(reader(10, []), before, 4)
    assert [row.id for row in rows + again] == [10, 9, 8, 7, 6, 5, 4, 3]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7200), ("3d", 259200), ("1w", 604800)]
)
def test_times_ago(text: str, seconds: int) -> None:
    assert moment(text, NOW) == NOW.timestamp() - seconds


def test_points_in_time() -> None:
    assert moment("2026-03-05T06:00:00-06:00", NOW) == NOW.timestamp()
    assert moment("2026-03-05T12:00Z", NOW) == NOW.timestamp()


def test_a_time_without_an_offset_is_the_sites_and_so_are_those_that_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common._People, "zone", None)  # put back behind us
    file = tmp_path / "site.toml"
    file.write_text('[site]\ntimezone = "Asia/Tokyo"\n')
    args = Namespace(config=str(file), since=moment("2026-03-05T21:00", NOW), until=moment("2h", NOW))
    common.settings_of(args)
    assert (args.since, args.until) == (NOW.timestamp(), NOW.timestamp() - 7200)
    assert local_text(NOW.timestamp()) == "2026-03-05 21:00:00"


@pytest.mark.parametrize(
    ("text", "hour"), [("2026-03-08", 10), ("2026-03-08T00:30", 10.5), ("2026-03-08T04:00:00-06:00", 10)]
)
def test_the_day_that_now_names_is_the_sites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, hour: float
) -> None:
    monkeypatch.setattr(common._People, "zone", None)  # put back behind us
    file = tmp_path / "site.toml"
    file.write_text('[site]\ntimezone = "Pacific/Honolulu"\n')
    args = Namespace(config=str(file), now=a_time(text))
    for _ in range(2):
        common.settings_of(args)
        assert args.now == datetime(2026, 3, 8, tzinfo=UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    "text", ["", "x", "2h", "2026-13-01", "0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31T23:59:59"]
)
def test_what_is_no_time_for_now(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the time"):
        a_time(text)


@pytest.mark.parametrize("text", ["", "x", "2", "h", "-2h", "2026-13-01", "9999999d", "²h", "0001-01-01"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the time"):
        moment(text, NOW)


def test_times_in_answers() -> None:
    assert utc_text(NOW.timestamp()) == "2026-03-05T12:00:00.000Z"
    assert (utc_text(None), local_text(None)) == (None, "")


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "99999999999999999999"])
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(UsageError):
        whole(text)


def test_stored_json() -> None:
    assert decoded(b'{"a": 1}') == {"a": 1}
    assert decoded(None) is None
    assert decoded(b"\xff no json") == "\\xff no json"


def test_reasons_in_one_line() -> None:
    assert reasons_text([{"code": "a", "text": "no NPI"}, {"code": "b"}]) == "no NPI; b"


@pytest.mark.parametrize(
    "answer", ["[" * 4096, '{"a":' * 800 + "1" + "}" * 800, '{"a": NaN}', '{"a": -Infinity}']
)
def test_an_answer_that_would_break_ours_is_shown_as_text(answer: str) -> None:
    assert decoded(answer.encode()) == answer


def test_json_that_is_nested_as_ours_is_stays_json() -> None:
    assert decoded(b'{"a": [{"b": [1, "[[[["]}]}') == {"a": [{"b": [1, "[[[["]}]}


def test_a_store_that_this_user_may_not_look_at_says_whose_command_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(
        InterfaceError, match="no right to look into /var/lib/it: give the command as the user"
    ):
        is_store(Path("/var/lib/it/interface.db"))
