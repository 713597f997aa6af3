"""Anything at the MLLP door, with and without TLS: mutated messages, bytes of chance, framing gone wrong, cut anywhere, sent
without waiting. Whatever comes: every message that is stored is answered, in order, nothing is answered that is not stored,
and the door lives and has no fault to report.

`FUZZ_SECONDS=600 pytest tests/integration/door/test_fuzz.py` goes on for longer, with other dice each time.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path

import pytest
from authority import Authority
from fuzzing import LIMIT, try_for_a_while
from hypothesis import strategies as st
from patience import PATIENCE
from running_door import Door, Sender

from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.records.lists import MessageFilter, MessageSummary
from interface.store.store import Store, open_store

Start = Callable[..., Door]

SAMPLES = [
    path
    for path in sorted(Path(__file__).resolve().parents[3].glob("sample_messages/*/*.hl7"))
    if path.read_bytes().startswith(b"MSH|^~\\&|") and path.read_bytes().count(b"|", 0, 300) > 11
]
HOST = "interface.hospital.example"
TLS = 'tls_certificate = "server.pem"\ntls_key = "server.key"\n'
VT, FS = 0x0B, 0x1C
ids = count(1)


@dataclass(frozen=True)
class Piece:
    """A part of what is sent, and the control id of the message in it, if its MSH is whole."""

    data: bytes
    name: str = ""


def sample(path: Path, name: str) -> tuple[bytes, bytes]:
    """A sample message, with a control id of its own: its MSH, and the rest."""
    raw = path.read_bytes().replace(b"\r\n", b"\r").replace(b"\n", b"\r").strip(b"\r\x0b\x1c")
    head, _, rest = raw.partition(b"\r")
    fields = head.split(b"|")
    fields[9] = name.encode()
    return b"|".join([*fields[:12], b"", b"", b"", b""]) + b"\r", rest


ODDITIES = [
    b"\r",
    b"\rMSH|^~\\&|",
    b"\x1c\r",
    b"\x0b",
    b"\x1c",
    b"|" * 300,
    b"\\X0D\\",
    b"\x00",
    b"~^&\\",
    b"\xff\xfe",
]
MUTATIONS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 12),
        st.one_of(
            st.binary(max_size=6),
            st.sampled_from(ODDITIES),
        ),
    ),
    max_size=6,
)


def mutated(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for where, length, put in changes:
        at = int(where * len(data))
        data = data[:at] + put + data[at + length :]
    return data


@st.composite
def messages(draw: st.DrawFn) -> Piece:
    """A message whose MSH is whole, whatever became of the rest; mostly in a frame."""
    name = f"Z{next(ids)}"
    head, rest = sample(draw(st.sampled_from(SAMPLES)), name)
    body = mutated(rest, draw(MUTATIONS))
    return Piece(
        b"\x0b" + head + body + draw(st.sampled_from([b"\x1c\r", b"\x1c", b"\x1c\r\n", b"\x1c\r\r"])), name
    )


@st.composite
def wrecks(draw: st.DrawFn) -> Piece:
    """A message in which nothing is sacred."""
    head, rest = sample(draw(st.sampled_from(SAMPLES)), f"W{next(ids)}")
    return Piece(mutated(b"\x0b" + head + rest + b"\x1c\r", draw(MUTATIONS)))


PIECES = st.lists(
    st.one_of(
        messages(),
        messages(),
        wrecks(),
        st.binary(max_size=200).map(Piece),
        st.binary(max_size=200).map(lambda data: Piece(b"\x0b" + data + b"\x1c\r")),
        st.sampled_from(
            [b"\x0b", b"\x1c", b"\r", b"\x0b\x1c\r", b"\x0b\x0b", b"\x1c\x1c\r\r", b"\n" * 50]
        ).map(Piece),
    ),
    min_size=1,
    max_size=8,
)


def frames_of(stream: bytes) -> list[bytes]:
    """What a reader takes for frames who goes byte by byte: VT begins one, anew if need be; FS ends it."""
    found: list[bytes] = []
    inside: bytearray | None = None
    for byte in stream:
        if byte == VT:
            inside = bytearray()
        elif inside is not None and byte == FS:
            found.append(bytes(inside))
            inside = None
        elif inside is not None:
            inside.append(byte)
    return found


@pytest.fixture(params=[False, True], ids=["plain", "TLS"])
def reached(request: pytest.FixtureRequest, start: Start, tmp_path: Path) -> Iterator[Reached]:
    authority = Authority(tmp_path)
    authority.issue(HOST, into="server")
    secure = bool(request.param)
    door = start((TLS if secure else "") + "max_message_bytes = 262144\n")
    given_settings = load_settings(tmp_path / "settings.toml")
    keyring = load_or_create(None, tmp_path, print, create=False)
    with open_store(given_settings.store_url, keyring, create=False) as store:
        yield Reached(door, store, authority.trusting() if secure else None)


class Reached:
    """A running door, its store beside it, and how to speak to it."""

    def __init__(self, door: Door, store: Store, context: ssl.SSLContext | None) -> None:
        self.door, self._store, self._context = door, store, context
        self._last = 0
        self.known: set[str] = set()
        """Control ids of all that is stored."""

    def connect(self) -> Sender:
        plain = socket.create_connection(("127.0.0.1", self.door.ports["main"]), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Sender(
            plain if self._context is None else self._context.wrap_socket(plain, server_hostname=HOST)
        )

    def stored(self) -> list[MessageSummary]:
        """What is new in the journal, oldest first."""
        found: list[MessageSummary] = []
        while True:
            page = self._store.views.messages(
                MessageFilter(), before=found[-1].id if found else None, limit=100
            )
            found += [row for row in page if row.id > self._last]
            if len(page) < 100 or page[-1].id <= self._last:
                break
        self._last = max([self._last, *(row.id for row in found)])
        return found[::-1]


def fits(answer: tuple[str, str], frame: bytes) -> bool:
    """Whether an answer may be that of a frame: it names its control id, or none."""
    return answer[1].encode("latin-1", "replace") in frame or not answer[1].isascii()


def try_it(reached: Reached, pieces: list[Piece], cuts: list[float]) -> None:
    last = f"E{next(ids)}"
    end = b"\x0bMSH|^~\\&|A|B|C|D|1||ADT^A08|%s|P|2.5.1\r\x1c\r" % last.encode()
    stream = b"".join(piece.data for piece in pieces) + end
    if stream.startswith(b"\x16"):
        stream = b"x" + stream  # TLS on a plain port is refused, and has its own tests
    sender = reached.connect()
    edges = sorted({0, len(stream), *(int(cut * len(stream)) for cut in cuts)})
    for begin, stop in pairwise(edges):
        sender.socket.sendall(stream[begin:stop])
    answers: list[tuple[str, str]] = []
    while not answers or answers[-1][1] != last:
        raw = sender.raw_answer()
        assert raw is not None, "closed before the last message was answered"
        msa = next(line for line in raw.decode("latin-1").split("\r") if line.startswith("MSA"))
        answers.append((msa.split("|")[1], [*msa.split("|"), ""][2]))
    sender.close()

    frames = frames_of(stream)
    whole = {piece.name.encode(): piece.name for piece in pieces if piece.name}
    whole[last.encode()] = last
    position, names = 0, []
    for frame in frames:
        fields = frame.partition(b"\r")[0].split(b"|")
        name = whole.get(fields[9]) if frame.startswith(b"MSH|^~\\&|") and len(fields) > 9 else None
        if (
            position < len(answers)
            and fits(answers[position], frame)
            and name in {None, answers[position][1]}
        ):
            position += 1
            names += [name] if name is not None else []
        else:
            assert name is None, f"{name} was not answered in its turn"
    assert position == len(answers), "an answer too many"
    rows = reached.stored()
    ours = [row.control_id for row in rows if row.control_id in whole.values()]
    assert ours == names
    plain = [name for code, name in answers if code in {"AA", "CA"} and name.isascii() and name.isprintable()]
    reached.known.update(row.control_id for row in rows)  # a repetition is counted, and no row of its own
    assert set(filter(None, plain)) <= reached.known, "an answer for what is not stored"


@pytest.mark.timeout(LIMIT)
def test_whatever_comes_what_is_stored_is_answered_and_nothing_else(reached: Reached) -> None:
    def trying(pieces: list[Piece], cuts: list[float]) -> None:
        try_it(reached, pieces, cuts)

    assert try_for_a_while(trying, PIECES, st.lists(st.floats(0, 1), max_size=5)) > 0
    assert reached.door.health()["alive"]
    reached.door.stop()
    assert reached.door.process.stderr is not None
    log = reached.door.log + reached.door.process.stderr.read().decode()
    for fault in ("Traceback", "event=fault", "event=header-fault", "event=ack-fault"):
        assert fault not in log
