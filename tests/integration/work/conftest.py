"""A real store, an API on loopback that answers as it is told, and the work as a thread's loop or as a process."""

import importlib.util
import socket
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import patience
import pytest
from ports import free_port
from prepared import PIPE, Prepared
from sqlalchemy import update

from interface.store.lock import StoreLock
from interface.store.records.arrivals import Arrival
from interface.store.schema import nodes
from interface.store.store import open_store

CHILD = Path(__file__).with_name("work_child.py")


def _beside(name):
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


work_child = _beside("work_child")
hand_site = _beside("hand_site")

TAKEN = orjson.dumps({"correlationId": "11111111-2222-4333-8444-555555555555"})


class Api:
    """Answers each POST as `answer(body, number)` says: a status, `drop`, `hang`, or (status, body, headers).

    `taken` are the bodies answered with 200, `seen` all, both in order; `most` is how many were there at once.
    """

    def __init__(self):
        self.answer = lambda told, number: 200
        self.seen, self.taken, self.headers = [], [], []
        self.most = self.now = self.connections = 0
        self.most_of_a_patient = 0
        self.here = {}
        self.lock = threading.Lock()
        self.resume = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/scheduled-appointment"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def stop(self):
        self.resume.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def post(self, handler):
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        told = orjson.loads(raw)
        patient = str(told.get("patient"))
        with self.lock:
            self.seen.append(told)
            self.headers.append(dict(handler.headers))
            number = len(self.seen)
            self.now += 1
            self.here[patient] = self.here.get(patient, 0) + 1
            self.most = max(self.most, self.now)
            self.most_of_a_patient = max(self.most_of_a_patient, self.here[patient])
        try:
            answer = self.answer(told, number)
        finally:
            with self.lock:
                self.now -= 1
                self.here[patient] -= 1
        if answer == "hang":
            self.resume.wait(20)
            answer = "drop"
        if answer == "drop":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        status, body, headers = answer if isinstance(answer, tuple) else (answer, TAKEN, {})
        if status == 200:
            with self.lock:
                self.taken.append(told)
        handler.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def _handler(self):
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with api.lock:
                    api.connections += 1

            def do_POST(self):
                try:
                    api.post(self)
                except OSError:
                    self.close_connection = True

            def handle(self):
                with suppress(OSError):  # the other side was killed
                    super().handle()

            def log_message(self, *_):
                pass

        return Handler


class Feed:
    """Journals messages as the door does, each once, in order."""

    def __init__(self, store):
        self.store = store
        self.count = 0

    def __call__(self, *messages, now=None):
        """Each message: (patient, n) to post, or a dict."""
        arrivals = []
        for message in messages:
            told = message if isinstance(message, dict) else {"patient": message[0], "n": message[1]}
            self.count += 1
            raw = orjson.dumps({"do": "post", **told})
            at = time.time() if now is None else now
            arrivals.append(
                Arrival("main", "APP", "FAC", f"C{self.count}", "SIU^S12", "P", "peer", raw, "stored", at)
            )
        return [stored.id for stored in self.store.journal.append(arrivals, time.time())]


class Child:
    """The work as a process; its standard error is kept in a file."""

    def __init__(self, store_url, url, log, *options):
        self.log = log
        with log.open("ab") as err:
            self.process = Prepared(
                [sys.executable, "-W", "error", str(CHILD), store_url, url, *options],
                stdin=PIPE,
                stdout=PIPE,
                stderr=err,
            )

    def wake(self):
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def kill(self):
        self.process.kill()
        return self._ended(), None

    def end(self):
        """Close its input; gives its exit code and what it reported."""
        self.process.stdin.close()
        reports = self.process.stdout.read().splitlines()
        return self._ended(), [orjson.loads(line) for line in reports]

    def terminate(self):
        self.process.terminate()
        return self._ended()

    def _ended(self):
        code = self.process.wait(30)
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()
        return code


@pytest.fixture
def until():
    """Waits until a condition is true."""
    return lambda condition, what="it": patience.until(what, condition)


@pytest.fixture
def child_module():
    return work_child


@pytest.fixture
def api():
    api = Api()
    yield api
    api.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The URL of a store on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/interface.db"
    return request.getfixturevalue("clean_store")(work_child.KEYRING)


@pytest.fixture
def store(store_url):
    with open_store(store_url, work_child.KEYRING) as store:
        yield store


class SomeDaemon:
    """A daemon as others see it: the lock of its door, or its row among the nodes."""

    def __init__(self, store, url):
        self._store = store
        self._lock = StoreLock.beside(url, "door") if store.path else None

    def acquire(self):
        if self._lock is not None:
            self._lock.acquire()
            return
        self._store.nodes.pulse("some", "host", daemon=True)
        with self._store.nodes._writing() as connection:
            connection.execute(update(nodes).values(alive_until=2e9))

    def release(self):
        if self._lock is not None:
            self._lock.release()
        else:
            self._store.nodes.leave("some")

    def __enter__(self):
        self.acquire()

    def __exit__(self, *_):
        self.release()


@pytest.fixture
def some_daemon(store, store_url):
    return SomeDaemon(store, store_url)


@pytest.fixture
def on_sqlite(store):
    if store.path is None:
        pytest.skip("of locks on files")


@pytest.fixture
def feed(store):
    return Feed(store)


@pytest.fixture
def start(store, store_url, api, tmp_path):
    """Starts the work as a process; whatever still runs at the end of the test is killed."""
    children = []

    def started(*options, url=None):
        children.append(Child(store_url, url or api.url, tmp_path / "work.log", *options))
        return children[-1]

    yield started
    for child in children:
        if child.process.poll() is None:
            child.kill()
        else:
            child._ended()


@pytest.fixture
def requests_by_id(store):
    """All requests of the store as {id: summary}."""

    def read():
        return {request.id: request for request in store.views.requests(limit=10_000)}

    return read


@pytest.fixture
def dead_url():
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}/v1/scheduled-appointment"


@pytest.fixture
def site(store):
    return hand_site.Site(store)


@pytest.fixture
def limited(store):
    """Another site's work on the store, as after a restart; with a limit of POSTs per second or without (None)."""
    return lambda limit: hand_site.Site(store, limit=limit)


@pytest.fixture
def site_class():
    """For tests of several sites."""
    return hand_site.Site
