"""The keyring seals, opens and hashes."""

import pytest

from interface.store.crypto import DataKey, HashKeys, Keyring, Master, new_master_key
from interface.store.errors import KeyringError, Unreadable

MASTER = bytes(range(32))


def test_what_is_sealed_opens_again():
    keyring = Keyring.alone(MASTER)
    for plain in (b"", b"x", b"PID|1||12345" * 500):
        assert keyring.open("message", keyring.seal("message", plain)) == plain


def test_a_sealed_value_shows_nothing_and_never_looks_the_same_twice():
    keyring = Keyring.alone(MASTER)
    first, second = (keyring.seal("chart", b"DOE^JANE^Q" * 10) for _ in range(2))
    assert first != second
    assert b"DOE" not in first


def test_a_value_opens_for_its_own_purpose_only():
    keyring = Keyring.alone(MASTER)
    with pytest.raises(Unreadable, match="this chart is damaged"):
        keyring.open("chart", keyring.seal("message", b"body"))


@pytest.mark.parametrize("position", [0, 5, 16, 17, 20, -1])
def test_a_changed_byte_is_noticed(position):
    keyring = Keyring.alone(MASTER)
    sealed = bytearray(keyring.seal("message", b"body of a message"))
    sealed[position] ^= 1
    with pytest.raises(Unreadable, match="this message is damaged"):
        keyring.open("message", bytes(sealed))


@pytest.mark.parametrize("length", [0, 1, 5, 32])
def test_a_truncated_value_is_damaged(length):
    keyring = Keyring.alone(MASTER)
    with pytest.raises(Unreadable, match="damaged"):
        keyring.open("message", keyring.seal("message", b"")[:length])


def test_another_key_does_not_open():
    sealed = Keyring.alone(MASTER).seal("message", b"body")
    with pytest.raises(Unreadable, match="not in the keyring"):
        Keyring.alone(new_master_key()).open("message", sealed)


def test_a_key_that_was_replaced_still_opens():
    sealed = Keyring.alone(MASTER).seal("message", b"body")
    replaced = Keyring([DataKey(MASTER), DataKey(new_master_key())], HashKeys.new())
    assert replaced.open("message", sealed) == b"body"
    assert replaced.seal("message", b"")[1:5] == replaced.key_id != Keyring.alone(MASTER).key_id


def test_hashes_are_stable_keyed_and_apart():
    keyring, other = Keyring.alone(MASTER), Keyring.alone(new_master_key())
    assert keyring.lookup("MRN 1") == Keyring.alone(MASTER).lookup("MRN 1")
    assert len(keyring.lookup("MRN 1")) == len(keyring.digest(b"MRN 1")) == 16
    assert (
        len(
            {keyring.lookup("MRN 1"), keyring.digest(b"MRN 1"), other.lookup("MRN 1"), other.digest(b"MRN 1")}
        )
        == 4
    )


def test_any_text_can_be_looked_up():
    assert Keyring.alone(MASTER).lookup("\udcff\0") != Keyring.alone(MASTER).lookup("\udcfe\0")


def test_a_key_of_another_length_is_refused():
    with pytest.raises(KeyringError, match="32 bytes"):
        Keyring.alone(b"short")


def test_a_keyring_does_not_show_its_key():
    keyring, master = Keyring.alone(MASTER), Master(MASTER, source="env:STORE_KEY")
    assert MASTER.hex() not in repr(keyring) + repr(master)
    assert "env:STORE_KEY" in repr(master)
