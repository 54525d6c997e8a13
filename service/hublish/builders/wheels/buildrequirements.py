"""What a package needs to be built, found on the lock's own indexes: the newest wheels that fit, and what they need.

Versions of one name are chosen by all that was asked of it so far, again and again until nothing changes; where that does
not lead to an end, or nothing fits, the error says so. No wheel's code is run, and no package is built to build another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.parser import HeaderParser

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.planning.targettags import make_tag_ranks
from hublish.builders.wheels.choice import allows_python
from hublish.builders.wheels.wheelfile import read_requirements
from hublish.core.locks.lock import IndexSource
from hublish.core.ports import IndexFile, PackageIndex
from hublish.errors import WheelMissing, clip

_ROUNDS = 20
_NAMES_LIMIT = 100
_TEXT_LIMIT = 4096
_HINT = "Publish a wheel of the package to an index and lock again, or add what it needs to the index."


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildWheel:
    """A wheel that is needed to build another: its name and version, the index that lists it, the file."""

    name: str
    version: Version
    source: IndexSource
    file: IndexFile


@dataclass(slots=True, kw_only=True)
class BuildRequirements:
    """Finds what builds need.

    Attributes:
        sources: indexes, in the order they are asked; the first that knows a name has it.
        facts: of the base that the build runs in.
        index: where files are listed.
        verify_running: raises when it is to stop.
    """

    sources: Sequence[IndexSource]
    facts: BaseFacts
    index: PackageIndex
    verify_running: Callable[[], None]
    _ranks: Mapping[Tag, int] = field(default_factory=dict)
    _listed: dict[str, tuple[BuildWheel, ...]] = field(default_factory=dict)
    _needs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def resolve(self, texts: Iterable[str], *, title: str) -> tuple[BuildWheel, ...]:
        """Find wheels for requirements and for what these need.

        Args:
            texts: requirements as written (PEP 508).
            title: of what is built, for messages.

        Raises:
            WheelMissing: nothing fits one of them, or they exclude each other.
            IndexFailed: an index could not be asked.
        """
        self._ranks = self._ranks or make_tag_ranks(self.facts)
        first = tuple(texts)
        chosen: dict[str, BuildWheel] = {}
        for _ in range(_ROUNDS):
            wanted = self._collect(first, chosen, title=title)
            again = {name: self._choose(name, specifiers, title=title) for name, (specifiers, _) in wanted.items()}
            if again == chosen:
                return tuple(chosen[name] for name in sorted(chosen))
            chosen = again
        raise WheelMissing(f"{title}: what it needs to be built does not fit together", hint=_HINT)

    def _collect(
        self, first: Sequence[str], chosen: Mapping[str, BuildWheel], *, title: str
    ) -> dict[str, tuple[SpecifierSet, frozenset[str]]]:
        """What is asked of each name: `(specifiers, extras)`."""
        wanted: dict[str, tuple[SpecifierSet, frozenset[str]]] = {}
        waiting = [(text, frozenset({""})) for text in first]
        seen: set[tuple[str, frozenset[str]]] = set()
        while waiting:
            text, extras = waiting.pop()
            requirement = self._parse(text, extras, title=title)
            if requirement is None:
                continue
            name = canonicalize_name(requirement.name)
            specifiers, known = wanted.get(name, (SpecifierSet(), frozenset[str]()))
            wanted[name] = (specifiers & requirement.specifier, known | requirement.extras)
            if len(wanted) > _NAMES_LIMIT:
                raise WheelMissing(f"{title}: it needs more than {_NAMES_LIMIT} packages to be built", hint=_HINT)
            asked = (name, wanted[name][1])
            if name in chosen and asked not in seen:
                seen.add(asked)
                waiting += [(need, frozenset({"", *asked[1]})) for need in self._read_needs(chosen[name])]
        return wanted

    def _parse(self, text: str, extras: frozenset[str], *, title: str) -> Requirement | None:
        """Parse a requirement that counts here; None for one that does not."""
        environment = self.facts.marker_environment
        try:
            requirement = Requirement(_verify_length(text))
            marker = requirement.marker
            counts = marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in extras)
        except (ValueError, KeyError, RecursionError) as exc:
            raise WheelMissing(f"{title}: {clip(text)!r} is no requirement of a build", hint=_HINT) from exc
        if requirement.url is not None:
            raise WheelMissing(
                f"{title}: to be built it needs {clip(requirement.name)} from a URL, which is not allowed", hint=_HINT
            )
        return requirement if counts else None

    def _read_needs(self, wheel: BuildWheel) -> tuple[str, ...]:
        key = wheel.file.filename
        if key not in self._needs:
            self.verify_running()
            body = self.index.fetch_metadata(wheel.source, wheel.file)
            if body is None:
                self._needs[key] = read_requirements(self.index.fetch_file(wheel.source, wheel.file))
            else:
                headers = HeaderParser().parsestr(body.decode(errors="replace"))
                self._needs[key] = tuple(str(value) for value in headers.get_all("Requires-Dist", []))
        return self._needs[key]

    def _choose(self, name: str, specifiers: SpecifierSet, *, title: str) -> BuildWheel:
        if name not in self._listed:
            self.verify_running()
            self._listed[name] = self._list(name)
        wheels = self._listed[name]
        versions = list(specifiers.filter({wheel.version for wheel in wheels}))
        if not versions:
            raise WheelMissing(
                f"{title}: to be built it needs {clip(f'{name}{specifiers}')}, and no wheel of that fits the base",
                hint=_HINT,
            )
        newest = max(versions)
        # Of one version, the first is the one that fits best.
        return next(wheel for wheel in wheels if wheel.version == newest)

    def _list(self, name: str) -> tuple[BuildWheel, ...]:
        for source in self.sources:
            files = self.index.list_files(source, name)
            if files:
                ranked = [
                    (rank, BuildWheel(name=name, version=version, source=source, file=file))
                    for file in files
                    if (found := self._rank(name, file)) is not None
                    for rank, version in (found,)
                ]
                return tuple(wheel for _, wheel in sorted(ranked, key=lambda entry: (entry[0], entry[1].file.filename)))
        return ()

    def _rank(self, name: str, file: IndexFile) -> tuple[int, Version] | None:
        """Rank a file that can be used: verifiable, not withdrawn, for this Python and platform."""
        if file.sha256 is None or file.yanked is not None or not allows_python(file, self.facts.python_full_version):
            return None
        try:
            own, version, _, tags = parse_wheel_filename(file.filename)
        except InvalidWheelFilename:
            return None
        rank = min((self._ranks[tag] for tag in tags if tag in self._ranks), default=None)
        return None if rank is None or own != name else (rank, version)


def _verify_length(text: str) -> str:
    # A longer one could hold a number of more digits than Python reads, which would only show when versions are compared.
    if len(text) > _TEXT_LIMIT:
        raise ValueError
    return text
