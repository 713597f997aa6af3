"""The installed program from outside: where answers go, exit codes, and output that fails."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from ports import free_port
from requests.adapters import HTTPAdapter
from running_program import Program
from running_program import call_from_nothing as call
from urllib3.util.retry import Retry

PROGRAM = [sys.executable, "-m", "interface"]


def site(folder: Path, text: str = "") -> Path:
    path = folder / "site.toml"
    defaults = f"[[listener]]\nport = {free_port()}\n[web]\nport = {free_port()}\n"
    path.write_text(text + "\n" + defaults)
    return path


@pytest.mark.parametrize("command", ["check", "run", "messages", "requests"])
def test_no_settings_file_says_where_it_was_looked_for(command: str, tmp_path: Path) -> None:
    done = call(command, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    for place in (
        "-c FILE",
        "$HL7_INTERFACE_SETTINGS",
        "./hl7-interface.toml",
        "/etc/hl7-interface/settings.toml",
    ):
        assert place in done.stderr


def test_the_settings_file_is_found_by_variable_and_by_folder(tmp_path: Path) -> None:
    path = site(tmp_path)
    assert call("messages", folder=tmp_path, HL7_INTERFACE_SETTINGS=str(path)).returncode == 1
    path.rename(tmp_path / "hl7-interface.toml")
    done = call("messages", folder=tmp_path)
    assert "there is no store at" in done.stderr


@pytest.mark.parametrize("command", ["run", "messages"])
def test_wrong_settings_are_one_line_and_exit_2(command: str, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[site]\nenviroment = "sandbox"\n')
    done = call(command, "-c", "site.toml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'hl7-interface: site.toml:2: [site] enviroment: unknown key; did you mean "environment"?\n'
    )


def test_sighup_in_the_midst_of_a_start_is_carried_out_behind_it(tmp_path: Path) -> None:
    site(tmp_path, '[api]\nkey = "file:api.key"')
    key = tmp_path / "api.key"
    os.mkfifo(key, 0o600)  # the start waits for it
    daemon = Program("run", "-c", "site.toml", folder=tmp_path, from_nothing=True)
    try:
        with key.open("w") as given:
            daemon.process.send_signal(signal.SIGHUP)
            key.unlink()
            key.write_text("sandbox")
            given.write("sandbox")
        daemon.says("event=reloaded")
    finally:
        daemon.end()


def test_run_refuses_a_missing_key_before_anything_is_made(tmp_path: Path) -> None:
    site(tmp_path, '[api]\nkey = "env:CONNECTIVE_HEALTH_API_KEY"')
    done = call("run", "-c", "site.toml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "hl7-interface: site.toml:2: [api] key: the environment variable CONNECTIVE_"
    )
    assert done.stderr.count("\n") == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["site.toml"]


def test_check_tells_one_line_for_each_thing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "site.toml").write_text(
            f'[api]\nbase_url = "http://127.0.0.1:{free_port()}"\n[[listener]]\nport = {port}\n[web]\nport = 0\n'
        )
        done = call("check", "-c", "site.toml", folder=tmp_path)
        as_json = call("check", "-c", "site.toml", "--json", folder=tmp_path)
    assert done.returncode == as_json.returncode == 1
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all(line.startswith(("ok    ", "warn  ", "FAIL  ")) for line in lines)
    assert (
        f'warn  port: listener "main" 127.0.0.1:{port} is taken: the daemon runs, or another program has it'
        in lines
    )
    assert any(
        line.startswith("FAIL  API: http://127.0.0.1:") and "cannot be reached" in line for line in lines
    )
    assert any(
        line.startswith("ok    store: ") and "will be made by the first start" in line for line in lines
    )
    answer = json.loads(as_json.stdout)
    assert answer["ok"] is False
    assert [f"{item['level'].ljust(4)}  {item['what']}: {item['detail']}" for item in answer["checks"]][
        :4
    ] == lines[:4]
    assert [entry.name for entry in tmp_path.iterdir()] == ["site.toml"]


def test_check_of_wrong_settings_is_exit_2(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text("[api]\nversion = 9\n[web]\nport = -1\n")
    done = call("check", "-c", "site.toml", folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == (
        "FAIL  settings: site.toml:2: [api] version: must be 1 or 2, without quotes\n"
        "FAIL  settings: site.toml:4: [web] port: must be 0 or more\n"
    )


def test_check_of_a_missing_key_variable_is_exit_2(tmp_path: Path) -> None:
    site(tmp_path, '[api]\nkey = "env:CONNECTIVE_HEALTH_API_KEY"')
    done = call("check", "-c", "site.toml", folder=tmp_path)
    assert done.returncode == 2
    line = next(line for line in done.stdout.splitlines() if line.startswith("FAIL  API key"))
    assert (
        "site.toml:2: [api] key: the environment variable CONNECTIVE_HEALTH_API_KEY is not set; set it"
        in line
    )


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_answer_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"cannot write: No space left on device" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_what_is_said_beside_the_answer_may_be_lost(tmp_path: Path) -> None:
    sample = tmp_path / "m.hl7"
    sample.write_text("MSH|^~\\&|A|B|C|D|20260302||ADT^A08|1|P|2.5.1\rPID|1||T1^^^A^MR||Sample^Robin\r")
    (tmp_path / "hl7-interface.toml").touch()
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*PROGRAM, "explain", str(sample)], stdout=subprocess.PIPE, stderr=full, cwd=tmp_path, check=False
        )
    assert (done.returncode, done.stdout.count(b"ADT^A08")) == (0, 1)


def test_a_closed_standard_input_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m interface explain - <&-', sys.executable],
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == (
        b"hl7-interface: there is no standard input to read: it was closed when the command was given\n"
    )


def test_a_closed_standard_error_keeps_the_simulated_api_from_nothing(tmp_path: Path) -> None:
    port = free_port()
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *PROGRAM, "sandbox", "--port", str(port)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        try:
            address = f"http://127.0.0.1:{port}/v1/scheduled-appointment"
            retry = Retry(connect=8, read=False, backoff_factor=0.1)
            with requests.Session() as session:
                session.trust_env = False
                session.mount("http://", HTTPAdapter(max_retries=retry))
                assert session.post(address, json={}, timeout=30).status_code == 401
        finally:
            process.terminate()


def test_a_daemon_with_all_standard_streams_closed_takes_messages_and_writes_its_log_into_no_file(
    tmp_path: Path,
) -> None:
    port, web = free_port(), free_port()
    (tmp_path / "site.toml").write_text(
        f'[[listener]]\nport = {port}\n[web]\nport = {web}\n[store]\nurl = "sqlite:///store.db"\n'
    )
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *PROGRAM, "run", "-c", "site.toml"]
    with subprocess.Popen(command, cwd=tmp_path) as process:
        try:
            retry = Retry(connect=8, read=False, backoff_factor=0.1)
            with requests.Session() as session:
                session.trust_env = False
                session.mount("http://", HTTPAdapter(max_retries=retry))
                assert session.get(f"http://127.0.0.1:{web}/healthz", timeout=30).json()["alive"]
        finally:
            process.terminate()
    assert process.returncode == 0
    for lock in tmp_path.glob("*.lock"):
        assert lock.read_text().strip().isdigit(), "nothing but a process id"


def test_a_terminal_that_lacks_a_character_gets_an_escape(tmp_path: Path) -> None:
    (tmp_path / "Łódź.toml").write_text("[api]\nversion = 9\n")
    done = call("check", "-c", "Łódź.toml", folder=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 2
    assert "\\u0141\\xf3d\\u017a.toml:2: [api] version" in done.stdout
