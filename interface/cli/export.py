"""`messages export`: stored messages as they came, into a file, a folder or a pipe."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from interface.cli.chosen import add_message_filters_again, any_filter, message_filter, refuse_of_list
from interface.cli.common import UsageError, settings_of, utc_text
from interface.cli.output import many, print_json, tell
from interface.cli.stored import PAGE, add_json_argument, add_settings_again, open_store_of, wants_json, whole
from interface.cli.writing import whole_file
from interface.errors import InterfaceError
from interface.paths import at_home

if TYPE_CHECKING:
    from interface.settings import Settings
    from interface.store.records.lists import MessageSummary, StoredMessage
    from interface.store.store import Store

_NEIGHBOUR = b"MSH|^~\\&|A\r"
_BATCH = 200
_BATCH_BYTES = 4 * 1024 * 1024


def add_export(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Declare `messages export`."""
    parser = subparsers.add_parser(
        "export",
        help="write messages to files",
        description="Write messages as they came, without MLLP framing, oldest first: into one file, which `explain` and "
        "`send` read, or one file each into a folder. It is patient data: files are made with mode 0600, and none is "
        "overwritten.",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", type=whole, help="messages; or choose by filters")
    add_message_filters_again(parser)
    parser.add_argument("--all", action="store_true", help="every message")
    parser.add_argument(
        "--to", metavar="FILE", required=True, help="a new file, a folder, or - (standard output)"
    )
    add_settings_again(parser)
    add_json_argument(parser)
    parser.set_defaults(action=export)


def export(args: argparse.Namespace) -> int:
    """Write them; 1 when one could not be."""
    refuse_of_list(args, "messages export", "--limit", "--before")
    if bool(args.ids) + bool(args.all) + any_filter(args) != 1:
        raise UsageError(
            "messages export: say which: IDs, filters as `messages` has them (--type SIU^S12), or --all"
        )
    if args.to == "-" and wants_json(args):
        raise UsageError("messages export: --to - writes the messages to standard output: no --json")
    settings = settings_of(args)
    with open_store_of(settings) as store, ExitStack() as opened:
        chosen = _chosen(args, settings, store)
        into = _into(args.to, opened)
        written: list[tuple[MessageSummary, str]] = []
        lost: list[tuple[MessageSummary, str]] = []
        try:
            for row in _bodies(store, chosen):
                why = "its body is no longer kept, or can't be opened" if row.raw is None else into.write(row)
                (lost if why else written).append((row.summary, why or into.name(row.summary)))
            into.done()
            opened.close()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise InterfaceError(f"{into.where} cannot be written: {error.strerror}; {into.left}") from None
    return _told(args, into, written, lost)


def _chosen(args: argparse.Namespace, settings: Settings, store: Store) -> list[MessageSummary]:
    """Oldest first. Raises InterfaceError for an id that is not there."""
    if args.ids:
        found = store.patients.messages_by_id(args.ids)
        missing = [id_ for id_ in args.ids if id_ not in found]
        if missing:
            raise InterfaceError(f"there is no message {missing[0]}")
        return [found[id_] for id_ in sorted(found)]
    where = message_filter(args, settings, store)
    rows: list[MessageSummary] = []
    before = None
    while page := store.views.messages(where, before=before, limit=PAGE):
        rows += page
        before = page[-1].id
    return rows[::-1]


def _bodies(store: Store, rows: list[MessageSummary]) -> Iterator[StoredMessage]:
    """Read in small batches, each a short transaction."""
    batch: list[int] = []
    size = 0
    for row in rows:
        if batch and (len(batch) >= _BATCH or size + row.size > _BATCH_BYTES):
            yield from store.views.bodies(batch)
            batch, size = [], 0
        batch.append(row.id)
        size += row.size
    if batch:
        yield from store.views.bodies(batch)


# ---------------------------------------------------------------- where to


class _Into(Protocol):
    where: str
    left: str
    """What there is when it could not be written to the end."""

    def write(self, row: StoredMessage) -> str:
        """Write one; gives why not, or nothing."""

    def name(self, row: MessageSummary) -> str:
        """In which file it is."""

    def done(self) -> None:
        """All is written."""


class _One:
    """One file, or standard output: a message behind the other, each ended by a segment's end."""

    def __init__(self, where: str, stream: IO[bytes], left: str) -> None:
        self.where, self._stream, self.left = where, stream, left

    def write(self, row: StoredMessage) -> str:
        from interface.hl7.batch import messages_in_file

        raw = row.raw or b""
        ended = raw if raw.endswith((b"\r", b"\n")) else raw + b"\r"
        if messages_in_file(_NEIGHBOUR + ended + _NEIGHBOUR) != [_NEIGHBOUR, ended, _NEIGHBOUR]:
            return "between others it would not be read as it is (no MSH, UTF-16): name a folder"
        self._stream.write(ended)
        return ""

    def name(self, row: MessageSummary) -> str:  # noqa: ARG002
        return self.where

    def done(self) -> None:
        self._stream.flush()


class _Each:
    """One file each: names are row ids, for control ids may be made of patients' numbers."""

    left = "what is there is not all"

    def __init__(self, folder: Path) -> None:
        self.where, self._folder = str(folder), folder

    def write(self, row: StoredMessage) -> str:
        path = self._folder / self._file(row.summary)
        try:
            with whole_file(path, new=True) as stream:
                stream.write(row.raw or b"")
        except FileExistsError:
            return f"{path.name} is there already"
        return ""

    def _file(self, row: MessageSummary) -> str:
        return f"message-{row.id:08d}.hl7"

    def name(self, row: MessageSummary) -> str:
        return str(self._folder / self._file(row))

    def done(self) -> None:
        return


def _into(to: str, opened: ExitStack) -> _Into:
    """Raises InterfaceError: the file is there already, or can't be made."""
    if to == "-":
        if sys.stdout is None:
            raise UsageError("messages export: there is no standard output to write to: name a file")
        return _One("standard output", sys.stdout.buffer, "what is there is not whole")
    path = at_home(to)
    if path.is_dir():
        return _Each(path)
    if to.endswith("/"):
        raise InterfaceError(f"there is no folder {to}: make it first")
    try:
        stream = opened.enter_context(whole_file(path, new=True))
    except FileExistsError:
        raise InterfaceError(
            f"{path} is there already, and nothing is overwritten: name another file"
        ) from None
    except OSError as error:
        raise InterfaceError(f"{path} cannot be made: {error.strerror}") from None
    return _One(str(path), stream, "nothing is left behind")


# ---------------------------------------------------------------- what came of it


def _told(
    args: argparse.Namespace,
    into: _Into,
    written: list[tuple[MessageSummary, str]],
    lost: list[tuple[MessageSummary, str]],
) -> int:
    if wants_json(args):
        print_json(
            {
                "to": into.where,
                "messages": [_as_json(row, "file", name) for row, name in written],
                "not_written": [_as_json(row, "problem", why) for row, why in lost],
            }
        )
    else:
        said = f"{many(len(written), 'message')} in {into.where}"
        tell(said if args.to == "-" else f"{said}: patient data, mode 0600")
    for row, why in lost[:20]:
        tell(f"message {row.id} was not written: {why}")
    if len(lost) > 20:
        tell(f"and {len(lost) - 20} more: --json names all")
    return 1 if lost else 0


def _as_json(row: MessageSummary, name: str, value: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "control_id": row.control_id,
        "type": row.message_type,
        "received_at": utc_text(row.received_at),
        "size": row.size,
        name: value,
    }
