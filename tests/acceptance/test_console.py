"""The console from outside: `demo --serve` prints where it is and who may sign in, and that is so."""

from __future__ import annotations

import http.client
import re
import signal
import subprocess
import sys
import threading
from urllib.parse import urlencode

from patience import PATIENCE


def test_the_demo_keeps_running_with_the_console_open() -> None:
    command = [sys.executable, "-m", "interface", "demo", "--serve"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    impatient = threading.Timer(2 * PATIENCE, process.kill)
    impatient.start()
    try:
        told = ""
        while "stop with Ctrl-C" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        found = re.search(r"console +http://([\d.]+):(\d+)/ +\(name (\w+), password (\S+)\)", told)
        assert found, told
        host, port, name, password = found.groups()
        assert "<h1>Today</h1>" in first_page(host, int(port), name, password)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        impatient.cancel()
        process.stderr.close()


def first_page(host: str, port: int, name: str, password: str) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/sign-in")
        form = connection.getresponse()
        token = re.search(r'name="csrf" value="(\w+)"', form.read().decode())
        assert token
        fields = urlencode({"name": name, "password": password, "csrf": token[1]})
        cookie = (form.getheader("Set-Cookie") or "").partition(";")[0]
        kind = "application/x-www-form-urlencoded"
        connection.request("POST", "/sign-in", fields, {"Cookie": cookie, "Content-Type": kind})
        signed_in = connection.getresponse()
        signed_in.read()
        cookies = [value.partition(";")[0] for value in signed_in.headers.get_all("Set-Cookie") or ()]
        connection.request("GET", "/", headers={"Cookie": cookies[0]})
        return connection.getresponse().read().decode()
    finally:
        connection.close()
