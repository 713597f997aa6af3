"""Encryption at rest: AES-GCM for what is patient data, keyed hashes for what must be found again.

Two layers. The master key, which lies outside the store, wraps the data keys, which lie in it (table `store_keys`) and
seal the values. So the master key is replaced without touching a value. Every sealed value begins with a header:

    1 byte format · 4 bytes key id · 12 bytes random nonce · ciphertext · 16 bytes tag

A subkey for each purpose is derived from the data key by HKDF-SHA256, and the header is authenticated: a
value moved to a column of another purpose does not open. Random nonces allow 2**32 values for a purpose and
key. A value in the clear (`[store] encryption = "off"`) is a zero byte and the value.

The keys of the hashes are a secret of the store that never changes: what was stored under a hash is found by it for ever.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from interface.store.errors import KeyringError, StoreError, Unreadable

MASTER_BYTES = 32
KEY_ID_BYTES = 4
HASH_BYTES = 16
CLEAR = b"\x00"
"""The format byte of a value in the clear."""
CLEAR_ID = b"\x00" * KEY_ID_BYTES
"""What stands for a key where values are in the clear."""
LOOK_SECONDS = 30.0
"""How often a process that seals looks whether there is a newer data key."""
_FORMAT = b"\x01"
_WRAPPED = b"\x02"
_NONCE_BYTES = 12
_TAG_BYTES = 16
HEADER_BYTES = 1 + KEY_ID_BYTES
_OVERHEAD_BYTES = HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES
_LOOK_AGAIN_SECONDS = 1.0
"""How often, at most, an unknown key is looked for."""


def new_master_key() -> bytes:
    """A new random key of 32 bytes."""
    return os.urandom(MASTER_BYTES)


def _derive(secret: bytes, info: str, length: int = 32) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"hl7-interface " + info.encode()).derive(secret)


def _checked(secret: bytes) -> bytes:
    if len(secret) != MASTER_BYTES:
        raise KeyringError(f"an at-rest key has {MASTER_BYTES} bytes, this one has {len(secret)}")
    return secret


class Master:
    """The key that `[store] key` names: it wraps the keys of the store, and seals nothing itself."""

    def __init__(
        self,
        secret: bytes | None,
        *,
        source: str = "key",
        off: bool = False,
        again: Callable[[], Master] | None = None,
    ) -> None:
        """`source` says in messages where the key came from. `off`: values are stored in the clear from now on; then
        `secret` is needed only for what was sealed before. `again` reads the key anew: a rotation may have replaced it.
        """
        self.secret = None if secret is None else _checked(secret)
        self.source = source
        self.off = off
        self.again = again
        self.id = CLEAR_ID if secret is None else _derive(secret, "key id", KEY_ID_BYTES)

    def __repr__(self) -> str:
        return f"Master({self.source!r}, id {self.id.hex()})"

    def wrap(self, kind: str, key_id: bytes, plain: bytes) -> bytes:
        """A key of the store (`kind`: data or hash), to be kept in it."""
        header, nonce = _WRAPPED + self.id, os.urandom(_NONCE_BYTES)
        return header + nonce + self._cipher().encrypt(nonce, plain, header + kind.encode() + key_id)

    def unwrap(self, kind: str, key_id: bytes, wrapped: bytes) -> bytes:
        """What `wrap` was given; raises Unreadable."""
        header, rest = wrapped[:HEADER_BYTES], wrapped[HEADER_BYTES:]
        try:
            return self._cipher().decrypt(
                rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + kind.encode() + key_id
            )
        except (InvalidTag, ValueError):
            raise Unreadable(f"the {kind} key {key_id.hex()} does not open with the at-rest key") from None

    def _cipher(self) -> AESGCM:
        if self.secret is None:
            raise KeyringError("the at-rest key is missing")
        return AESGCM(_derive(self.secret, "wrap"))


class DataKey:
    """One key that seals values, with the ciphers that were derived from it so far."""

    def __init__(self, secret: bytes) -> None:
        self.secret = _checked(secret)
        self.id = _derive(secret, "key id", KEY_ID_BYTES)
        self.header = _FORMAT + self.id
        self._ciphers: dict[str, AESGCM] = {}

    def cipher(self, purpose: str) -> AESGCM:
        """The cipher of a purpose."""
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = self._ciphers[purpose] = AESGCM(_derive(self.secret, f"seal {purpose}"))
        return cipher


@dataclass(frozen=True, slots=True)
class HashKeys:
    """The store's secret by which identifiers and contents are hashed."""

    lookup: bytes
    digest: bytes

    @classmethod
    def new(cls) -> HashKeys:
        """Those of a new store."""
        return cls(os.urandom(32), os.urandom(32))

    @classmethod
    def of_master(cls, master: bytes) -> HashKeys:
        """Those of a store whose values were sealed by the master key itself (before version 5)."""
        return cls(_derive(master, "lookup"), _derive(master, "digest"))

    @classmethod
    def parse(cls, plain: bytes) -> HashKeys:
        """What `plain` gave."""
        return cls(plain[:32], plain[32:])

    @property
    def plain(self) -> bytes:
        """Both, to be wrapped."""
        return self.lookup + self.digest


@dataclass(frozen=True, slots=True)
class _Held:
    """The keys at hand, replaced whole: threads share a keyring."""

    keys: dict[bytes, DataKey]
    sealing: DataKey | None
    """None: there is none; then what is sealed is refused, or stored in the clear."""
    clear: bool
    """New values are stored in the clear."""
    opens_clear: bool
    """Values in the clear are known to be there."""


class Keyring:
    """The data keys of an open store: the newest seals, all open. Shared by the threads of a process."""

    def __init__(
        self, keys: Sequence[DataKey], hashes: HashKeys, *, clear: bool = False, opens_clear: bool = False
    ) -> None:
        """`keys`: oldest first. `clear`: seal nothing."""
        self.hashes = hashes
        # begun once and copied: 1 us less for a message
        self._lookup = hashlib.blake2b(digest_size=HASH_BYTES, key=hashes.lookup)
        self._digest = hashlib.blake2b(digest_size=HASH_BYTES, key=hashes.digest)
        self.looking: Callable[[], StoreError | None] | None = None
        """Reads the store's keys anew and gives them to `take`; gives why it could not."""
        self.blind: StoreError | None = None
        """Why the store's keys could not be read at the last look; None: they were."""
        self._look_due = time.monotonic() + LOOK_SECONDS
        self._unknown_due = 0.0
        self._used = threading.local()
        self.take(keys, clear=clear, opens_clear=opens_clear)

    @classmethod
    def alone(cls, secret: bytes) -> Keyring:
        """That of a store of before version 5, whose one key is the master key itself."""
        return cls([DataKey(secret)], HashKeys.of_master(secret))

    def take(self, keys: Sequence[DataKey], *, clear: bool = False, opens_clear: bool = False) -> None:
        """The store's keys as they are now, oldest first."""
        known = {key.id: key for key in keys}
        self._held = _Held(known, keys[-1] if keys else None, clear, clear or opens_clear)

    def __repr__(self) -> str:
        return f"Keyring(seals with {self.key_id.hex()})"

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that name the sealing key; they tell nothing of it."""
        held = self._held
        return CLEAR_ID if held.clear or held.sealing is None else held.sealing.id

    @property
    def opens_clear(self) -> bool:
        """Whether there may be values in the clear."""
        return self._held.opens_clear

    @property
    def header(self) -> bytes:
        """What new values begin with."""
        return CLEAR if self._held.clear else _FORMAT + self.key_id

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Encrypt `plain` for a purpose ("message", "chart", …); 33 bytes longer. 2 µs for 2 KB."""
        if time.monotonic() > self._look_due:
            self.look()
        held = self._held
        key = held.sealing
        if held.clear:
            self._note(CLEAR_ID)
            return CLEAR + plain
        if key is None:
            raise KeyringError(
                "encryption was turned on for this store: start the daemon once, it makes a key"
            )
        self._note(key.id)
        nonce = os.urandom(_NONCE_BYTES)
        return key.header + nonce + key.cipher(purpose).encrypt(nonce, plain, key.header)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` gave for the same purpose; raises Unreadable.

        Raises StoreError where its key is not known, and the store's keys could not be read: it may be as good as ever.
        """
        header = sealed[:HEADER_BYTES]
        if header[:1] == CLEAR and self._held.opens_clear:
            return sealed[1:]
        if len(sealed) < _OVERHEAD_BYTES or header[:1] != _FORMAT:
            raise Unreadable(f"this {purpose} is damaged: it is not a sealed value")
        key = self._held.keys.get(header[1:])
        if key is None and time.monotonic() > self._unknown_due:
            self._unknown_due = time.monotonic() + _LOOK_AGAIN_SECONDS
            self.look()  # another process may have made a new one
            key = self._held.keys.get(header[1:])
        if key is None:
            if self.blind is not None:
                unknown = StoreError(f"the key of this {purpose} is not known: {self.blind}")
                unknown.ours = True
                raise unknown
            raise Unreadable(
                f"this {purpose} was sealed with key {header[1:].hex()}, which is not in the keyring"
            )
        nonce = sealed[HEADER_BYTES : HEADER_BYTES + _NONCE_BYTES]
        try:
            return key.cipher(purpose).decrypt(nonce, sealed[HEADER_BYTES + _NONCE_BYTES :], header)
        except InvalidTag:
            raise Unreadable(f"this {purpose} is damaged: it does not open with its key") from None

    def look(self) -> None:
        """Look whether the store has other keys by now; what can't be read stays as it is."""
        self._look_due = time.monotonic() + LOOK_SECONDS
        if self.looking is not None:
            self.blind = self.looking()

    def used(self) -> set[bytes]:
        """The ids of the keys by which this thread has sealed since it was asked last."""
        ids = getattr(self._used, "ids", None) or set()
        self._used.ids, self._used.last = set(), None
        return ids

    def _note(self, key_id: bytes) -> None:
        if getattr(self._used, "last", None) != key_id:
            self._used.last = key_id
            self._used.ids = getattr(self._used, "ids", None) or set()
            self._used.ids.add(key_id)

    def lookup(self, text: str) -> bytes:
        """The keyed hash (16 bytes) by which an identifier is found again without being readable."""
        hasher = self._lookup.copy()
        hasher.update(text.encode("utf-8", "surrogatepass"))
        return hasher.digest()

    def digest(self, raw: bytes) -> bytes:
        """The keyed hash (16 bytes) that tells equal contents."""
        hasher = self._digest.copy()
        hasher.update(raw)
        return hasher.digest()
