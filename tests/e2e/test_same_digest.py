"""One plan, one digest: whatever the machine, its user and settings, its processor, and wherever the image goes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hublish.builders.wheels.workshop import INLINE_LIMIT_BYTES
from tests.e2e.command_line import build, write_repository
from tests.sandbox.base_image import make_tiny_base
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import Registry
from tests.sandbox.wheels import PLACEHOLDER_SOURCE

PACKAGES = {"jupyterhub": "5.3.0", "jupyterlab": "4.4.0", "pip": "25.2", "one": "1.0", "two": "1.0"}
NOBODY = 65534
# Nothing of root's power is left, and no program that is started gets any of it back.
POWERLESS = ("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs")
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *POWERLESS[1:])
CPU_MODELS = ("Nehalem", "Haswell")


class Yard:
    """A repository and its base in a folder that every user can read, and builds of it."""

    def __init__(self, folder: Path, index: PackageIndexSandbox) -> None:
        self.folder = folder
        self.index = index
        self.repository = write_repository(folder / "ts", *index.make_lock(PACKAGES))
        self.base = make_tiny_base(folder / "base")
        self._count = 0

    def build(
        self,
        *options: object,
        prefix: tuple[str, ...] = (),
        workers: int = 1,
        owner: int | None = None,
        **environment: str,
    ) -> str:
        """Build with a cache of its own; returns the digest."""
        self._count += 1
        work = self.folder / f"work-{self._count}"
        work.mkdir()
        if owner is not None:
            os.chown(work, owner, owner)
        options = options or ("--output", work / "image")
        mapped = f"{PLACEHOLDER_SOURCE}={self.index.url}"
        common = ("--cache", work / "cache", "--index-map", mapped, "--plain-http", self.index.host)
        result = build(
            self.repository,
            *("--base", f"oci:{self.base}", "--workers", workers, *common, *options),
            prefix=prefix,
            **environment,
        )
        return str(result["digest"])


@pytest.fixture(scope="module")
def yard() -> Iterator[Yard]:
    # pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="hublish-digest-"))
    folder.chmod(0o755)
    try:
        with PackageIndexSandbox.start(folder / "index") as index:
            index.add_notebook_packages()
            # Bytes that do not shrink, so that the work is large enough for processes.
            for name in ("one", "two"):
                files = {f"{name}/data.bin": os.urandom(1 << 20), f"{name}/__init__.py": "x = {'b', 'a'}\n"}
                index.add_wheel(name, "1.0", files)
            yield Yard(folder, index)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def digest(yard: Yard) -> str:
    """The digest of a plain build by this user."""
    return yard.build()


def test_digest_does_not_depend_on_settings_of_the_machine(yard, digest):
    """Cache folder, umask, time zone, locale, hash seed, HOME, working folder and processes leave no trace."""
    elsewhere = yard.folder / "elsewhere"
    elsewhere.mkdir()

    private = yard.build(prefix=("sh", "-c", 'umask 077; exec "$@"', "sh"), TZ="Asia/Tokyo", LC_ALL="C")
    open_to_all = yard.build(
        prefix=("sh", "-c", 'umask 0; cd "$0"; exec "$@"', str(elsewhere)),
        workers=2,
        LC_ALL="C.UTF-8",
        PYTHONHASHSEED="7",
        TZ="America/Caracas",
        HOME=str(elsewhere),
    )

    assert (private, open_to_all) == (digest, digest)


def powerless() -> Iterator[tuple[tuple[str, ...], int | None]]:
    """Ways to run a command without a capability: prefix, and who must own its folder."""
    if os.geteuid() != 0:
        yield ("setpriv", "--no-new-privs"), None
        return
    yield POWERLESS, None
    prefix = Path(sys.base_prefix)
    if all(folder.stat().st_mode & 0o001 for folder in (prefix, *prefix.parents)):
        # Elsewhere (an interpreter in root's home) nobody but root can start it.
        yield AS_NOBODY, NOBODY


def test_digest_does_not_depend_on_the_user(yard, digest):
    """Root, another user in a namespace, and a user whose every capability is dropped, for good."""
    mapped = yard.build(
        prefix=("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"), PYTHONHASHSEED="0"
    )
    digests = [
        mapped,
        *(yard.build(prefix=prefix, owner=owner, HOME=str(yard.folder)) for prefix, owner in powerless()),
    ]

    assert set(digests) == {digest}


@pytest.mark.registry
def test_digest_does_not_depend_on_where_the_image_goes(yard, digest, tmp_path):
    """Two repositories of a registry get the very image that the layout has."""
    with Registry.start(tmp_path / "registry") as registry:
        plain = ("--plain-http", registry.host)
        digests = [yard.build("--push", f"{registry.host}/{name}", *plain) for name in ("team/ts:v1", "other/place:v2")]

    assert digests == [digest, digest]


# -- processors -------------------------------------------------------------------------------------------------------


def make_text(seed: int) -> str:
    """Source text that a compressor has choices in, written by a generator of its own."""
    words = ["".join(chr(97 + (i * 7 + j * 3) % 26) for j in range(2 + i % 9)) for i in range(997)]
    state, lines = seed, []
    for number in range(1500):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        lines.append(f"{words[state % 997]}_{number} = {{'{words[state >> 8 & 511]}': {state >> 16 & 255}}}\n")
    return "".join(lines)


@pytest.mark.emulated
def test_digest_does_not_depend_on_the_processor(tmp_path):
    """A whole build, byte-code included, on an old CPU without AVX, on one with AVX2, and on this machine's own.

    The work is small enough to stay in the one process that is emulated: others would run on the real processor.
    """
    if shutil.which("qemu-x86_64") is None:
        pytest.skip("qemu-x86_64 is not installed")
    with PackageIndexSandbox.start(tmp_path / "index") as index:
        for number, name in enumerate(PACKAGES):
            index.add_wheel(
                name,
                PACKAGES[name],
                {f"{name}/__init__.py": make_text(number + 1), f"{name}/small.py": "x = {'b', 'a'}\n"},
                scripts={f"{name}-run": f"{name}:main"},
            )
        folder = write_repository(tmp_path / "ts", *index.make_lock(PACKAGES))
        base = make_tiny_base(tmp_path / "base")
        prefixes = ((), *(("qemu-x86_64", "-cpu", model, sys.executable, "-W", "ignore") for model in CPU_MODELS))

        results = [
            build(
                folder,
                *("--base", f"oci:{base}", "--output", tmp_path / f"image-{number}", "--workers", 1),
                *("--cache", tmp_path / f"cache-{number}", "--plain-http", index.host),
                *("--index-map", f"{PLACEHOLDER_SOURCE}={index.url}"),
                prefix=prefix,
            )
            for number, prefix in enumerate(prefixes)
        ]

    assert sum(len(file.body) for file in index.files) < INLINE_LIMIT_BYTES
    assert len(results[0]["layers"]) >= 5
    assert [result["digest"] for result in results] == [results[0]["digest"]] * 3
