"""`[alerts]`, `[alerts.smtp]` and `[[alerts.feed]]`: what they mean, and what is wrong with them in one line."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from interface.settings import SettingsError, parse_settings

FILE = Path("site.toml")
MAIL = '[alerts.smtp]\nhost = "mx"\nfrom = "a@b"\nto = ["c@d"]\n'


def faults(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, FILE)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[alerts]\nrepat_hours = 3", '[alerts] repat_hours: unknown key; did you mean "repeat_hours"?'),
        (
            '[alerts]\noff = ["disc-low"]',
            'site.toml:2: [alerts] off: no such alert; did you mean "disk-low"?',
        ),
        ("[alerts]\nhold_minutes = -1", "[alerts] hold_minutes: must be 0 or more"),
        ('[alerts]\nwebhook = "alerts.example.org"', "[alerts] webhook: must be an address such as https://"),
        ('[alerts]\nwebhook = "https://u:p@h/"', "[alerts] webhook: must not hold a name or password"),
        (
            '[alerts]\nwebhook_secret = "hunter2"',
            "[alerts] webhook_secret: must say where the secret is kept",
        ),
        ('[alerts]\nwebhook_secret = "env:A"', "[alerts] webhook_secret: needs webhook, too"),
        ('[alerts]\nwebhook_header = "a b"', "[alerts] webhook_header: must be the name of an HTTP header"),
        ('[alerts]\ncommand = "page"', "[alerts] command: must be a list in brackets"),
        ("[alerts]\nsmtp = 3", "[alerts.smtp]: must be a section of its own: [alerts.smtp]"),
        (
            '[alerts.smtp]\nhosst = "mx"',
            'site.toml:2: [alerts.smtp] hosst: unknown key; did you mean "host"?',
        ),
        ('[alerts.smtp]\nhost = "mx"', "site.toml:1: [alerts.smtp]: needs from, too"),
        (MAIL + 'user = "u"', "site.toml:5: [alerts.smtp] user: needs password, too"),
        (
            MAIL + 'user = "u"\npassword = "env:P"\ntls = "none"',
            '[alerts.smtp] tls: "none" would send the password in the clear',
        ),
        (
            '[alerts.smtp]\nfrom = "nobody"',
            "[alerts.smtp] from: must be an address such as oncall@example.org",
        ),
        ('[alerts.feed]\nlistener = "main"', "[[alerts.feed]]: needs double brackets: [[alerts.feed]]"),
        ('[[alerts.feed]]\nlistner = "x"', '[[alerts.feed]] listner: unknown key; did you mean "listener"?'),
        ('[[alerts.feed]]\nlistener = "mian"', 'listener: no such listener; did you mean "main"?'),
        ("[[alerts.feed]]\nminutes = 0", "site.toml:2: [[alerts.feed]] minutes: must be more than 0"),
        (
            '[[alerts.feed]]\nwindows = ["Mon-Fry 8-9"]',
            "[[alerts.feed]] windows: is not a window of the week",
        ),
        (
            '[[alerts.feed]]\nwindows = ["Moo 08:00-09:00"]',
            "[[alerts.feed]] windows: names no day of the week",
        ),
        ('[[alerts.feed]]\nwindows = ["08:00-25:00"]', "[[alerts.feed]] windows: has a time that no day has"),
        (
            "[[alerts.feed]]\n[[alerts.feed]]\n",
            'site.toml:2: [[alerts.feed]] listener: "main" is there twice',
        ),
        ("[[alerts.feed]]\nwindows = []", "[[alerts.feed]] windows: must not be empty"),
    ],
)
def test_a_fault_is_one_line_that_says_where_and_what_to_do(text: str, said: str) -> None:
    assert any(said in line for line in faults(text)), faults(text)


def test_a_secret_that_is_written_in_the_file_is_not_repeated() -> None:
    assert "hunter2" not in "\n".join(faults('[alerts]\nwebhook_secret = "hunter2"'))


def test_without_a_word_of_alerts_there_are_thresholds_and_no_channel_but_the_log() -> None:
    settings = parse_settings("", FILE)
    assert settings.alerts.channels == ()
    limits = settings.alert_limits()
    assert (limits.late, limits.oldest, limits.paused, limits.away) == (600, 3600, 60, 300)
    assert (limits.hold, limits.settle, limits.repeat) == (60, 120, 86_400)
    assert limits.feeds == ()
    assert limits.clocks == ("API",)


def test_limits_come_from_the_settings_of_all_sections() -> None:
    text = """
[site]
timezone = "America/Chicago"
[[listener]]
name = "adt"
[store]
url = "postgresql+psycopg://i@h/d"
disk_low_mib = 10
[web]
tls_certificate = "a.pem"
tls_key = "a.key"
[webhooks]
expected_hours = 2
[alerts]
oldest_minutes = 0.5
off = ["wal-large"]
[alerts.smtp]
host = "mx"
from = "a@b"
to = ["c@d"]
tls = "tls"
[[alerts.feed]]
listener = "adt"
application = "EPIC"
facility = "LFC"
windows = ["Mon-Fri 07:00-18:00"]
minutes = 45
"""
    settings = parse_settings(text, FILE)
    limits = settings.alert_limits()
    assert limits.disk_low_bytes == 10 * 1024 * 1024
    assert (limits.webhook_silence, limits.oldest) == (7200, 30)
    assert limits.clocks == ("API", "database")
    assert limits.certificates == ("[web]",)
    assert limits.off == {"wal-large"}
    (feed,) = limits.feeds
    assert (feed.name, feed.seconds, feed.week.zone) == ("adt: EPIC/LFC", 2700, ZoneInfo("America/Chicago"))
    assert settings.alerts.channels == ("mail",)
    assert settings.alerts.smtp.at_port == 465
