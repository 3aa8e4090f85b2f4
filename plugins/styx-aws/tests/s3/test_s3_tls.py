"""Over TLS, where bodies go unsigned with a CRC32: as at AWS itself."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from styx.api import Transient
from styx.testing import services
from styx.testing.server import running
from styx_aws.s3.parts import PART
from styx_aws.s3.storage import S3Storage

from .conftest import Front, Handler, point_at


def write_certificate(path: Path) -> None:
    """A certificate of 127.0.0.1 that stands for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The file that says whom to trust."""
    write_certificate(tmp_path / "bundle.pem")
    return tmp_path / "bundle.pem"


@pytest.fixture
def secure(front: Front, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Storage]:
    """A store with the bucket ``ours``, asked over TLS."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Secure", (Handler,), {"front": front}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        point_at(f"https://127.0.0.1:{server.server_port}", monkeypatch)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        store = S3Storage(services(tmp_path, installation="abc123"))
        store.create("ours")
        yield store


@pytest.mark.parametrize("size", [10, PART * 2 + 1])
def test_files_go_over_with_a_checksum(secure: S3Storage, aws: Any, tmp_path: Path, size: int) -> None:
    """S3 compares it with what has arrived, and keeps it."""
    (tmp_path / "file").write_bytes(os.urandom(size))
    secure.upload(tmp_path / "file", "s3://ours/file")
    assert "CRC32" in str(aws.list_objects_v2(Bucket="ours")["Contents"][0].get("ChecksumAlgorithm"))
    (thing,) = secure.list("s3://ours")
    assert secure.same(tmp_path / "file", thing)
    secure.download("s3://ours/file", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


def test_an_upload_goes_on_with_the_checksums_of_its_parts(
    secure: S3Storage, front: Front, aws: Any, tmp_path: Path
) -> None:
    """Those that have arrived are told to S3 once more when the object is put together."""
    (tmp_path / "file").write_bytes(os.urandom(PART * 2 + 1))
    front.refuse("PUT", "partNumber=2", 403, "AccessDenied")
    with pytest.raises(Exception, match="AccessDenied"):
        secure.upload(tmp_path / "file", "s3://ours/file")
    front.asked.clear()
    secure.upload(tmp_path / "file", "s3://ours/file")
    assert front.count("PUT", "partNumber=2") == 1
    assert front.count("PUT", "partNumber") < 3
    assert aws.get_object(Bucket="ours", Key="file")["Body"].read() == (tmp_path / "file").read_bytes()


def test_who_is_not_trusted_gets_nothing(secure: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with another certificate is no S3, also for what does not go by botocore."""
    write_certificate(tmp_path / "other.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "other.pem"))
    other = S3Storage(services(tmp_path, installation="abc123"))
    with pytest.raises(Transient, match="certificate verify failed"):
        other.list("s3://ours")
    other._account.bucket("ours", "us-east-1")  # as if it had been found
    with pytest.raises(Transient, match="certificate verify failed"):
        other.get("ours", {"file": tmp_path / "back"})
