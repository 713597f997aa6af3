"""What the store says when it cannot do what was asked; each text is one line without patient data."""

from interface.errors import InterfaceError


class StoreError(InterfaceError):
    """The store cannot be opened, read or written."""


class NotStored(StoreError):  # noqa: N818 - says what happened to the batch
    """Nothing of this batch was stored: nothing of it may be acknowledged."""


class OutcomeUnknown(StoreError):  # noqa: N818 - says what happened to the transaction
    """The connection broke while it was committed: it is stored whole or not at all, and nobody knows which."""


class KeyringError(StoreError):
    """The at-rest key is missing, malformed or cannot be made."""

    exit_code = 2  # the settings name it


class Unreadable(StoreError):  # noqa: N818 - an adjective of the value
    """A sealed value cannot be opened: it is damaged, or was sealed with a key that is not in the keyring."""
