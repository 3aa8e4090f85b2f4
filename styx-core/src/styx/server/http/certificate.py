"""A certificate of the server's own, for where nobody has given it one: clients know it by its fingerprint.

Nobody vouches for it, and nobody needs to: who logs in is told the SHA-256 of the certificate by whoever runs the
server, and sends no token to anything that shows another. So it is made once, and kept as long as the home is.
"""

from __future__ import annotations

import os
import secrets
import socket
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api.errors import InvalidConfig
from styx.plugins.paths import make_private
from styx.replacing import replacing

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

CERTIFICATE, KEY = "tls.crt", "tls.key"
_LIFE = timedelta(days=3650)


def own(home: Path) -> tuple[Path, Path]:
    """The certificate of this home and its key, PEM; made on first use, the key for its user alone. Raises OSError."""
    certificate, key = home / CERTIFICATE, home / KEY
    if not certificate.exists():
        make_private(str(home))
        made, private = _make()
        for path, content in ((key, private), (certificate, made)):  # with the certificate it is complete
            draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with replacing(path, draft), open(draft, "xb", opener=partial(os.open, mode=0o600)) as file:
                file.write(content)
    return certificate, key


def fingerprint(certificate: Path) -> str:
    """The SHA-256 of the first certificate in the file, as clients pin it: hexadecimal. Raises InvalidConfig."""
    try:
        end = ssl.PEM_FOOTER
        text = certificate.read_text(encoding="ascii").partition(end)[0] + end
        return sha256(ssl.PEM_cert_to_DER_cert(text[text.index(ssl.PEM_HEADER) :])).hexdigest()
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"cannot read a certificate from {certificate}: {error}", file=str(certificate)) from error


def _make() -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "styx-server")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # for clocks that are slow
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.public_bytes(Encoding.PEM), private


def _names() -> list[GeneralName]:
    from cryptography import x509

    host = socket.gethostname()
    names: list[GeneralName] = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    return [*names, x509.DNSName(host)] if host.isascii() and host != "localhost" else names
