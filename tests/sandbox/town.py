"""A whole town on this machine: GitHub, a registry, a package index, a hub's repository and the service between them.

Everything is real but small: the base image is synthetic (nothing of it is ever run) and the wheels hold a few lines.
The service is a process of its own, so that it can be killed and started again on the same data.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import urlopen

import yaml

from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.core.reference import Reference, parse_reference
from tests.fakes import TINY_BASE, FakeImages, make_tar
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.ports import Port
from tests.sandbox.registry import Registry
from tests.sandbox.rows import read_rows
from tests.sandbox.wheels import NOTEBOOK_PACKAGES, PLACEHOLDER_SOURCE

SOURCE_REPO = "octocat/ts"
HUB_REPO = "acme/apps"
HUB_FOLDER = "kfdefs/base/jupyterhub/notebook-images"
WAIT_SECONDS = 240.0
"""For what takes a second or two: a busy machine is many times slower than a quiet one."""
ENDED = frozenset({"delivered", "failed", "denied", "skipped", "cancelled", "answered"})

KUSTOMIZATION = """---
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: opf-jupyterhub
resources:
  - elyra.yaml  # kept by hand
  - scipy.yaml
"""
OTHER_STREAM = """kind: ImageStream
apiVersion: image.openshift.io/v1
metadata:
  name: {name}
  labels:
    opendatahub.io/notebook-image: "true"
  annotations:
    opendatahub.io/notebook-image-url: https://github.com/acme/{name}
spec:
  lookupPolicy:
    local: true
  tags:
    - name: latest  # moved by hand
      from: {{kind: DockerImage, name: 'quay.example.org/acme/{name}:v1'}}
"""


class Town:
    """GitHub, registry, index and the service; a context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        github: GitHubSandbox,
        serve: Sequence[str] | None = None,
        registry_bytes: int | None = None,
        database: str | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.folder = folder
        self.database = database or f"sqlite:///{folder}/data/hublish.sqlite"
        self.github = github
        self.registry = Registry.start(folder / "registry", storage_limit=registry_bytes, address=address)
        self.index = PackageIndexSandbox.start(folder / "index", address=address)
        self.registry_login: Path | None = None  # a docker config.json, when the registry asks for one
        self.settings: dict[str, Any] = {}
        self.service: subprocess.Popen[bytes] | None = None
        self.serve = tuple(serve or (sys.executable, "-m", "hublish.cli"))
        self._port = Port()
        self.port = self._port.number
        self.url = f"http://127.0.0.1:{self.port}"
        self.github.set_webhook_url(f"{self.url}/webhook")

    # -- the parts --------------------------------------------------------------------------------------------------

    @property
    def image(self) -> str:
        """Name of the image that the source repository builds."""
        return f"{self.registry.host}/team/ts"

    def make_registry(self) -> RegistryClient:
        """A client of the registry."""
        rule = RegistryRule(plain_http=True, auth_file=self.registry_login)
        return RegistryClient(rules={self.registry.host: rule}, allowed_hosts=None)

    def push_base(self) -> Reference:
        """Push the synthetic base."""
        fake = FakeImages()
        base = Reference(registry=self.registry.host, repository="base/python", tag="3.11")
        fake.add_image(base, [make_tar(TINY_BASE)])
        client = self.make_registry()
        for (_, digest), body in fake.blobs.items():
            client.ensure_blob(base, digest=digest, size_bytes=len(body), open_body=_opener(body))
        manifest = fake.manifests[base.name, "3.11"]
        client.ensure_manifest(base, body=manifest.body, media_type=manifest.media_type)
        return base

    def make_source_files(self, packages: Mapping[str, str] | None = None, **config: Any) -> dict[str, str]:
        """The files of a small notebook repository."""
        self.index.add_notebook_packages() if not self.index.find_files("pip") else None
        pipfile, lock = self.index.make_lock({**NOTEBOOK_PACKAGES, **(packages or {"six": "1.16.0"})})
        document = {"version": 1, "image": {"name": self.image, "tags": ["{release}", "latest"]}, "hubs": ["demo"]}
        return {
            ".hublish.yaml": yaml.safe_dump({**document, **config}, sort_keys=False),
            "Pipfile": pipfile,
            "Pipfile.lock": lock,
            "notebooks/hello.ipynb": json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
        }

    def settle(self, **settings: Any) -> None:
        """Create the usual people and repositories, the base, and the settings; `settings` override."""
        base = self.push_base()
        self.github.create_organization("acme")
        self.github.create_user("octocat")
        self.github.create_repo(HUB_REPO, files=make_hub_files())
        self.github.create_repo(
            SOURCE_REPO, files=self.make_source_files(), permissions={"writer": "write", "reader": "read"}
        )
        # The repositories were there before the App was: what GitHub could not deliver of them is nobody's business.
        self.github.clear_deliveries()
        self.write_settings(base=str(base), **settings)

    def write_settings(self, *, base: str, **settings: Any) -> None:
        """Write the service's settings file; `settings` replace whole sections."""
        secret = self.folder / "webhook-secret"
        secret.write_text(self.github.webhook_secret)
        self.settings = {
            "github": {
                "api": self.github.api_url,
                "web": self.github.api_url,
                "app_id": self.github.app_id,
                "seconds_between_writes": 0,
                "private_key_file": str(self.github.private_key_path),
                "webhook_secret_files": [str(secret)],
            },
            "public_url": self.url,
            "data": str(self.folder / "data"),
            "database": self.database,
            "registries": {
                self.registry.host: {
                    "plain_http": True,
                    "auth_file": None if self.registry_login is None else str(self.registry_login),
                    "namespaces": {"octocat": ["team"]},
                }
            },
            "indexes": {"index.example.invalid": {"mirror": self.index.url, "plain_http": True}},
            "default_index": PLACEHOLDER_SOURCE,
            "bases": {"3.11": base},
            "hubs": {
                "demo": {
                    "repo": HUB_REPO,
                    "folder": HUB_FOLDER,
                    "kind": "imagestream",
                    "accept": [{"repo": SOURCE_REPO}],
                }
            },
            "engines": {"local": {"workers": 1}},
            **settings,
        }
        (self.folder / "settings.yaml").write_text(yaml.safe_dump(self.settings))

    # -- the service ------------------------------------------------------------------------------------------------

    def start_service(self, **environ: str) -> None:
        """Start the service and wait until it answers."""
        log = (self.folder / "service.log").open("ab")
        command = [*self.serve, "serve", "--port", str(self.port)]
        environment = {**os.environ, "HUBLISH_SETTINGS": str(self.folder / "settings.yaml"), **environ}
        self.service = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        log.close()
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if self.service.poll() is not None:
                raise RuntimeError(f"the service ended at once: {self.read_service_log()[-3000:]}")
            try:
                with urlopen(f"{self.url}/healthz", timeout=20):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the service does not answer: {self.read_service_log()[-3000:]}")

    def kill_service(self) -> None:
        """kill -9."""
        if self.service is not None:
            self.service.send_signal(signal.SIGKILL)
            self.service.wait()
            self.service = None

    def stop_service(self) -> None:
        """Stop the service as an operator would."""
        if self.service is not None:
            self.service.terminate()
            try:
                self.service.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.kill_service()
            self.service = None

    def read_service_log(self) -> str:
        """What the service wrote."""
        return (self.folder / "service.log").read_text(errors="replace")

    def read_runs(self, *, pushes: bool = False) -> list[dict[str, Any]]:
        """The service's runs straight from its database, newest first; empty before there is one.

        Every commit of a test is a push too, some a pull request, every release a pushed tag, whose run ends silently in
        most of them: `pushes` asks for those runs instead of the others.
        """
        names = ("id", "state", "message", "ref", "attempt")
        brought = "key like '%:push:%' or key like '%:pull-request%' or key like '%:tag:%'"
        which = brought if pushes else f"not ({brought})"
        query = f"select {', '.join(names)} from runs where {which} order by seq desc"
        return [dict(zip(names, row, strict=True)) for row in read_rows(self.database, query)]

    def wait_for_runs(
        self, count: int = 1, *, seconds: float = WAIT_SECONDS, pushes: bool = False
    ) -> list[dict[str, Any]]:
        """Wait until so many runs have ended; returns all, newest first. `pushes` as in `read_runs`."""
        deadline = time.monotonic() + seconds
        rows: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            rows = self.read_runs(pushes=pushes)
            if sum(row["state"] in ENDED for row in rows) >= count:
                return rows
            time.sleep(0.1)
        raise AssertionError(f"no {count} ended runs after {seconds} s: {rows}\n{self.read_service_log()[-5000:]}")

    def get(self, path: str) -> tuple[int, str]:
        """Ask the service for a page: `(status, text)`."""
        try:
            with urlopen(f"{self.url}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop_service()
        self.index.stop()
        self.registry.stop()


def make_hub_files() -> dict[str, str]:
    """A hub's repository with two images in its list."""
    return {
        f"{HUB_FOLDER}/kustomization.yaml": KUSTOMIZATION,
        f"{HUB_FOLDER}/elyra.yaml": OTHER_STREAM.format(name="elyra"),
        f"{HUB_FOLDER}/scipy.yaml": OTHER_STREAM.format(name="scipy"),
        "README.md": "# apps\n",
    }


def make_reference(town: Town, tag: str) -> Reference:
    """The source repository's image under a tag."""
    return parse_reference(f"{town.image}:{tag}")


def _opener(body: bytes) -> Any:
    import io

    return lambda: io.BytesIO(body)
