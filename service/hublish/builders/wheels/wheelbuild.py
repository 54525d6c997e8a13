"""Wheels of locked packages that have none: built once, in the base.

They are made from the source distribution whose hash is locked, a folder of the repository, or a commit of another one.
The build has no network and no secret: what it needs is fetched before, from the lock's own indexes, and handed to it as
files. Which wheel was built is known to the owner's builds by everything it was asked for by: the locked hashes, the tree
or the commit, the Python, the platform and the base.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.disk import hash_file
from hublish.builders.keys import make_key
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.sweep import note_use
from hublish.builders.wheels.choice import ChosenWheel, find_sources
from hublish.builders.wheels.packagesource import PackageSources
from hublish.builders.wheels.sdist import find_sdist, find_suffix, read_build_requirements
from hublish.builders.wheels.wheelscript import render_script
from hublish.core.locks.lock import IndexSource, LockedPackage, PackageOrigin
from hublish.core.plan import Plan
from hublish.core.ports import ContainerRunner, ContainerTask, IndexFile, PackageIndex
from hublish.core.reference import Reference
from hublish.errors import BuildFailed, WheelMissing, clip

if TYPE_CHECKING:
    from hublish.builders.wheels.buildrequirements import BuildWheel

BUILD_SECONDS = 1800.0
WHEEL_LIMIT_BYTES = 2 << 30
BUILT = "built"
"""Folder of a workspace that built wheels lie in, each in one named by its hash."""
_FORMAT = 1
_SCHEME = "built:"
_PIP = "pip"
_HINT = (
    "The log has what the package's build said. Where it lacks a compiler or a library, name a base that has it, or pin "
    "a version that has a wheel."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltWheel:
    """A wheel that was built: the key it is known under, the file, its hash."""

    key: str
    path: Path
    sha256: str


@dataclass(slots=True, kw_only=True)
class WheelBuilds:
    """The wheels that one build has to build; itself an index, which has them beside everything of `index`.

    Attributes:
        plan: names the indexes.
        base: that the builds run in, pinned by digest.
        facts: of the base.
        index: where everything else is.
        layers: what earlier builds made.
        runner: runs builds.
        sources: where packages lie that the lock names by their source; None where there are none.
        folder: where wheels are kept, by their hash; shared by all builds of this machine.
        log: told what happens.
        verify_running: raises when the build is to stop.
    """

    plan: Plan
    base: Reference
    facts: BaseFacts
    index: PackageIndex
    layers: LayerIndex
    runner: ContainerRunner
    folder: Path
    log: Callable[[str], None]
    verify_running: Callable[[], None]
    sources: PackageSources | None = None
    _packages: dict[str, LockedPackage] = field(default_factory=dict)

    def find_known(self, packages: Sequence[LockedPackage]) -> dict[LockedPackage, ChosenWheel]:
        """Find the wheels that earlier builds made, without asking an index."""
        known = {package: self.layers.find_choice(self._key(package)) for package in packages}
        return {
            package: self._choose(package, filename=found[0], sha256=found[1])
            for package, found in known.items()
            if found is not None and _is_wheel_of(package, found[0])
        }

    def build(self, packages: Sequence[LockedPackage]) -> Mapping[LockedPackage, ChosenWheel]:
        """Build the wheels of packages, as far as the lock has their source distribution and there is an engine.

        Raises:
            BuildFailed: a package could not be built.
            WheelMissing: what it needs to be built is not on the lock's indexes.
            WheelInvalid, IndexFailed: see PackageIndex.
        """
        built: dict[LockedPackage, ChosenWheel] = {}
        for package in packages if self.runner.can_run() else ():
            made = self._build(package)
            if made is not None:
                path, sha256 = made
                self.layers.store_choice(self._key(package), filename=path.name, sha256=sha256)
                built[package] = self._choose(package, filename=path.name, sha256=sha256)
        return built

    def list_built(
        self, chosen: Sequence[ChosenWheel], *, recall: Callable[[Path, str], None]
    ) -> tuple[BuiltWheel, ...]:
        """List those of the chosen wheels that were built, in their order; each is here afterwards.

        Args:
            chosen: all wheels of the build.
            recall: brings one back from elsewhere, if it can: `(path, sha256)`.

        Raises:
            HublishError: what `fetch_file` raises where one has to be built again.
        """
        built = []
        for choice in chosen:
            package = self._packages.get(choice.file.url)
            if package is not None:
                path = self.folder / choice.sha256 / choice.file.filename
                if not path.is_file():
                    recall(path, choice.sha256)
                path = self.fetch_file(self.plan.indexes[0], choice.file)
                built.append(BuiltWheel(key=self._key(package), path=path, sha256=choice.sha256))
        return tuple(built)

    # -- the index -----------------------------------------------------------------------------------------------------

    def list_files(
        self, source: IndexSource, name: str, *, hashes: AbstractSet[str] | None = None
    ) -> tuple[IndexFile, ...]:
        """See PackageIndex."""
        return self.index.list_files(source, name, hashes=hashes)

    def fetch_file(self, source: IndexSource, file: IndexFile, progress: Callable[[int], None] | None = None) -> Path:
        """See PackageIndex; a wheel that was built and is not here any more is built again."""
        if not file.url.startswith(_SCHEME):
            return self.index.fetch_file(source, file, progress)
        package = self._packages[file.url]
        path = self.folder / (file.sha256 or "") / file.filename
        note_use(path)
        if path.is_file() and hash_file(path) == file.sha256:
            return path
        made = self._build(package)
        if made is None:
            raise WheelMissing(f"{file.filename} has to be built again, and its source is gone from the index")
        path, sha256 = made
        if sha256 != file.sha256:
            # From now on this one counts; what an earlier build made of the other is nowhere any more.
            self.layers.store_choice(self._key(package), filename=path.name, sha256=sha256)
            raise BuildFailed(
                f"{package.title} is not reproducible: built again, its wheel has other bytes, and a layer "
                "with the earlier one is lost",
                hint="Build again: the new wheel is used then.",
                transient=True,
            )
        return path

    def find_file(self, file: IndexFile) -> Path | None:
        """See PackageIndex."""
        return self.index.find_file(file)

    def fetch_metadata(self, source: IndexSource, file: IndexFile) -> bytes | None:
        """See PackageIndex; a built wheel is read itself."""
        return None if file.url.startswith(_SCHEME) else self.index.fetch_metadata(source, file)

    # -- building ------------------------------------------------------------------------------------------------------

    def _choose(self, package: LockedPackage, *, filename: str, sha256: str) -> ChosenWheel:
        url = f"{_SCHEME}{package.name}"
        self._packages[url] = package
        file = IndexFile(filename=filename, url=url, sha256=sha256, size_bytes=None)
        version = package.version or str(parse_wheel_filename(filename)[1])
        return ChosenWheel(package=replace(package, version=version), source=self.plan.indexes[0], file=file)

    def _find_sdist(self, package: LockedPackage) -> tuple[IndexSource, IndexFile] | None:
        for source in find_sources(package, self.plan.indexes):
            file = find_sdist(package, self.index.list_files(source, package.name))
            if file is not None:
                return source, file
        return None

    def _build(self, package: LockedPackage) -> tuple[Path, str] | None:
        """Build one wheel; returns `(path, sha256)`, or None where nobody has its source."""
        if not package.is_source:
            found = self._find_sdist(package)
            if found is None:
                return None
            self.log(f"{package.title} has no wheel that fits; it is built from {clip(found[1].filename)} in the base")
            return self._build_archive(package, self.index.fetch_file(*found))
        if self.sources is None:
            return None
        self.log(f"{package.title} is built from {clip(package.location or '')} in the base")
        place = self.folder / f".part-{uuid.uuid4().hex}"
        try:
            return self._build_archive(package, self.sources.write_archive(package, place))
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _build_archive(self, package: LockedPackage, archive: Path) -> tuple[Path, str]:
        title = package.title
        needs = self._resolve(package, read_build_requirements(archive), title=title)
        self.log(f"{title}: built with " + ", ".join(f"{wheel.name} {wheel.version}" for wheel in needs))
        suffix = find_suffix(archive.name)
        files = {wheel.file.filename: self.index.fetch_file(wheel.source, wheel.file) for wheel in needs}
        pip = next(wheel.file.filename for wheel in needs if wheel.name == _PIP)
        task = ContainerTask(
            title=f"the wheel of {title}",
            base=self.base,
            platform=self.plan.platform,
            script=render_script(python=self.facts.executable, pip=pip, suffix=suffix),
            files={**files, f"source{suffix}": archive},
            network=False,
            seconds=min(BUILD_SECONDS, self.plan.time_seconds),
            size_bytes=WHEEL_LIMIT_BYTES,
            hint=_HINT,
        )
        place = self.folder / f".part-{uuid.uuid4().hex}"
        try:
            made = self.runner.run_task(task, place, log=self.log, verify_running=self.verify_running)
            return self._keep(package, made)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _keep(self, package: LockedPackage, made: Sequence[Path]) -> tuple[Path, str]:
        """Put a wheel in its place, after a look at what it claims to be."""
        title = package.title
        names = ", ".join(clip(path.name) for path in made) or "nothing"
        if len(made) != 1 or not _is_wheel_of(package, made[0].name):
            raise BuildFailed(
                f"the wheel of {title}: expected one wheel of that name and version, its build left {names}"
            )
        key = self._key(package)
        sha256 = hash_file(made[0])
        # By its own hash: what another owner's build makes of the same source must never take its place.
        path = self.folder / sha256 / made[0].name
        path.parent.mkdir(parents=True, exist_ok=True)
        earlier = self.layers.find_choice(key)
        made[0].replace(path)
        # Its time is what the build made it, long ago as a rule.
        note_use(path)
        self.log(f"{title}: {path.name}, sha256:{sha256}")
        if earlier is not None and earlier[1] != sha256:
            self.log(f"warning: {title} is not reproducible: an earlier build of the same made sha256:{earlier[1]}")
        return path, sha256

    def _resolve(self, package: LockedPackage, texts: Sequence[str], *, title: str) -> tuple[BuildWheel, ...]:
        # Here, because hardly a build has to build a wheel.
        from hublish.builders.wheels.buildrequirements import BuildRequirements  # noqa: PLC0415  # start-up time

        sources = (*find_sources(package, self.plan.indexes), *self.plan.indexes)
        finder = BuildRequirements(
            sources=tuple(dict.fromkeys(sources)),
            facts=self.facts,
            index=self.index,
            verify_running=self.verify_running,
        )
        # Older versions of setuptools need wheel and do not say so.
        own = ["wheel"] if any(text.lower().startswith("setuptools") for text in texts) else []
        return finder.resolve((*texts, *own, _PIP), title=title)

    def _key(self, package: LockedPackage) -> str:
        facts = self.facts
        target = [facts.python_full_version, list(facts.libc), facts.architecture]
        hashes = sorted(package.hashes)
        # A folder of the repository counts by its hash alone, wherever it lies.
        place = [package.location] if package.origin is PackageOrigin.VCS else []
        return make_key(["built", _FORMAT, package.name, package.version, hashes, target, self.base.digest, *place])


def _is_wheel_of(package: LockedPackage, filename: str) -> bool:
    try:
        name, version, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return False
    return name == package.name and (package.version == "" or version == Version(package.version))
