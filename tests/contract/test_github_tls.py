"""GitHub behind a private certificate authority, as Enterprise hosts are: trusted only where the settings name its file."""

from __future__ import annotations

import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from hublish.adapters.github import GitHubApp, Patience
from hublish.errors import GitHubFailed
from hublish.network import Network


class _App(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"id": 1, "slug": "hublish"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def enterprise(tmp_path: Path) -> Iterator[tuple[str, Path, bytes]]:
    """Yields (API address, file of the authority, a private key of an App)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    authority, both = tmp_path / "ca.pem", tmp_path / "server.pem"
    authority.write_bytes(certificate)
    both.write_bytes(private_key + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _App)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", authority, private_key
    server.shutdown()
    server.server_close()
    thread.join()


def make_app(enterprise: tuple[str, Path, bytes], *, trusted: bool) -> GitHubApp:
    """An App of that host, with its authority or without."""
    api_url, authority, private_key = enterprise
    return GitHubApp(
        api_url=api_url,
        app_id=1,
        private_key_pem=private_key,
        patience=Patience(attempts=1),
        network=Network(ca_file=authority if trusted else None),
    )


def test_named_authority_is_trusted(enterprise: tuple[str, Path, bytes]) -> None:
    """`ca_file` counts for GitHub as for every other client."""
    identity = make_app(enterprise, trusted=True).fetch_identity()

    assert identity.bot_login == "hublish[bot]"


def test_unknown_authority_is_refused(enterprise: tuple[str, Path, bytes]) -> None:
    """Without the file nothing is sent to a host that cannot prove who it is."""
    with pytest.raises(GitHubFailed) as caught:
        make_app(enterprise, trusted=False).fetch_identity()

    assert "SSLError" in caught.value.message
