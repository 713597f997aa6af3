"""What the store says when it cannot do what was asked; each text is one line without patient data."""

from collections.abc import Mapping

from interface.errors import InterfaceError


class StoreError(InterfaceError):
    """The store cannot be opened, read or written."""

    disk_full = False
    """It is for want of room: it may be tried again."""
    away = False
    """The database server is not there, or not yet: it may be tried again."""
    damaged = False
    """The file is damaged: other parts of it may go on for a while."""
    older = False
    """The store is of an older version: a start brings it up to date, and the program of before opens it no more."""
    ours = False
    """It lies with this process, not with the store: another node may go on."""


class NotStored(StoreError):  # noqa: N818 - says what happened to the batch
    """Nothing of this batch was stored: nothing of it may be acknowledged."""


class OutcomeUnknown(StoreError):  # noqa: N818 - says what happened to the transaction
    """The connection broke while it was committed: it is stored whole or not at all, and nobody knows which."""


class Refused(StoreError):  # noqa: N818 - says what happened to the turn
    """The database takes no such rows, whatever else it takes: trying again is of no use."""


class TurnLost(StoreError):  # noqa: N818 - says what happened to the turn
    """Another node has the turn of intake: nothing of ours was stored."""


class Overtaken(StoreError):  # noqa: N818 - says what happened to the turn
    """Another node is sending what this turn was to change: nothing of it was stored."""

    def __init__(self, sending: Mapping[int, int]) -> None:
        """`sending`: the requests that are being sent, and whose they are."""
        super().__init__("another node is sending what this turn was to change")
        self.sending = dict(sending)


class KeyringError(StoreError):
    """The at-rest key is missing, malformed or cannot be made."""

    exit_code = 2  # the settings name it


class Unreadable(StoreError):  # noqa: N818 - an adjective of the value
    """A sealed value cannot be opened: it is damaged, or was sealed with a key that is not in the keyring."""
