"""What lies on the disk: no value of a patient in any file of a running site, and its key replaced while it runs."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from needles import found_in
from patience import until
from running_program import NOW, Site, call, simulated_api, states, tell

SETTINGS = """
[site]
mrn_authority = ["LFC"]
[[listener]]
port = {port}
[api]
base_url = "{api}"
[store]
url = "sqlite:///var/store.db"
{store}
[web]
port = {web}
"""
VALID = {
    "PID-3": "QM88155431",
    "PID-5.1": "Quixotewski",
    "PID-5.2": "Zäzilie",
    "PID-7": "19481103",
    "PID-11.1": "7741 Windmill Crescent",
    "PID-11.3": "Xylotown",
    "PID-11.5": "537119987",
    "PID-13": "6085550142",
    "AIP-3.1": "1234567893",
    "AIP-3.2": "Brontosaur",
    "AIP-3.3": "Wilhelmine",
    "DG1-3.1": "E11.649",
    "DG1-3.2": "Hypoglycaemia Unusual",
    "SCH-2": "FILLQ9931177",
    "SCH-11": "202604100937",
}
"""Values that must look right for a request to go out."""
FIELDS = {
    "PID": 30,
    "PD1": 11,
    "NK1": 30,
    "PV1": 40,
    "PV2": 20,
    "SCH": 26,
    "NTE": 4,
    "GT1": 20,
    "IN1": 40,
    "OBX": 18,
}
"""How many fields of a segment bear a word of their own."""


def segment(name: str, values: dict[str, str]) -> str:
    """A segment all of whose fields hold something that stands nowhere else."""
    fields = [name]
    for number in range(1, FIELDS.get(name, 3) + 1):
        place = f"{name}-{number}"
        parts = {
            int(key.partition(".")[2] or 1): value
            for key, value in VALID.items()
            if key.partition(".")[0] == place
        }
        if not parts and name in FIELDS:
            # a code or flag that means nothing; letters and digits that no key or hash is likely to hold
            parts = {1: f"Zq{name}{number:02d}Wv", 2: f"Xj{name}{number:02d}Kü"}
            if place in (
                "PID-30",
                "PV1-2",
                "SCH-25",
                "SCH-6",
                "PID-24",
                "PID-16",
                "PID-17",
                "PID-8",
                "PID-1",
            ):
                parts = {1: ""}
        for key, value in parts.items():
            values[f"{place}.{key}"] = value
        width = max(parts, default=0)
        fields.append("^".join(parts.get(key, "") for key in range(1, width + 1)))
    if name == "PID":
        fields[3] += "^^^LFC^MR"
        values.pop("PID-8.1", None)
        fields[8] = "F"
    if name == "AIP":
        fields[3] += "^^^^^^NPI"
    if name == "DG1":
        fields[3] += "^I10"
    return "|".join(fields)


def message(number: int) -> tuple[bytes, dict[str, str]]:
    values: dict[str, str] = {}
    head = f"MSH|^~\\&|APP|FAC|R|R|2026030208{number:02d}||SIU^S12|M{number}|P|2.5.1|||||||UNICODE UTF-8"
    names = ("SCH", "NTE", "PID", "PD1", "NK1", "PV1", "PV2", "DG1", "GT1", "IN1", "OBX", "AIP")
    text = "\r".join((head, *(segment(name, values) for name in names), ""))
    return text.encode(), {place: value for place, value in values.items() if value}


class Clinic(Site):
    """A site of which all that was said is kept."""

    def __init__(self, folder: Path, api: str, store: str = ""):
        super().__init__(folder, api, SETTINGS, store=store)
        self.store = folder / "var/store.db"
        self.log = ""
        self.start()

    def end(self) -> None:
        self.daemon.end()
        self.log += self.daemon.text

    def tell(self, raw: bytes) -> None:
        tell(self.port, raw)
        self.decided()

    def files(self) -> dict[str, bytes]:
        found = {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }
        return found | {"log": (self.log + self.daemon.text).encode()}


@pytest.fixture
def api() -> Iterator[str]:
    with simulated_api() as address:
        yield address


@pytest.fixture
def site(tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    site = Clinic(tmp_path, api)
    try:
        yield site
    finally:
        site.end()


def forms(value: str) -> Iterator[bytes]:
    yield value.encode()
    yield value.encode("utf-16-le")
    yield value.encode("utf-16-be")
    yield json.dumps(value)[1:-1].encode()
    if not value.isascii():
        yield value.encode("latin-1")


def found(files: dict[str, bytes], values: dict[str, str]) -> list[tuple[str, str]]:
    places = {form: place for place, value in values.items() for form in forms(value)}
    return [(name, places[form]) for name, data in files.items() for form in found_in(data, places)]


def test_no_value_of_any_field_can_be_read_in_any_file(site: Clinic) -> None:
    raw, values = message(1)
    assert len(values) > 300, "nearly every field bears a value"
    site.tell(raw)
    until("delivery", lambda: "delivered" in states(site.store))
    sent = site.json("requests", "show", "1")["request"]
    assert sent["patient"]["name"]["family"] == VALID["PID-5.1"], "the values do go through"
    site.command("patients", "show", VALID["PID-3"])
    site.command("requests", "--mrn", VALID["PID-3"])
    site.command("patients", "rebuild", "--id", "1", "--yes", "--now", NOW)
    site.command("backup", str(site.folder / "copy.db"))
    site.command("purge", "--yes")
    running = site.files()
    assert {
        "copy.db",
        "var/store.db",
        "var/store.db-wal",
        "var/store.db-shm",
        "var/store.db-door.lock",
    } <= running.keys()
    assert found(running, values) == []
    site.end()
    assert found(site.files(), values) == []
    assert found({"x": raw}, values), "the search finds what is there"
    site.start()


def test_the_key_is_replaced_while_the_daemon_runs(site: Clinic) -> None:
    raw, _ = message(1)
    site.tell(raw)
    old = (site.folder / "at-rest.key").read_bytes()
    first = site.json("keys")
    site.command("keys", "rotate")
    second = site.json("keys")
    assert (site.folder / "at-rest.key").read_bytes() != old
    assert set(first["masters"]).isdisjoint(second["masters"]) and len(second["masters"]) == 1
    assert [key["state"] for key in second["data_keys"]] == ["opens", "seals"]
    site.daemon.process.send_signal(signal.SIGHUP)
    site.daemon.says("event=reloaded")
    site.tell(message(2)[0])
    assert site.json("messages", "show", "2")["raw"].startswith("MSH")
    header = b"\x01" + bytes.fromhex(second["data_keys"][-1]["id"])
    with closing(sqlite3.connect(site.store, timeout=30)) as store:
        sealed = [row[0][:5] for row in store.execute("SELECT body FROM message_bodies ORDER BY message_id")]
    assert sealed[0] != header == sealed[1]
    assert "the daemon seals anew" in site.command("keys", "reseal")
    site.end()
    assert "2 values" not in site.command("keys", "reseal")
    assert [key["number"] for key in site.json("keys")["data_keys"]] == [2]
    site.start()
    assert site.json("patients", "show", VALID["PID-3"])["mrn"] == VALID["PID-3"], "look-ups go on"
    site.tell(message(1)[0])
    assert site.json("messages")["messages"][-1]["duplicates"] == 1


def test_in_the_clear_only_where_the_settings_say_so(tmp_path: Path, api: str) -> None:
    site = Clinic(tmp_path, api, 'encryption = "off"')
    try:
        raw, values = message(1)
        site.tell(raw)
        assert "event=not-encrypted" in site.daemon.text
        assert "encryption" in site.command("check")
        assert not (tmp_path / "at-rest.key").exists()
        assert found(site.files(), values)
        site.end()
        site.path.write_text(site.path.read_text().replace('"off"', '"on"'))
        site.start()
        assert "values=old" in site.daemon.text
        assert "still in the clear" in site.command("check")
        site.end()
        site.command("keys", "reseal")
        assert found(site.files(), values) == []
        site.start()
        assert site.json("messages", "show", "1")["raw"].startswith("MSH")
    finally:
        site.end()


def test_a_wrong_key_is_refused_at_the_start_in_one_line(site: Clinic) -> None:
    site.end()
    (site.folder / "at-rest.key").write_text("ab" * 32)
    said = site.command("run", code=2)
    assert "is not the one this store was made with" in said
    assert len(said.splitlines()) == 1
    (site.folder / "at-rest.key").unlink()
    said = site.command("run", code=2)
    assert "at-rest.key is missing" in said
    assert not (site.folder / "at-rest.key").exists(), "no new one is made for an old store"


def test_a_key_file_is_made_and_never_overwritten(tmp_path: Path) -> None:
    def keys(code: int) -> str:
        done = call("keys", "new", str(tmp_path / "new.key"))
        assert done.returncode == code
        return done.stdout + done.stderr

    keys(0)
    text = (tmp_path / "new.key").read_text()
    assert (tmp_path / "new.key").stat().st_mode & 0o777 == 0o600
    said = keys(1)
    assert "never overwritten" in said and text.strip() not in said
    assert (tmp_path / "new.key").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["new.key"]
