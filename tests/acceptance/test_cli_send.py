"""`send` against a real MLLP receiver on loopback, well and badly behaved."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interface.cli.main import main
from interface.hl7.framing import Frame, FrameDecoder, frame

ONE = b"MSH|^~\\&|A|B|C|D|20260305||ADT^A08|M%d|P|2.5.1\rPID|1||7^^^LFC^MR||D\xe9e^J\r"

Answering = Callable[[bytes, int], list[bytes]]


def answer(code: bytes) -> Answering:
    def reply(payload: bytes, _: int) -> list[bytes]:
        control_id = payload.split(b"|")[9]
        return [frame(b"MSH|^~\\&|C|D|A|B|20260305||ACK|1|P|2.5.1\rMSA|%s|%s\r" % (code, control_id))]

    return reply


class Receiver:
    """Takes frames on any number of connections and answers as told; b"" closes the connection."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.taken: list[bytes] = []
        self.connections = 0
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        decoder = FrameDecoder()
        with connection:
            while data := connection.recv(65536):
                for item in decoder.feed(data):
                    assert isinstance(item, Frame)
                    self.taken.append(item.payload)
                    for part in self.answering(item.payload, len(self.taken)):
                        if not part:
                            return
                        connection.sendall(part)

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for thread in self.threads:
            thread.join(10)


Receive = Callable[[Answering], Receiver]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def receive() -> Iterator[Receive]:
    made: list[Receiver] = []

    def start(answering: Answering) -> Receiver:
        made.append(Receiver(answering))
        return made[-1]

    yield start
    for receiver in made:
        receiver.close()


def file_of(folder: Path, count: int = 3) -> str:
    path = folder / "m.hl7"
    path.write_bytes(b"".join(ONE % number for number in range(1, count + 1)))
    return str(path)


def send(capsys: Capture, *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["send", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_messages_go_out_in_order_with_their_bytes_unchanged(
    receive: Receive, tmp_path: Path, capsys: Capture
) -> None:
    receiver = receive(answer(b"AA"))
    code, summary = send(capsys, file_of(tmp_path), "--to", receiver.address)
    assert code == 0
    assert [payload.rstrip(b"\r") for payload in receiver.taken] == [
        (ONE % n).rstrip(b"\r") for n in (1, 2, 3)
    ]
    assert receiver.connections == 1
    assert (summary["sent"], summary["acks"], summary["no_answer"]) == (3, {"AA": 3, "AE": 0, "AR": 0}, 0)


def test_repeat_and_connections(receive: Receive, tmp_path: Path, capsys: Capture) -> None:
    receiver = receive(answer(b"CA"))
    code, summary = send(
        capsys, file_of(tmp_path), "--to", receiver.address, "--repeat", "20", "--connections", "4"
    )
    assert code == 0
    assert len(receiver.taken) == 60 == summary["sent"]
    assert summary["acks"] == {"AA": 0, "AE": 0, "AR": 0, "CA": 60}


def test_the_summary_for_people(receive: Receive, tmp_path: Path, capsys: Capture) -> None:
    receiver = receive(answer(b"AA"))
    assert main(["send", file_of(tmp_path), "--to", receiver.address]) == 0
    out = capsys.readouterr().out
    assert "messages  3 sent, 3 AA, 0 AE, 0 AR, 0 no answer" in out and "messages a second" in out


def test_a_refusal_is_exit_1_and_named(receive: Receive, tmp_path: Path, capsys: Capture) -> None:
    receiver = receive(lambda payload, number: answer(b"AE" if number == 2 else b"AA")(payload, number))
    assert main(["send", file_of(tmp_path), "--to", receiver.address]) == 1
    out = capsys.readouterr().out
    assert "3 sent, 2 AA, 1 AE" in out
    assert "M2" in out and "M1" not in out


def test_an_ack_in_single_bytes_and_an_ack_of_many_kilobytes_are_read_whole(
    receive: Receive, tmp_path: Path, capsys: Capture
) -> None:
    def slowly(payload: bytes, number: int) -> list[bytes]:
        whole = answer(b"AA")(payload, number)[0]
        return (
            [bytes([byte]) for byte in whole]
            if number == 1
            else [whole[:-2] + b"ZZZ|" + b"x" * 50000 + whole[-2:]]
        )

    code, summary = send(capsys, file_of(tmp_path), "--to", receive(slowly).address)
    assert (code, summary["acks"]) == (0, {"AA": 3, "AE": 0, "AR": 0})


def test_a_message_larger_than_a_socket_buffer_goes_out_whole(
    receive: Receive, tmp_path: Path, capsys: Capture
) -> None:
    receiver = receive(answer(b"AA"))
    path = tmp_path / "large.hl7"
    path.write_bytes(ONE % 1 + b"OBX|1|TX|||" + b"x" * 12_000_000 + b"\r")
    code, _ = send(capsys, str(path), "--to", receiver.address)
    assert code == 0
    assert len(receiver.taken[0].rstrip(b"\r")) == len(path.read_bytes()) - 1


def test_a_connection_closed_without_an_answer_is_made_anew_and_nothing_is_sent_twice(
    receive: Receive, tmp_path: Path, capsys: Capture
) -> None:
    receiver = receive(lambda payload, number: [b""] if number == 2 else answer(b"AA")(payload, number))
    code, summary = send(capsys, file_of(tmp_path), "--to", receiver.address)
    assert code == 1
    assert (summary["acks"], summary["no_answer"]) == ({"AA": 2, "AE": 0, "AR": 0}, 1)
    assert len(receiver.taken) == 3 and receiver.connections == 2


def test_no_answer_in_time_is_counted_and_a_late_ack_is_nobodys(
    receive: Receive, tmp_path: Path, capsys: Capture
) -> None:
    receiver = receive(lambda payload, number: [] if number == 1 else answer(b"AA")(payload, number))
    code, summary = send(capsys, file_of(tmp_path), "--to", receiver.address, "--timeout", "0.3")
    assert code == 1
    assert (summary["acks"], summary["no_answer"]) == ({"AA": 2, "AE": 0, "AR": 0}, 1)
    assert summary["not_taken"][0]["text"] == "none within 0.3 s"


def test_an_answer_for_another_message_is_no_ack(receive: Receive, tmp_path: Path, capsys: Capture) -> None:
    receiver = receive(lambda payload, number: answer(b"AA")(payload.replace(b"|M2|", b"|M9|"), number))
    code, summary = send(capsys, file_of(tmp_path), "--to", receiver.address)
    assert (code, summary["other_id"]) == (1, 1)


def test_a_message_that_asks_for_no_answer_is_not_waited_for(
    receive: Receive, tmp_path: Path, capsys: Capture
) -> None:
    receiver = receive(lambda payload, number: [])
    path = tmp_path / "ne.hl7"
    path.write_bytes(b"MSH|^~\\&|A|B|C|D|20260305||ADT^A08|M1|P|2.5.1|||NE|NE\r")
    code, summary = send(capsys, str(path), "--to", receiver.address, "--timeout", "30")
    assert (code, summary["not_asked"]) == (0, 1)


def test_nobody_there_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    assert main(["send", file_of(tmp_path), "--to", address]) == 1
    assert capsys.readouterr().err == (
        f"hl7-interface: cannot connect to {address}: Connection refused; is the receiver running?\n"
    )
