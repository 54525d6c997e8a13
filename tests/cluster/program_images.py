"""hublish's own images from the top-level Dockerfile, for pods: built by buildah, kept while their sources are the same."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from hublish.adapters.index import read_pip_configuration
from tests.cluster.commands import run
from tests.cluster.images import image_name
from tests.cluster.places import find_cache_folder

BUILD_SECONDS = 600
KEPT = 3
TARGETS = ("service", "build")
_CHECKOUT = Path(__file__).parents[2]
_SOURCES = ("Dockerfile", "LICENSE", "README.md", "pyproject.toml", "service")
_AUTHORITIES = "/run/secrets/authorities"


def make_program_archive(target: str, *, base: str) -> Path:
    """Build a target of the Dockerfile, or take it from the cache.

    Args:
        target: "service" or "build".
        base: reference of the base image, with its digest, in a registry that speaks plain HTTP.

    Returns:
        A docker archive that holds the image as `image_name(f"hublish-{target}")`.

    Raises:
        CommandFailed: the build failed; the message has its last words.
    """
    cache = find_cache_folder() / "program-images"
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"{target}-{_make_key(base)}.tar"
    with (cache / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.is_file():
            _build(target, base=base, archive=archive)
            _remove_older(cache, target)
    return archive


def _make_key(base: str) -> str:
    recipe = hashlib.sha256(base.encode())
    for name in _SOURCES:
        path = _CHECKOUT / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                recipe.update(f"{file.relative_to(_CHECKOUT)} {file.stat().st_mode & 0o111}\0".encode())
                recipe.update(file.read_bytes())
    return recipe.hexdigest()[:16]


def _build(target: str, *, base: str, archive: Path) -> None:
    store = ("--root", f"{archive.parent}/store", "--runroot", f"{archive.parent}/run", "--storage-driver", "overlay")
    name = image_name(f"hublish-{target}")
    with tempfile.TemporaryDirectory(dir=archive.parent) as staging:
        run(
            *("nice", "-n", "10", "buildah", *store, "bud", "--quiet", "--isolation", "chroot", "--layers"),
            *("--tls-verify=false", "--build-arg", f"BASE={base}", *_make_secrets(Path(staging))),
            *("--target", target, "--tag", name, str(_CHECKOUT)),
            seconds=BUILD_SECONDS,
        )
        partial = Path(staging) / "image.tar"
        run("buildah", *store, "push", "--quiet", name, f"docker-archive:{partial}:{name}", seconds=120)
        partial.rename(archive)


def _make_secrets(folder: Path) -> tuple[str, ...]:
    """pip's own index and authorities, for the time of the build."""
    configuration = read_pip_configuration(os.environ, python=sys.executable)
    if configuration is None:
        return ()
    lines = ["[global]", f"index-url = {configuration.index_url}"]
    secrets = []
    if configuration.ca_file is not None:
        lines.append(f"cert = {_AUTHORITIES}")
        secrets.append(f"--secret=id=authorities,src={configuration.ca_file}")
    (folder / "pip.conf").write_text("\n".join(lines) + "\n")
    return (f"--secret=id=pip,src={folder}/pip.conf", *secrets)


def _remove_older(cache: Path, target: str) -> None:
    archives = sorted(cache.glob(f"{target}-*.tar"), key=lambda path: path.stat().st_mtime, reverse=True)
    for archive in archives[KEPT:]:
        archive.unlink()
