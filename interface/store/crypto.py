"""Encryption at rest: AES-GCM for what is patient data, keyed hashes for what must be found again.

Every sealed value begins with a header, so that keys can change while old values stay readable:

    1 byte format · 4 bytes key id · 12 bytes random nonce · ciphertext · 16 bytes tag

A subkey for each purpose is derived from the master key by HKDF-SHA256, and the header is authenticated: a
value moved to a column of another purpose does not open. Random nonces allow 2**32 values for a purpose and
key.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from interface.store.errors import KeyringError, Unreadable

MASTER_BYTES = 32
KEY_ID_BYTES = 4
HASH_BYTES = 16
_FORMAT = b"\x01"
_NONCE_BYTES = 12
_HEADER_BYTES = 1 + KEY_ID_BYTES
_OVERHEAD_BYTES = _HEADER_BYTES + _NONCE_BYTES + 16


def new_master_key() -> bytes:
    """A new random master key of 32 bytes."""
    return os.urandom(MASTER_BYTES)


def _derive(master: bytes, info: str, length: int = 32) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=b"hl7-interface " + info.encode()).derive(master)


class _Key:
    """One master key with the ciphers that were derived from it so far."""

    def __init__(self, master: bytes) -> None:
        if len(master) != MASTER_BYTES:
            raise KeyringError(f"an at-rest key has {MASTER_BYTES} bytes, this one has {len(master)}")
        self._master = master
        self.id = _derive(master, "key id", KEY_ID_BYTES)
        self.header = _FORMAT + self.id
        self._ciphers: dict[str, AESGCM] = {}

    def cipher(self, purpose: str) -> AESGCM:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = self._ciphers[purpose] = AESGCM(_derive(self._master, f"seal {purpose}"))
        return cipher


class Keyring:
    """The key that seals, and those that only open; `source` says in messages where the key came from."""

    def __init__(self, master: bytes, older: Sequence[bytes] = (), *, source: str = "key") -> None:
        self._current = _Key(master)
        self._keys = {key.id: key for key in (*map(_Key, older), self._current)}
        self._lookup_key = _derive(master, "lookup")
        self._digest_key = _derive(master, "digest")
        self.source = source

    def __repr__(self) -> str:
        return f"Keyring({self.source!r}, id {self.key_id.hex()})"

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that name the sealing key; they tell nothing of it."""
        return self._current.id

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Encrypt `plain` for a purpose ("message", "chart", …); 33 bytes longer. 2 µs for 2 KB."""
        key = self._current
        nonce = os.urandom(_NONCE_BYTES)
        return key.header + nonce + key.cipher(purpose).encrypt(nonce, plain, key.header)

    def open(self, purpose: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` gave for the same purpose; raises Unreadable."""
        header = sealed[:_HEADER_BYTES]
        if len(sealed) < _OVERHEAD_BYTES or header[:1] != _FORMAT:
            raise Unreadable(f"this {purpose} is damaged: it is not a sealed value")
        key = self._keys.get(header[1:])
        if key is None:
            raise Unreadable(
                f"this {purpose} was sealed with key {header[1:].hex()}, which is not in the keyring"
            )
        nonce = sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        try:
            return key.cipher(purpose).decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], header)
        except InvalidTag:
            raise Unreadable(f"this {purpose} is damaged: it does not open with its key") from None

    def lookup(self, text: str) -> bytes:
        """The keyed hash (16 bytes) by which an identifier is found again without being readable."""
        data = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=HASH_BYTES, key=self._lookup_key).digest()

    def digest(self, raw: bytes) -> bytes:
        """The keyed hash (16 bytes) that tells equal contents."""
        return hashlib.blake2b(raw, digest_size=HASH_BYTES, key=self._digest_key).digest()
