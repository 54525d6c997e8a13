"""A real image registry on loopback for tests and the demo: Debian's docker-registry, storage in a folder.

It decides ports and config files; it must not import pytest, so that the demo can use it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

BINARY = "docker-registry"
START_SECONDS = 120.0
# The registry takes bcrypt only and Python 3.13 has no crypt any more, so that one ready-made user must do.
USER, PASSWORD = "ship", "sail"
HTPASSWD = f"{USER}:$2b$05$9xVjZfiiScGV16WAyxiM6.dq3f5Lc2CjG3351Q7ulBl4tXWLksUR2\n"
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


class RegistryMissing(RuntimeError):
    """docker-registry is not installed, or did not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAuth:
    """The registry asks for bearer tokens of this service; `certificate` is the PEM file they are checked with."""

    realm: str
    service: str
    issuer: str
    certificate: Path


@dataclass(slots=True, kw_only=True)
class RegistryContent:
    """What a registry holds, read without any code under test.

    Attributes:
        host: "ADDRESS:PORT", as it stands in references.
    """

    host: str
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"{self.scheme}://{self.host}"

    def repositories(self) -> tuple[str, ...]:
        """All repositories, sorted."""
        answer = self._get("_catalog?n=1000", {})
        return () if answer is None else tuple(sorted(json.loads(answer)["repositories"]))

    def tags(self, repository: str) -> tuple[str, ...]:
        """Tags of a repository, sorted; empty when the registry does not know it."""
        answer = self._get(f"{repository}/tags/list", {})
        return () if answer is None else tuple(sorted(json.loads(answer).get("tags") or ()))

    def manifest(self, repository: str, reference: str) -> dict[str, Any] | None:
        """The parsed manifest under a tag or digest; None when there is none."""
        answer = self.manifest_bytes(repository, reference)
        return None if answer is None else json.loads(answer)

    def manifest_bytes(self, repository: str, reference: str) -> bytes | None:
        """The manifest under a tag or digest as stored; None when there is none."""
        return self._get(f"{repository}/manifests/{reference}", {"Accept": ", ".join(MANIFEST_TYPES)})

    def blob(self, repository: str, digest: str) -> bytes | None:
        """A blob of a repository; None when the repository does not hold it."""
        return self._get(f"{repository}/blobs/{digest}", {})

    def put(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """PUT or POST-then-PUT helper for seeding: `path` below /v2/, with the body as it stands."""
        request = urllib.request.Request(f"{self.url}/v2/{path}", data=body, headers=dict(headers), method="PUT")
        with urllib.request.urlopen(request, timeout=30):
            pass

    def _get(self, path: str, headers: Mapping[str, str]) -> bytes | None:
        request = urllib.request.Request(f"{self.url}/v2/{path}", headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise


@dataclass(slots=True, kw_only=True)
class Registry(RegistryContent):
    """A running registry on 127.0.0.1, or on the address it was started on.

    Attributes:
        folder: config, log and storage.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    mounted: Path | None = None

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        htpasswd: str | None = None,
        token: TokenAuth | None = None,
        storage_limit: int | None = None,
        tls: tuple[Path, Path] | None = None,
        address: str = "127.0.0.1",
    ) -> Self:
        """Start a registry on a free port and wait until it answers.

        Args:
            folder: made if missing; what an earlier registry stored there is served again.
            htpasswd: text of a bcrypt htpasswd file (`HTPASSWD` for the ready-made user); None asks nobody.
            token: ask for bearer tokens instead.
            storage_limit: bytes of a tmpfs that holds the storage, which makes "disk full" real; needs root.
            tls: certificate and key files; None serves plain HTTP.
            address: of this machine; one that pods reach, say.

        Raises:
            RegistryMissing: the binary is not there, or the registry does not answer.
        """
        if shutil.which(BINARY) is None:
            raise RegistryMissing(f"{BINARY} is not on PATH: apt-get install docker-registry")
        folder.mkdir(parents=True, exist_ok=True)
        storage = folder / "storage"
        storage.mkdir(exist_ok=True)
        if storage_limit is not None:
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={storage_limit}", "tmpfs", str(storage)], check=True, timeout=60
            )
        config = folder / "config.yml"
        config.write_text(
            yaml.safe_dump(_make_config(folder, address=address, htpasswd=htpasswd, token=token, tls=tls))
        )
        log = folder / "registry.log"
        with log.open("wb") as stream:
            process = subprocess.Popen([BINARY, "serve", str(config)], stdout=stream, stderr=stream)
        registry = cls(
            host="",
            folder=folder,
            process=process,
            scheme="http" if tls is None else "https",
            mounted=storage if storage_limit is not None else None,
        )
        try:
            registry.host = _wait_until_listening(process, log, address)
        except RegistryMissing:
            registry.stop()
            raise
        return registry

    def stop(self) -> None:
        """Stop the process and unmount a limited storage; the folder stays. May be called twice."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=60)
        if self.mounted is not None:
            subprocess.run(["umount", str(self.mounted)], check=True, timeout=60)
            self.mounted = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _make_config(
    folder: Path, *, address: str, htpasswd: str | None, token: TokenAuth | None, tls: tuple[Path, Path] | None
) -> dict[str, Any]:
    http: dict[str, Any] = {"addr": f"{address}:0", "secret": "only-for-tests"}
    if tls is not None:
        http["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": True}},
        "http": http,
    }
    if htpasswd is not None:
        path = folder / "htpasswd"
        path.write_text(htpasswd)
        config["auth"] = {"htpasswd": {"realm": "hublish sandbox", "path": str(path)}}
    if token is not None:
        config["auth"] = {
            "token": {
                "realm": token.realm,
                "service": token.service,
                "issuer": token.issuer,
                "rootcertbundle": str(token.certificate),
            }
        }
    return config


def _wait_until_listening(process: subprocess.Popen[bytes], log: Path, address: str) -> str:
    """Read the port that the kernel chose from the registry's own log: no race for a free port."""
    marker = f"listening on {address}:"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text(errors="replace")
        if marker in text:
            digits = text.split(marker, 1)[1]
            return f"{address}:" + digits[: next(i for i, c in enumerate(digits) if not c.isdigit())]
        time.sleep(0.02)
    raise RegistryMissing(f"{BINARY} did not start; its log ends: {log.read_text(errors='replace')[-500:]}")
