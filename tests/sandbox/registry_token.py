"""A token service for registries (bearer tokens signed by its own certificate), and certificates for loopback TLS."""

from __future__ import annotations

import base64
import ipaddress
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.sandbox.registry import PASSWORD, USER, TokenAuth

SERVICE = "registry.sandbox"
ISSUER = "hublish sandbox"
REFRESH_TOKEN = "refresh-only-for-tests"


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1, localhost and `names`, and its key; returns both PEM files."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    *(x509.DNSName(name) for name in ("localhost", *names)),
                ]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCall:
    """A request for a token: method, `Authorization` header or None, parameters, scopes."""

    method: str
    authorization: str | None
    parameters: Mapping[str, str]
    scopes: tuple[str, ...]


class TokenServer:
    """A running token service.

    `USER` with `PASSWORD`, or `REFRESH_TOKEN`, may do everything; anonymous ones may pull from `public/...`.
    """

    def __init__(self, folder: Path, *, expires_seconds: int = 300) -> None:
        self.certificate, self._key = make_certificate(folder)
        self.calls: list[TokenCall] = []
        self.expires_seconds = expires_seconds
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(self))
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def auth(self) -> TokenAuth:
        """What `Registry.start(token=...)` wants."""
        return TokenAuth(
            realm=f"http://{self.host}/token", service=SERVICE, issuer=ISSUER, certificate=self.certificate
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def issue(self, call: TokenCall) -> tuple[int, dict[str, Any]]:
        """Answer a request for a token: status and document."""
        self.calls.append(call)
        known = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        trusted = call.authorization == known or call.parameters.get("refresh_token") == REFRESH_TOKEN
        if call.authorization is not None and not trusted:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]}
        granted = []
        for scope in call.scopes:
            kind, name, actions = scope.split(":")
            wanted = actions.split(",")
            allowed = wanted if trusted else [item for item in wanted if item == "pull" and name.startswith("public/")]
            granted.append({"type": kind, "name": name, "actions": allowed})
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": USER if trusted else "",
            "aud": SERVICE,
            "exp": now + self.expires_seconds,
            "nbf": now - 10,
            "iat": now,
            "jti": secrets.token_hex(8),
            "access": granted,
        }
        chain = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        x5c = [base64.b64encode(chain.public_bytes(serialization.Encoding.DER)).decode()]
        token = jwt.encode(claims, self._key.read_bytes(), algorithm="ES256", headers={"x5c": x5c})
        return 200, {"token": token, "expires_in": self.expires_seconds}


def _make_handler(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            fields = parse_qs(raw if self.command == "POST" else urlsplit(self.path).query)
            scopes = tuple(part for value in fields.get("scope", []) for part in value.split())
            call = TokenCall(
                method=self.command,
                authorization=self.headers.get("Authorization"),
                parameters={name: values[0] for name, values in fields.items()},
                scopes=scopes,
            )
            status, document = server.issue(call)
            body = json.dumps(document).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    for method in ("GET", "POST"):
        setattr(Handler, f"do_{method}", Handler._serve)
    return Handler
