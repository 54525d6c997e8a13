"""Which file of an index is installed for each locked package: only its hash in the lock and the target decide.

A file that came to the index later can therefore never change a build.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.planning.targettags import make_tag_ranks
from hublish.core.locks.lock import ANY_SOURCE, IndexSource, LockedPackage
from hublish.core.ports import IndexFile, PackageIndex
from hublish.errors import WheelMissing, clip

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# Index and file requests wait for the network nearly all of their time.
CONNECTIONS = 8
_UNKNOWN = "the index does not know it"
_SOURCE_ONLY = "the lock names its source, of which a wheel would have to be built"
MISSING_HINT = (
    "Pin a version that has a wheel for the base's Python and platform, or publish a wheel to an index and lock again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenWheel:
    """The file that is installed for a package.

    Attributes:
        package: as locked.
        source: the index that lists the file; None for one that an earlier build chose, which no index was asked for.
        file: as the index lists it; of an earlier build's, only name and hash are known.
    """

    package: LockedPackage
    source: IndexSource | None
    file: IndexFile

    @property
    def sha256(self) -> str:
        """Its hash, which is one of the lock's."""
        return self.file.sha256 or ""

    @property
    def title(self) -> str:
        """`name version`, for people."""
        return self.package.title


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedWheel:
    """A chosen wheel and the size of the archive."""

    chosen: ChosenWheel
    size_bytes: int


def choose_wheels(
    packages: Sequence[LockedPackage],
    *,
    sources: Sequence[IndexSource],
    facts: BaseFacts,
    index: PackageIndex,
    log: Callable[[str], None],
    build: Callable[[Sequence[LockedPackage]], Mapping[LockedPackage, ChosenWheel]] = lambda _: {},
) -> tuple[ChosenWheel, ...]:
    """Choose the file of every package.

    Args:
        packages: what the lock pins, markers evaluated.
        sources: the lock's indexes; the first is the default.
        facts: of the base the wheels must run on.
        index: where files are listed.
        log: told of yanked files, which a pinned version still uses, as pip does.
        build: makes wheels of packages that have none, as far as it can.

    Returns:
        One choice for each package, in the order of `packages`.

    Raises:
        WheelMissing: at least one package has no file that fits; the message lists all of them with the reason.
        IndexFailed: an index could not be asked.
    """
    choices = list_choices(packages, sources=sources, facts=facts, index=index)
    without = [package for package, choice in choices if isinstance(choice, str)]
    built = build(without) if without else {}
    missing = [
        f"{package.title}: {choice}" for package, choice in choices if isinstance(choice, str) and package not in built
    ]
    if missing:
        raise WheelMissing(
            f"no wheel fits {len(missing)} of {len(packages)} packages: " + "; ".join(missing), hint=MISSING_HINT
        )
    chosen = tuple(built[package] if isinstance(choice, str) else choice for package, choice in choices)
    for choice in chosen:
        if choice.file.yanked is not None:
            log(f"warning: {explain_yanked(choice)}")
    return chosen


def explain_yanked(choice: ChosenWheel) -> str:
    """Say that a file was taken back by its index, and why it is used all the same."""
    reason = clip(choice.file.yanked or "") or "no reason given"
    return f"{choice.title} was yanked from the index ({reason}); the lock pins it, so it is used"


def list_choices(
    packages: Sequence[LockedPackage], *, sources: Sequence[IndexSource], facts: BaseFacts, index: PackageIndex
) -> list[tuple[LockedPackage, ChosenWheel | str]]:
    """Choose the file of every package, or say why none can be used; as `choose_wheels`.

    Raises:
        IndexFailed: an index could not be asked.
    """
    if not packages:
        return []
    ranks = make_tag_ranks(facts)

    def choose(package: LockedPackage) -> ChosenWheel | str:
        if package.is_source:
            return _SOURCE_ONLY
        reasons: list[str] = []
        for source in find_sources(package, sources):
            files = index.list_files(source, package.name, hashes=_hashes_of(package))
            # Nothing of the lock is there: all files tell why.
            files = files or index.list_files(source, package.name)
            choice = choose_file(package, source, files, ranks=ranks, python=facts.python_full_version)
            if isinstance(choice, ChosenWheel):
                # The hashes are the lock's, so it does not matter which of several indexes has the file.
                return choice
            reasons.append(choice)
        if not reasons:
            return f"its index {clip(package.source)!r} is not in the lock"
        return next((reason for reason in reasons if reason != _UNKNOWN), _UNKNOWN)

    return list(zip(packages, map_in_threads(choose, packages), strict=True))


def find_sources(package: LockedPackage, sources: Sequence[IndexSource]) -> tuple[IndexSource, ...]:
    """The indexes that a package may come from, in the order they are asked."""
    if package.source == ANY_SOURCE:
        return tuple(sources)
    return tuple(source for source in sources if source.name == package.source)[:1]


def choose_file(
    package: LockedPackage,
    source: IndexSource,
    files: Sequence[IndexFile],
    *,
    ranks: Mapping[Tag, int],
    python: str,
) -> ChosenWheel | str:
    """Choose among the files of one package; a text says why none can be used."""
    if not files:
        return _UNKNOWN
    hashes = _hashes_of(package)
    locked = [file for file in files if file.sha256 in hashes]
    if not locked:
        return "no file of the index has a hash of the lock (deleted, or replaced by another file)"
    wheels = [file for file in locked if file.filename.endswith(".whl")]
    if not wheels:
        return "the lock pins only a source distribution, which would have to be built"
    fitting = [(rank, file) for file in wheels if (rank := _rank_file(file, package, ranks)) is not None]
    if not fitting:
        return f"its {len(wheels)} locked wheels are for other platforms or Python versions"
    usable = [(rank, file) for rank, file in fitting if allows_python(file, python)]
    if not usable:
        return f"it needs Python {clip(fitting[0][1].requires_python or '')}, the base has {python}"
    return ChosenWheel(package=package, source=source, file=min(usable, key=lambda entry: entry[0])[1])


def _hashes_of(package: LockedPackage) -> frozenset[str]:
    return frozenset(text.removeprefix("sha256:") for text in package.hashes)


def _rank_file(file: IndexFile, package: LockedPackage, ranks: Mapping[Tag, int]) -> tuple[int, int, str, str] | None:
    """Rank as pip does: the best tag, then the highest build number; the name decides between equals."""
    try:
        name, version, build, tags = parse_wheel_filename(file.filename)
    except InvalidWheelFilename:
        return None
    best = min((ranks[tag] for tag in tags if tag in ranks), default=None)
    if best is None or name != package.name or not _is_version(version, package.version):
        return None
    return (best, -build[0] if build else 0, build[1] if build else "", file.filename)


def _is_version(version: Version, text: str) -> bool:
    try:
        return version == Version(text)
    except InvalidVersion:
        return False


def allows_python(file: IndexFile, python: str) -> bool:
    """Tell whether a file may be used with a Python, as far as the index says."""
    if file.requires_python is None:
        return True
    try:
        return SpecifierSet(file.requires_python).contains(python, prereleases=True)
    except ValueError:
        # InvalidSpecifier is one, and so is Python's own error for a number of thousands of digits.
        return True


def map_in_threads(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Do one thing for many items, several at once; results in the order of `items`.

    The first error ends it: what has not started is dropped, what runs is waited for, then the error is raised.
    """
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
