"""Certificates and keys as an operator puts them there: what can't be used is said in one line."""

import os
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from authority import Authority
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

from interface.services.certificates import CertificateError, Renewable, read_pair

NOW = datetime.now(UTC)


@pytest.fixture
def files(tmp_path):
    """Writes certificate and key; gives their paths."""

    def write(name="interface.example.org", **changes):
        made = trustme.CA().issue_cert(name, **changes)
        certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return certificate, key

    return write


def test_a_pair_says_whom_it_is_for_and_until_when(files):
    pair = read_pair(*files(), NOW)
    assert pair.names == "interface.example.org"
    assert pair.ends > NOW
    assert pair.context() is not None


def refused(certificate, key, at=NOW):
    with pytest.raises(CertificateError) as caught:
        read_pair(certificate, key, at)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_out_of_its_time_is_refused(files):
    certificate, key = files(not_after=NOW - timedelta(days=1))
    assert "has expired on" in refused(certificate, key)
    certificate, key = files(not_before=NOW + timedelta(days=1), not_after=NOW + timedelta(days=9))
    assert "is good from" in refused(certificate, key)


def test_what_stands_between_it_and_its_authority_may_end_first(tmp_path):
    def made(common_name, days, issuer):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        begins, ends = NOW - timedelta(days=9), NOW + timedelta(days=days)
        by, its_key = (name, key) if issuer is None else (issuer[0].subject, issuer[1])
        builder = x509.CertificateBuilder(by, name, key.public_key(), 7, begins, ends)
        return builder.sign(its_key, hashes.SHA256()), key

    root = made("authority", -1, None)
    between = made("between", 5, root)
    leaf, key = made("interface.example.org", 90, between)
    chain, secret = tmp_path / "tls.pem", tmp_path / "tls.key"
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for whole, days, told in (
        ((leaf,), 90, ""),
        (
            (leaf, between[0], root[0]),
            5,
            " (what stands between it and its authority ends first: CN=between)",
        ),
    ):
        chain.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in whole))
        pair = read_pair(chain, secret, NOW)
        assert pair.described == f"CN=interface.example.org{told}"
        assert pair.ends.date() == Renewable(pair).ends.date() == (NOW + timedelta(days=days)).date()


@pytest.mark.parametrize(
    ("usages", "may_be"),
    [
        ((), True),
        ((Usage.SERVER_AUTH, Usage.CLIENT_AUTH), True),
        ((Usage.ANY_EXTENDED_KEY_USAGE,), True),
        ((Usage.CLIENT_AUTH,), False),
    ],
)
def test_whether_it_may_be_a_servers_is_told(tmp_path, usages, may_be):
    extensions = (x509.ExtendedKeyUsage(usages),) if usages else ()
    files = Authority(tmp_path).issue_plain("interface.example.org", "tls", extensions)
    assert read_pair(*files, NOW).is_for_servers == may_be


def test_a_pipe_keeps_nobody_waiting_and_a_huge_file_is_not_read_whole(files, tmp_path):
    certificate, key = files()
    os.mkfifo(tmp_path / "pipe")
    assert "pipe is no file" in refused(tmp_path / "pipe", key)
    (tmp_path / "huge").write_bytes(b"-" * (1024 * 1024 + 1))
    assert "huge is longer than 1 MiB" in refused(certificate, tmp_path / "huge")


def test_files_that_are_something_else_are_refused_and_not_quoted(files, tmp_path):
    certificate, key = files()
    other = tmp_path / "other"
    assert "other cannot be read: No such file" in refused(certificate, other)
    other.write_text("-----BEGIN NONSENSE-----\nhunter2\n")
    for wrong in ((other, key), (certificate, other)):
        said = refused(*wrong)
        assert "other holds no" in said and "hunter2" not in said
    other.write_bytes(trustme.CA().private_key_pem.bytes())
    assert "is not the key of" in refused(certificate, other)


def test_a_port_says_until_when_what_it_serves_is_good(files):
    served = Renewable(read_pair(*files(not_after=NOW + timedelta(days=9)), NOW))
    assert served.ends.date() == (NOW + timedelta(days=9)).date()
    newer = read_pair(*files(not_after=NOW + timedelta(days=90)), NOW)
    assert served.ends.date() == (NOW + timedelta(days=9)).date(), "what lies in the files is not served yet"
    served.use(newer)
    assert served.ends.date() == (NOW + timedelta(days=90)).date()
