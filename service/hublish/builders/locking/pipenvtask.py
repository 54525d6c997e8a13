"""A Pipfile.lock made by pipenv in a container of the base: resolving may run code of packages that have no wheel.

pipenv and what it needs are pinned here by hash. The container gets the Pipfile, whose sources are what it may ask, and no
secret: a source that needs a login cannot be asked from there.
"""

from __future__ import annotations

import shlex
import shutil
import tomllib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plette.pipfiles import DEFAULT_SOURCE_TOML  # type: ignore[import-untyped]  # plette ships no types

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.planning.pinnedpip import PIP_HASH, PIP_NAME, PIP_VERSION
from hublish.builders.wheels.choice import choose_wheels
from hublish.core.locks.lock import IndexSource, LockedPackage
from hublish.core.locks.lockfile import LOCK_LIMIT_BYTES
from hublish.core.locks.renewal import explain_failure
from hublish.core.locks.sources import find_source_fault
from hublish.core.ports import ContainerRunner, ContainerTask, PackageIndex
from hublish.core.reference import Reference
from hublish.errors import BuildFailed, LockFailed, WheelMissing, clip

LOCK_SECONDS = 1800.0
_LOCK = "Pipfile.lock"
_CA = "ca.pem"
_HERE = "Lock by your own pipenv: `hublish lock --here`."
_SECTIONS = frozenset({"source", "requires", "pipenv", "scripts"})
# pipenv 2026.10.3 and its requirements, each the one wheel that runs anywhere.
_PINNED = (
    ("certifi", "2026.10.18", "73191c47aaa79da394e8fee2dbc2ec827432cab56311122c9e47abf79e390f62"),
    ("distlib", "0.4.4", "cf09d55b1e85a89576b036aeb71550bfd68320f3f21761ca329eadadad918638"),
    ("filelock", "4.2.11", "020e229e4bb9d410fc799c07ddf45fa217cba970278f40b30751d94f309b69e2"),
    ("packaging", "26.3", "d7193f7c8e4e93f444fde0262bf90af30e16fa0ad0ad44cb553c87339b23cd1c"),
    ("pipenv", "2026.10.3", "9a2b337fcbf2b3ed30ebf691ecfd201484bcdd0270afe0964cbcd5b7a39911bc"),
    ("platformdirs", "4.14.7", "391513b74707c42335fff3ea17eaac657a7ee9ffcadd809634d34ea594d0122c"),
    ("python-discovery", "1.9.5", "a1fae8fca11e4bc61e38491c2aafff29e430b3c5e272d51ae52fb895bc4c0fac"),
    ("setuptools", "84.2.1", "ca140b45d5325a9478f880e351484f62fef15f336462e449ca0c03c873d589c2"),
    ("virtualenv", "21.15.8", "e4cb274633d6f3ddb19f535a3be7539ce8fe34fc7aa2b0c417ff6e96c3cf67dc"),
)
_SCRIPT = """\
umask 022
mkdir home tmp tool work
export HOME=/hublish/home TMPDIR=/hublish/tmp LANG=C.UTF-8 LC_ALL=C.UTF-8 NO_COLOR=1 PYTHONDONTWRITEBYTECODE=1
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export PIPENV_VENV_IN_PROJECT=1 PIPENV_IGNORE_VIRTUALENVS=1 PIPENV_NOSPIN=1 PIPENV_YES=1
if [ -f files/ca.pem ]; then
    export PIP_CERT=/hublish/files/ca.pem REQUESTS_CA_BUNDLE=/hublish/files/ca.pem SSL_CERT_FILE=/hublish/files/ca.pem
fi
{python} files/{pip}/pip install -q --no-index --no-deps --no-compile --target tool {wheels}
cp files/Pipfile work/Pipfile
cd work
PYTHONPATH=/hublish/tool {python} -m pipenv lock
cp Pipfile.lock ../out/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTools:
    """What a lock is made with.

    Attributes:
        base: whose Python resolves, pinned by digest.
        facts: of the base.
        platform: `os/architecture`.
        index: where pipenv's own wheels are fetched, by their hashes.
        runner: runs pipenv.
        folder: for files at work.
        ca_file: certificates that the indexes are verified by; None takes those of the base.
        log: told what pipenv prints.
        verify_running: raises when it is to stop.
    """

    base: Reference
    facts: BaseFacts
    platform: str
    index: PackageIndex
    runner: ContainerRunner
    folder: Path
    ca_file: Path | None
    log: Callable[[str], None] = field(repr=False)
    verify_running: Callable[[], None]


def read_sources(pipfile: bytes, *, indexes_only: bool = False) -> tuple[IndexSource, ...]:
    """Read the sources of a Pipfile that was parsed before, for a container.

    Args:
        pipfile: its bytes.
        indexes_only: whether packages from git and the like are refused as well: a service asks what its operator lists.

    Raises:
        LockFailed: one needs a login or is none; or the Pipfile names packages that lie in the repository.
    """
    data: dict[str, Any] = {**tomllib.loads(DEFAULT_SOURCE_TOML), **tomllib.loads(pipfile.decode())}
    sources = []
    for entry in data["source"]:
        name, url = str(entry.get("name", "")), str(entry.get("url", ""))
        fault = find_source_fault(name, url)
        if fault is not None:
            raise LockFailed(f"the source {clip(name, limit=80)} cannot be used: {fault[1]}")
        if "$" in url or "@" in url:
            raise LockFailed(
                f"the source {clip(name, limit=80)} needs a login, which code in the container could read", hint=_HERE
            )
        sources.append(IndexSource(name=name, url=url.rstrip("/"), verify_ssl=bool(entry.get("verify_ssl", True))))
    local = _find_package(data, {"path", "file"})
    if local is not None:
        raise LockFailed(f"{local} lies in the repository, which the container is not given", hint=_HERE)
    fetched = _find_package(data, {"git", "hg", "svn", "bzr"}) if indexes_only else None
    if fetched is not None:
        raise LockFailed(f"{fetched} comes from a repository, and only package indexes are asked here", hint=_HERE)
    return tuple(sources)


def _find_package(data: dict[str, Any], keys: set[str]) -> str | None:
    """The first package of a Pipfile whose entry has one of these keys, for people."""
    groups = (group for name, group in data.items() if name not in _SECTIONS and isinstance(group, dict))
    found = (
        clip(name, limit=80)
        for group in groups
        for name, entry in group.items()
        if isinstance(entry, dict) and not entry.keys().isdisjoint(keys)
    )
    return next(found, None)


def lock_in_container(pipfile: bytes, *, sources: tuple[IndexSource, ...], tools: LockTools) -> bytes:
    """Lock a Pipfile.

    Args:
        pipfile: what pipenv reads; its sources are reachable from the container without a login.
        sources: those of the Pipfile as the index client asks them, for pipenv's own wheels.
        tools: engine, base, sinks.

    Returns:
        The bytes of the lock.

    Raises:
        LockFailed: pipenv failed or is not on the sources; the message has its telling lines.
        BuildFailed: the engine failed, or a limit was reached.
        IndexFailed, EngineFailed: a server.
    """
    wheels = _fetch_wheels(sources, tools)
    place = tools.folder / f"lock-{uuid.uuid4().hex[:16]}"
    place.mkdir(parents=True)
    try:
        (place / "Pipfile").write_bytes(pipfile)
        files = {**wheels, "Pipfile": place / "Pipfile", **({_CA: tools.ca_file} if tools.ca_file else {})}
        lock = _run(files, sorted(wheels), place=place / "out", tools=tools)
        if lock.stat().st_size > LOCK_LIMIT_BYTES:
            raise LockFailed(f"pipenv wrote a lock of more than {LOCK_LIMIT_BYTES} bytes")
        return lock.read_bytes()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _fetch_wheels(sources: tuple[IndexSource, ...], tools: LockTools) -> dict[str, Path]:
    pinned = ((PIP_NAME, PIP_VERSION, PIP_HASH.removeprefix("sha256:")), *_PINNED)
    packages = [
        LockedPackage(name=name, version=version, hashes=(f"sha256:{digest}",), source="")
        for name, version, digest in pinned
    ]
    try:
        chosen = choose_wheels(packages, sources=sources, facts=tools.facts, index=tools.index, log=tools.log)
    except WheelMissing as exc:
        raise LockFailed(f"pipenv cannot be had from the Pipfile's sources: {exc.message}", hint=_HERE) from exc
    return {
        choice.file.filename: tools.index.fetch_file(choice.source, choice.file)
        for choice in chosen
        if choice.source is not None
    }


def _run(files: dict[str, Path], wheels: list[str], *, place: Path, tools: LockTools) -> Path:
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        del lines[:-2000]
        tools.log(line)

    pip = next(name for name in wheels if name.startswith(f"{PIP_NAME}-"))
    task = ContainerTask(
        title="the lock",
        base=tools.base,
        platform=tools.platform,
        script=_SCRIPT.format(
            python=shlex.quote(tools.facts.executable),
            pip=shlex.quote(pip),
            wheels=" ".join(shlex.quote(f"files/{name}") for name in wheels if name != pip),
        ),
        files=files,
        network=True,
        seconds=LOCK_SECONDS,
        size_bytes=LOCK_LIMIT_BYTES,
        hint="Change the Pipfile so that the versions fit together, then lock again.",
    )
    try:
        made = tools.runner.run_task(task, place, log=tell, verify_running=tools.verify_running)
    except BuildFailed as exc:
        if not exc.message.startswith(f"{task.title} failed"):
            raise
        said = explain_failure("\n".join(lines)) or exc.message
        raise LockFailed(f"pipenv could not lock: {said}", hint=task.hint) from exc
    if [path.name for path in made] != [_LOCK]:
        raise LockFailed("pipenv wrote no lock")
    return made[0]
