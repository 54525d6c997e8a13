"""What the demo stands on: GitHub, a registry, a base image, the service; started in order, stopped in reverse.

Everything lies in one folder and listens on loopback only. The service is started as an operator would: one settings
file, secrets as files, `hublish serve`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hublish.adapters.index.pip_configuration import read_pip_configuration
from tests.sandbox.base_image import make_debian_base, push_layout
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.ports import Port
from tests.sandbox.registry import Registry

TEAM = "harbour"
REPOSITORY = f"{TEAM}/tides"
HUB = f"{TEAM}/apps"
PERSON = "ada"
PLACEHOLDER_REGISTRY = "registry.example.org"
# The host that every lock of this project names as its index.
PLACEHOLDER_INDEX = "index.example.invalid"
BASE = ("base/python", "3.11")
LIST_FOLDER = "kfdefs/base/jupyterhub/notebook-images"
START_SECONDS = 60
STOP_SECONDS = 20
SCENERY = Path(__file__).parent


class DemoFailed(RuntimeError):
    """The demo cannot go on; the message says why and what to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running service: `url` for people and webhooks, its settings, its own log file, its process id."""

    url: str
    settings: Path
    log: Path
    pid: int


def load_scenery(folder: str) -> dict[str, str]:
    """Load the files of a repository of the demo: path -> text."""
    root = SCENERY / folder
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".ipynb_checkpoints" not in path.parts
    }


def fill_github(github: GitHubSandbox, *, registry_host: str) -> None:
    """Create the people, the notebook repository and the hub's repository."""
    github.create_organization(TEAM)
    github.create_user(PERSON, install=False)
    files = load_scenery("repository")
    files[".hublish.yaml"] = files[".hublish.yaml"].replace(PLACEHOLDER_REGISTRY, registry_host)
    github.create_repo(REPOSITORY, files=files, permissions={PERSON: "write"})
    github.create_repo(HUB, files=load_scenery("hub"))


def ensure_base(registry: Registry, cache: Path) -> str:
    """Make the Debian base image, unless the cache has it, and push it; returns its reference."""
    layout = make_debian_base(cache)
    repository, tag = BASE
    push_layout(layout, registry.host, repository, tag)
    return f"{registry.host}/{repository}:{tag}"


def make_settings(
    github: GitHubSandbox, *, registry_host: str, base: str, url: str, folder: Path, secret: Path
) -> dict[str, Any]:
    """Make the operator's settings file of the demo as plain data."""
    pip = read_pip_configuration(os.environ)
    if pip is None:
        raise DemoFailed("pip does not say which package index it uses; try `python -m pip config list`")
    settings: dict[str, Any] = {
        "github": {
            "api": github.api_url,
            "web": github.api_url,
            "app_id": github.app_id,
            "private_key_file": str(github.private_key_path),
            "webhook_secret_files": [str(secret)],
        },
        "public_url": url,
        "data": str(folder / "data"),
        "database": f"sqlite:///{folder}/hublish.sqlite",
        "registries": {registry_host: {"plain_http": True, "namespaces": {TEAM: [TEAM]}}},
        "indexes": {
            PLACEHOLDER_INDEX: {"mirror": pip.index_url, "plain_http": pip.index_url.startswith("http://")},
        },
        "bases": {"3.11": base},
        "hubs": {
            "demo": {
                "repo": HUB,
                "branch": "main",
                "kind": "imagestream",
                "folder": LIST_FOLDER,
                "jupyterhub": 5,
                "pin": "digest",
                "accept": [{"repo": REPOSITORY, "images": ["*"], "file": "*"}],
            }
        },
    }
    if pip.ca_file is not None:
        settings["ca_file"] = str(pip.ca_file)
    return settings


@contextmanager
def run_service(github: GitHubSandbox, *, registry_host: str, base: str, folder: Path) -> Iterator[Service]:
    """Run `hublish serve` and tell GitHub where it listens; it is stopped at the end."""
    port = Port()
    url = f"http://127.0.0.1:{port.number}"
    secret = folder / "webhook-secret"
    secret.write_text(github.webhook_secret)
    secret.chmod(0o600)
    settings = folder / "settings.yaml"
    made = make_settings(github, registry_host=registry_host, base=base, url=url, folder=folder, secret=secret)
    settings.write_text(yaml.safe_dump(made, sort_keys=False))
    settings.chmod(0o600)
    log = folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("hublish")), "serve", "--port", str(port.number)],
            env={**os.environ, "HUBLISH_SETTINGS": str(settings)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_until_healthy(process, url, log)
        github.set_webhook_url(f"{url}/webhook")
        yield Service(url=url, settings=settings, log=log, pid=process.pid)
    finally:
        _stop(process)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise DemoFailed(f"the service did not start:\n{read_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_tail(log: Path, *, lines: int = 30) -> str:
    """The last lines of a log file."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
