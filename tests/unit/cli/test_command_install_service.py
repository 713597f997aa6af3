"""`install-service`: the units follow from the settings, nothing that was changed is overwritten, faults take one line."""

from __future__ import annotations

import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from small_disk import small_disk

from interface.cli import install_service
from interface.cli import main as program
from interface.cli.unit_files import SERVICE, SOCKET, changed_by_hand

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
EXAMPLE = (
    "install-service --dry-run --settings {file} --at /var/lib/hl7-interface/hl7-interface.toml "
    "--program /opt/hl7-interface/bin/hl7-interface --systemd 252"
)

Said = tuple[int, str, str]
Call = Callable[..., Said]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def called(*words: str) -> Said:
        code = program.main(["install-service", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return called


@pytest.fixture
def site(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str) -> Path:
        path = tmp_path / "hl7-interface.toml"
        path.write_text(text)
        return path

    return write


def printed(out: str) -> dict[str, str]:
    """The units that a dry run prints, by name."""
    heads = {name: f"# /etc/systemd/system/{name}\n" for name in (SERVICE, SOCKET)}
    service, socket = out.removeprefix(heads[SERVICE]).split("\n" + heads[SOCKET])
    return {SERVICE: service, SOCKET: socket}


def test_what_is_shipped_is_what_the_command_gives_for_the_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert program.main(EXAMPLE.format(file=DEPLOY / "interface.example.toml").split()) == 0
    assert printed(capsys.readouterr().out) == {
        name: (DEPLOY / name).read_text() for name in (SERVICE, SOCKET)
    }


FULL = """
[[listener]]
name = "adt"
host = "10.20.0.7"
port = 2575
[[listener]]
name = "pharmacy"
host = "::1"
port = 2576
[api]
key = "credential:api-key"
[store]
url = "sqlite:////srv/hl7 data/interface.db"
key = "env:AT_REST_KEY"
[webhooks]
port = 8443
secret = "credential:webhook-secret"
"""


def test_ports_secrets_and_folders_are_those_of_the_settings(call: Call, site: Callable[..., Path]) -> None:
    code, out, _ = call("--dry-run", "-c", str(site(FULL)), "--user", "clinic", "--program", "/opt/a b/$x%")
    units = printed(out)
    assert code == 0
    assert [line for line in units[SOCKET].splitlines() if line.startswith(("ListenStream", "FreeBind"))] == [
        "ListenStream=10.20.0.7:2575",
        "ListenStream=[::1]:2576",
        "ListenStream=127.0.0.1:8025",
        "ListenStream=127.0.0.1:8443",
        "FreeBind=yes",
    ]
    lines = units[SERVICE].splitlines()
    assert "User=clinic" in lines
    assert "LoadCredential=api-key:/etc/hl7-interface/credentials/api-key" in lines
    assert "LoadCredential=webhook-secret:/etc/hl7-interface/credentials/webhook-secret" in lines
    assert "EnvironmentFile=-/etc/hl7-interface/environment" in lines
    assert 'ReadWritePaths="/srv/hl7 data"' in lines
    assert not [line for line in lines if line.startswith("StateDirectory")]
    assert f'ExecStart="/opt/a b/$$x%%" run -c {site(FULL)}' in lines


def test_a_store_on_a_server_needs_no_folder_and_any_free_port_no_socket(
    call: Call, site: Callable[..., Path]
) -> None:
    path = site('[[listener]]\nport = 0\n[store]\nurl = "postgresql+psycopg://u@h/d"\n')
    units = printed(call("--dry-run", "-c", str(path))[1])
    assert "ReadWritePaths" not in units[SERVICE]
    assert "StateDirectory" not in units[SERVICE]
    assert units[SOCKET].count("ListenStream=") == 1


def test_a_reload_is_waited_for_where_systemd_can(call: Call, site: Callable[..., Path]) -> None:
    old, new = (
        printed(call("--dry-run", "-c", str(site("")), "--systemd", version)[1])[SERVICE]
        for version in ("252", "253")
    )
    assert "Type=notify\nExecReload=" in old
    assert "Type=notify-reload\n" in new
    assert "ExecReload" not in new


def test_units_are_written_again_until_somebody_changes_them(
    call: Call, site: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install_service, "HIDDEN", (str(tmp_path),))
    path, folder = site('[api]\nkey = "credential:api-key"\n'), tmp_path / "units"
    folder.mkdir()
    code, out, err = call("-c", str(path), "--dir", str(folder))
    assert code == 0
    assert out.startswith(f"wrote {folder / SERVICE}\nwrote {folder / SOCKET}\nnext, as root:\n")
    assert f"keys new {tmp_path / 'at-rest.key'}" in out
    assert "interface.db" not in out
    assert "/etc/hl7-interface/credentials/api-key" in out
    assert "systemctl enable --now hl7-interface.socket hl7-interface.service" in out
    assert f"the service does not see {tmp_path}" in err
    assert sorted(file.name for file in folder.iterdir()) == [SERVICE, SOCKET]

    site("[[listener]]\nport = 2600\n")
    store = tmp_path / "var" / "interface.db"
    store.parent.mkdir()
    store.touch()
    code, out, _ = call("-c", str(path), "--dir", str(folder))
    assert code == 0
    assert f"  chown hl7-interface: {store}*    # made by a command of another user\n" in out
    assert "interface.db" not in call("-c", str(path), "--dir", str(folder), "--user", store.owner())[1]
    assert call("-c", str(path), "--dir", str(folder))[0] == 0
    assert "ListenStream=127.0.0.1:2600" in (folder / SOCKET).read_text()

    (folder / SERVICE).write_text((folder / SERVICE).read_text() + "Nice=5\n")
    before = (folder / SERVICE).read_text()
    assert changed_by_hand(before)
    for words in (("-c", str(path)), ("--remove",)):
        code, out, err = call(*words, "--dir", str(folder))
        assert (code, out) == (2, "")
        assert "changed by hand" in err
        assert err.count("\n") == 1
    assert (folder / SERVICE).read_text() == before
    assert call("-c", str(path), "--dir", str(folder), "--force")[0] == 0
    assert not changed_by_hand((folder / SERVICE).read_text())


def test_removing_takes_the_units_alone(call: Call, site: Callable[..., Path], tmp_path: Path) -> None:
    path = site("")
    (tmp_path / "other.service").write_text("")
    call("-c", str(path), "--dir", str(tmp_path))
    wants = tmp_path / "sockets.target.wants"
    wants.mkdir()
    (wants / SOCKET).symlink_to(tmp_path / SOCKET)
    code, _, err = call("--remove", "--dir", str(tmp_path))
    assert (code, (tmp_path / SOCKET).exists()) == (2, True)
    assert "first: systemctl disable --now hl7-interface.socket" in err
    (wants / SOCKET).unlink()
    wants.rmdir()
    code, out, _ = call("--remove", "--dir", str(tmp_path))
    assert code == 0
    assert "systemctl daemon-reload" in out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["hl7-interface.toml", "other.service"]
    code, _, err = call("--remove", "--dir", str(tmp_path))
    assert (code, err) == (
        2,
        f"hl7-interface: install-service: there is no hl7-interface.service in {tmp_path}\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--user", "Clinic User"], "no name of a user"),
        (["--user", "x\nExecStart=/bin/sh"], "no name of a user"),
        (["--program", "bin/hl7-interface"], "must be an absolute path"),
        (["--at", "settings.toml"], "must be an absolute path"),
        (["--program", "/opt/x\n[Service]"], "control characters"),
        (["--dir", "/nowhere/at/all"], "cannot write /nowhere/at/all/hl7-interface.service: No such file"),
    ],
)
def test_a_fault_takes_one_line(call: Call, site: Callable[..., Path], words: list[str], said: str) -> None:
    code, out, err = call("-c", str(site("")), *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_settings_that_do_not_load_are_said_with_their_line(call: Call, site: Callable[..., Path]) -> None:
    code, out, err = call("-c", str(site('[[listener]]\nport = "many"\n')))
    assert (code, out) == (2, "")
    assert "hl7-interface.toml:2: " in err


analyze = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(
    analyze is None, reason="systemd-analyze is not installed: the units are not judged"
)
MOST = 2.0
"""The exposure that `systemd-analyze security` may find, of 10."""


@needs_systemd
@pytest.mark.parametrize("version", ["252", "253"])
def test_the_service_is_shut_in(call: Call, site: Callable[..., Path], tmp_path: Path, version: str) -> None:
    call("-c", str(site(FULL)), "--dir", str(tmp_path), "--systemd", version)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(tmp_path / SERVICE)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = done.stdout.rpartition("Overall exposure level for ")[2].split()
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST


@needs_systemd
def test_the_units_are_well_formed(call: Call, site: Callable[..., Path], tmp_path: Path) -> None:
    """`systemd-analyze verify` says what it does not understand, and what is not there: the program is, for once."""
    path = site("[api]\nkey = 'credential:api-key'\n")
    call(
        "-c",
        str(path),
        "--dir",
        str(tmp_path),
        "--program",
        "/bin/true",
        "--user",
        "daemon",
        "--systemd",
        "252",
    )
    units = [str(tmp_path / name) for name in (SERVICE, SOCKET)]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "hl7-interface" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_a_unit_that_cannot_be_written_leaves_nothing_behind(
    call: Call, site: Callable[..., Path], tmp_path: Path
) -> None:
    path = site("")
    with small_disk(tmp_path / "units", mib=1) as disk:
        disk.fill()
        before = sorted(found.name for found in (tmp_path / "units").iterdir())
        code, _, err = call("-c", str(path), "--dir", str(tmp_path / "units"))
        assert code == 2
        assert "No space left on device" in err
        assert sorted(found.name for found in (tmp_path / "units").iterdir()) == before


def test_a_unit_is_read_by_all(call: Call, site: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "units").mkdir()
    assert call("-c", str(site("")), "--dir", str(tmp_path / "units"))[0] == 0
    assert {stat.S_IMODE(found.stat().st_mode) for found in (tmp_path / "units").iterdir()} == {0o644}
