"""Layered images by the command line that run when buildah starts them.

`HUBLISH_ACCEPTANCE_FOLDER` names another repository folder for the large acceptance; the demo's is the default.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hublish.adapters.index import HTTPPackageIndex, IndexRule, read_pip_configuration
from hublish.core.locks.lock import IndexSource
from hublish.network import Network
from tests.e2e.command_line import build, write_repository
from tests.e2e.installed_tree import compare_with_uv
from tests.sandbox.base_image import make_debian_base
from tests.sandbox.registry import Registry
from tests.sandbox.wheels import PLACEHOLDER_HOST, PLACEHOLDER_SOURCE, make_lock, make_wheel, wheel_filename

DEMO = Path(__file__).parents[1] / "sandbox" / "demo" / "repository"
# Real, small, and with a console script and a dependency: enough to show that an image works.
SMALL_LOCK = {"python-dateutil": "2.9.0.post0", "six": "1.17.0", "pygments": "2.19.2"}


# -- images that run --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Container:
    """A working container of buildah's, which runs commands one by one."""

    command: tuple[str, ...]
    name: str

    def run(self, *arguments: str, user: str | None = None) -> str:
        """Run a command; returns its output.

        The shell waits: buildah's chroot ends with its process and, on a busy machine, drops what that said last.
        """
        as_user = () if user is None else ("--user", user)
        lingering = ("sh", "-c", '"$@"; code=$?; sleep 0.3; exit $code', "sh")
        done = subprocess.run(
            [*self.command, "run", "--isolation", "chroot", *as_user, self.name, "--", *lingering, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def inspect(self) -> dict:
        """The image's config as buildah reads it."""
        done = subprocess.run([*self.command, "inspect", self.name], capture_output=True, check=True, timeout=60)
        return json.loads(done.stdout)["OCIv1"]["config"]


class Containers:
    """Pulls images by skopeo and makes containers of them by buildah, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        store = ("--root", str(folder / "store"), "--runroot", str(folder / "run"))
        self.command = ("buildah", "--storage-driver", os.environ.get("STORAGE_DRIVER", "overlay"), *store)

    def start(self, host: str, repository: str, digest: str) -> Container:
        """Pull `host/repository@digest` and make a container of it."""
        layout = f"oci:{self.folder / 'pulled'}:image"
        source = f"docker://{host}/{repository}@{digest}"
        subprocess.run(["skopeo", "copy", "-q", "--src-tls-verify=false", source, layout], check=True, timeout=300)
        done = subprocess.run(
            [*self.command, "from", "-q", layout], check=True, capture_output=True, text=True, timeout=300
        )
        return Container(self.command, done.stdout.strip().splitlines()[-1])

    def stop(self) -> None:
        """Remove everything that was made."""
        subprocess.run([*self.command, "rm", "-a"], capture_output=True, check=False, timeout=120)
        subprocess.run([*self.command, "rmi", "-a", "-f"], capture_output=True, check=False, timeout=120)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def containers() -> Iterator[Containers]:
    for tool in ("buildah", "skopeo"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    # buildah derives a name from the path, which must be lower case: pytest's own folders are not.
    folder = Path(tempfile.gettempdir()) / f"hublish-e2e-{os.getpid()}"
    folder.mkdir()
    started = Containers(folder)
    yield started
    started.stop()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.start(tmp_path / "registry") as started:
        yield started


def find_index() -> tuple[str, HTTPPackageIndex, list[str]]:
    """The index pip is configured for: its URL, a client that asks it, and what the command line needs for it."""
    configured = read_pip_configuration(os.environ)
    if configured is None:
        pytest.skip("pip is configured for no index")
    rules = {PLACEHOLDER_HOST: IndexRule(mirror=configured.index_url)}
    cache = Path(os.environ.get("HUBLISH_TEST_CACHE", "~/.cache/hublish-test")).expanduser() / "index"
    client = HTTPPackageIndex(
        rules=rules, allow_unlisted=True, cache=cache, network=Network(ca_file=configured.ca_file)
    )
    return configured.index_url, client, ["--index-map", f"{PLACEHOLDER_SOURCE}={configured.index_url}"]


def make_small_lock() -> tuple[str, str]:
    """A Pipfile and lock of a few real packages, with the hashes the index states today."""
    _, client, _ = find_index()
    source = IndexSource(name="index", url=PLACEHOLDER_SOURCE, verify_ssl=True)
    hashes = {
        name: sorted(
            f"sha256:{file.sha256}"
            for file in client.list_files(source, name)
            if f"-{version}-" in file.filename or file.filename.endswith(f"-{version}.tar.gz")
        )
        for name, version in SMALL_LOCK.items()
    }
    return make_lock(SMALL_LOCK, hashes=hashes)


def build_and_start(
    folder: Path, tmp_path: Path, registry: Registry, containers: Containers, *arguments: str
) -> Container:
    """Build on a real Debian, push, pull by digest, and make a container of it."""
    base = make_debian_base(tmp_path / "base")
    _, _, index_map = find_index()
    result = build(
        folder,
        "--base",
        f"oci:{base}",
        "--push",
        f"{registry.host}/team/ts:v1",
        "--plain-http",
        registry.host,
        "--cache",
        tmp_path / "cache",
        *index_map,
        *arguments,
    )
    return containers.start(registry.host, "team/ts", result["digest"])


@pytest.mark.container
@pytest.mark.network
@pytest.mark.registry
@pytest.mark.timeout(600)
def test_small_image_runs(tmp_path, registry, containers):
    """Imports, scripts, pip and the entry point work, as the image's user and as any user with group 0."""
    folder = write_repository(tmp_path / "ts", *make_small_lock())
    (folder / wheel_filename("six", "1.99")).write_bytes(make_wheel("six", "1.99"))

    container = build_and_start(folder, tmp_path, registry, containers)
    config = container.inspect()
    entrypoint = config["Entrypoint"]

    assert config["User"] == "1000:0"
    assert config["Cmd"] == ["jupyterhub-singleuser"]
    assert container.run("python", "-c", "import sys, dateutil; print(sys.prefix)") == "/opt/hublish/venv\n"
    assert container.run("pygmentize", "-V").startswith("Pygments version 2.19.2")
    assert container.run("pip", "check") == "No broken requirements found.\n"
    for user, name in ((None, "jovyan"), ("123456:0", "jovyan")):
        home = container.run("mktemp", "-d", user=user).strip()
        script = (
            'cat "$HOME/ts/notebook.ipynb"; "$HOME/ts/run.sh"; python -c "import getpass; print(getpass.getuser())"'
        )
        start = ("env", f"HOME={home}", *entrypoint, "sh", "-c", script)
        assert container.run(*start, user=user) == f'{{"cells": []}}\nrun\n{name}\n'
    assert "Successfully uninstalled" in container.run("pip", "uninstall", "-y", "pygments", user="123456:0")
    assert container.run("sh", "-c", "ls /opt/hublish/venv/bin | grep -c pygmentize || true") == "0\n"
    assert "pygments" not in container.run("sh", "-c", "ls /opt/hublish/venv/lib/python3.11/site-packages")
    other = ("pip", "install", "--no-index", "--no-deps", f"/srv/repo/{wheel_filename('six', '1.99')}")
    assert "Successfully installed six-1.99" in container.run(*other, user="1001:0")
    installed = container.run("pip", "list", "--format", "freeze", user="1001:0")
    assert [line for line in installed.splitlines() if line.startswith("six")] == ["six==1.99"]


@pytest.mark.container
@pytest.mark.network
@pytest.mark.registry
@pytest.mark.timeout(900)
def test_notebook_image_runs(tmp_path, registry, containers):
    """The science stack imports, `pip check` is clean, lab and single-user server answer; also as UID 123456:0.

    Every path, byte and executable bit of it is what `uv pip sync` makes of the same wheels.
    """
    folder = Path(os.environ.get("HUBLISH_ACCEPTANCE_FOLDER", DEMO))
    imports = "import numpy, pandas, sklearn, jupyterlab"

    container = build_and_start(folder, tmp_path, registry, containers)
    files, faults = compare_with_uv(containers.folder / "pulled", cache=tmp_path / "cache", folder=tmp_path / "uv")

    assert faults == []
    assert len([path for path in files if path.endswith(".dist-info/METADATA")]) > 100
    for user in (None, "123456:0"):
        assert container.run("python", "-c", imports, user=user) == ""
        assert container.run("pip", "check", user=user) == "No broken requirements found.\n"
        assert container.run("jupyterhub-singleuser", "--version", user=user).strip()[0].isdigit()
        assert container.run("jupyter", "lab", "--version", user=user).strip()[0].isdigit()
