"""Keys and certificates of one run of the cluster: an authority, the API server, its access to kubelet. Valid 30 days."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.places import KUBERNETES_SERVICE, NODE_ADDRESS, State

_LIFETIME = dt.timedelta(days=30)
_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_ADDRESSES = ("127.0.0.1", KUBERNETES_SERVICE, NODE_ADDRESS)


@dataclass(frozen=True, slots=True)
class _Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def write_certificates(state: State) -> None:
    """Write `ca`, `apiserver` and `kubelet-client` (.crt and .key) and `service-accounts.key` into the state's keys."""
    folder = state.keys
    folder.mkdir(mode=0o700, parents=True)
    authority = _make_authority()
    _write_certificate(folder / "ca.crt", authority.certificate)
    _write_key(folder / "ca.key", authority.key)
    alternatives = [
        *(x509.DNSName(name) for name in _NAMES),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in _ADDRESSES),
    ]
    _issue(
        folder / "apiserver",
        authority,
        subject=_make_name("kube-apiserver"),
        usage=ExtendedKeyUsageOID.SERVER_AUTH,
        alternatives=alternatives,
    )
    # Kubelet answers whoever the API server is: logs and exec go this way.
    _issue(
        folder / "kubelet-client",
        authority,
        subject=_make_name("apiserver-kubelet-client", organization="system:masters"),
        usage=ExtendedKeyUsageOID.CLIENT_AUTH,
    )
    _write_key(folder / "service-accounts.key", rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _make_authority() -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _make_name("hublish test cluster")
    builder = _begin(subject=name, issuer=name, public_key=key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return _Authority(key, builder.sign(key, hashes.SHA256()))


def _issue(
    path: Path,
    authority: _Authority,
    *,
    subject: x509.Name,
    usage: x509.ObjectIdentifier,
    alternatives: list[x509.GeneralName] | None = None,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _begin(subject=subject, issuer=authority.certificate.subject, public_key=key.public_key())
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    _write_certificate(path.with_suffix(".crt"), builder.sign(authority.key, hashes.SHA256()))
    _write_key(path.with_suffix(".key"), key)


def _begin(*, subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
    )


def _make_name(name: str, *, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
