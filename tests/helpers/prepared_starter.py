"""Has imported the whole program, and becomes what `prepared.py` asks for: forked, as Python does it with a command line.

python prepared_starter.py NUMBER-OF-THE-LISTENING-SOCKET; ends when its standard input is closed.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import time
import warnings
from typing import Any

_STREAMS = 3
_ABOVE = 64
"""Files handed over are put here first, out of the way of those they replace."""


def prepare() -> None:
    """Import what programs under test need. Nothing may begin to run, nor hold a file."""
    import interface

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for module in pkgutil.walk_packages(interface.__path__, "interface."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    assert "twisted.internet.reactor" not in sys.modules, "all would wait on one reactor's files"
    gc.collect()
    gc.freeze()


def asked(listener: socket.socket) -> dict[str, Any] | None:
    """Fork for whoever comes, and tell how each ended. In a child: what it is to become. None: nobody will ask any more."""
    running: dict[int, socket.socket] = {}
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ready, _, _ = select.select([listener, woken, 0], [], [])
        if 0 in ready:
            return None
        if woken in ready:
            os.read(woken, 4096)
            _tell_ends(running)
        if listener in ready:
            line, _ = listener.accept()
            text, files, _, _ = socket.recv_fds(line, 1 << 20, _STREAMS)
            child = os.fork()
            if not child:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                _take(files)
                for told in (listener, line, *running.values()):
                    told.detach()  # closed by _take
                return json.loads(text)  # type: ignore[no-any-return]
            for file in files:
                os.close(file)
            running[child] = line
            with contextlib.suppress(OSError):  # who asked is gone
                line.send(str(child).encode())


def _tell_ends(running: dict[int, socket.socket]) -> None:
    while running:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        with running.pop(child) as told, contextlib.suppress(OSError):  # nobody waits for it
            told.send(str(os.waitstatus_to_exitcode(status)).encode())


def _take(streams: list[int]) -> None:
    """Have the streams that were handed over, and nothing else open."""
    for number, file in enumerate(streams):
        os.dup2(file, _ABOVE + number)
    for number in range(_STREAMS):
        os.dup2(_ABOVE + number, number)
    os.closerange(_STREAMS, _ABOVE + _STREAMS)


def _open_streams(unbuffered: bool) -> None:
    """As Python does when it starts: what there is may be a file where there was a pipe before."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        file = open(number, "wb" if number else "rb", 0 if number and unbuffered else -1, closefd=False)  # noqa: SIM115
        stream = io.TextIOWrapper(
            file,
            encoding="utf-8",
            errors="backslashreplace" if name == "stderr" else "strict",
            line_buffering=name == "stderr" or bool(number and file.isatty()),
            write_through=unbuffered and number > 0,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def become(what: dict[str, Any]) -> None:
    """Do what Python does with this command line in this folder and environment."""
    os.chdir(what["folder"])
    os.environ.clear()
    os.environ.update(what["environment"])
    time.tzset()
    _open_streams(unbuffered=bool(os.environ.get("PYTHONUNBUFFERED")))
    rest = what["arguments"]
    if rest[0] == "-W":
        sys.warnoptions.append(rest[1])
        warnings.simplefilter(rest[1])
        rest = rest[2:]
    kind, *rest = rest
    if kind == "-c":
        sys.argv, sys.path[0] = ["-c", *rest[1:]], ""
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    elif kind == "-m":
        sys.argv, sys.path[0] = rest, what["folder"]
        sys.modules.pop(rest[0], None)
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = [kind, *rest], os.path.dirname(os.path.abspath(kind))  # noqa: PTH100, PTH120
        runpy.run_path(kind, run_name="__main__")


def end(code: object) -> None:
    """End as Python does after `sys.exit(code)`, but take nothing apart: 0.05 s of a processor, more than all else here."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    os._exit((code or 0) & 0xFF)


if __name__ == "__main__":
    prepare()
    if (what := asked(socket.socket(fileno=int(sys.argv[1])))) is not None:
        try:
            become(what)
        except SystemExit as ending:
            end(ending.code)
        end(None)
