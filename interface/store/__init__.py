"""Every table, migration and SQL statement of the product; keys and encryption at rest."""

from interface.store.crypto import Keyring, Master
from interface.store.database import Store, open_store
from interface.store.errors import KeyringError, NotStored, StoreError, Unreadable
from interface.store.lock import StoreLock
from interface.store.records import (
    Arrival,
    AttemptDone,
    Claimed,
    CloseRow,
    Committed,
    JournalRow,
    MessageDone,
    MessageFilter,
    NewRequestRow,
    PatientRow,
    PatientWrite,
    RequestFilter,
    RewriteRow,
    Stored,
    Turn,
    reasons_json,
)

__all__ = [
    "Arrival",
    "AttemptDone",
    "Claimed",
    "CloseRow",
    "Committed",
    "JournalRow",
    "Keyring",
    "KeyringError",
    "Master",
    "MessageDone",
    "MessageFilter",
    "NewRequestRow",
    "NotStored",
    "PatientRow",
    "PatientWrite",
    "RequestFilter",
    "RewriteRow",
    "Store",
    "StoreError",
    "StoreLock",
    "Stored",
    "Turn",
    "Unreadable",
    "open_store",
    "reasons_json",
]
