"""What of changed settings SIGHUP does not take is named."""

import tomllib

import pytest

from interface.settings import Settings
from interface.settings.reload import bearings, moved, needs_restart

RUNNING = """
[site]
name = "A"
[[listener]]
name = "adt"
[[listener]]
name = "siu"
port = 2576
[api]
version = 2
"""


def settings(text):
    return Settings.model_validate(tomllib.loads(text))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('name = "A"', 'name = "B"', ["[site] name"]),
        ("port = 2576", "port = 2577", ["[[listener]] port"]),
        ("port = 2576", 'port = 2576\nallow = ["10.0.0.0/8"]', []),
        (
            "port = 2576",
            'port = 2576\ntls_certificate = "a"\ntls_key = "b"',
            ["[[listener]] tls_certificate"],
        ),
        ('name = "siu"', 'name = "sch"', ['[[listener]] "sch"', '[[listener]] "siu"']),
        ("[api]", '[forward]\n"ADT^A28" = "chart"\nsend_days_before = 3\n[api]', ["[forward]"]),
        ("[api]", "[mappings]\nvisit_diagnosis_days = 1\n[api]", []),
        ("[api]", '[log]\nlevel = "debug"\n[alerts]\nrepeat_hours = 3\n[api]', []),
        ("[api]", '[api]\nkey = "file:other"', []),
        ("[api]", '[request]\nbatch_id = "7"\nclinic_name = "C"\n[api]', ["[request] batch_id"]),
    ],
)
def test_what_changed_in_vain_is_named(old, new, named):
    assert sorted(needs_restart(settings(RUNNING), settings(RUNNING.replace(old, new)))) == named


def test_nothing_is_said_where_nothing_changed():
    assert needs_restart(settings(RUNNING), settings(RUNNING)) == []


@pytest.mark.parametrize(
    ("new", "named"),
    [
        ('[site]\nname = "B"\ntimezone = "America/Chicago"', []),
        ('[store]\nurl = "sqlite:///var/other.db"', ["[store] url"]),
        ('[api]\nbase_url = "http://127.0.0.1:9"', ["where [api] sends"]),
        (
            '[site]\nenvironment = "staging"\nmrn_root = "1.2.3"\n[api]\nkey = "env:K"',
            ["[site] environment", "where [api] sends"],
        ),
    ],
)
def test_what_door_and_work_must_have_in_common_is_named_where_it_has_changed(new, named):
    began = bearings(settings(""))
    assert moved(settings(new), began) == named
    assert "sqlite" not in began and "127" not in bearings(settings(new))
