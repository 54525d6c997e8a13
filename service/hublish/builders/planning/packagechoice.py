"""Which wheel is installed for each package of a plan: as an earlier build chose, else as the index's list says.

A choice depends on what the lock pins and on the target alone, so that what was chosen once holds for ever, also when the
index is down or the file was yanked since. Wheels of the repository are chosen from its tree each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.keys import make_key
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.wheels.choice import ChosenWheel, choose_wheels, find_sources
from hublish.builders.wheels.wheelbuild import WheelBuilds
from hublish.core.locks.lock import IndexSource, LockedPackage, PackageOrigin
from hublish.core.ports import IndexFile, PackageIndex


def find_known_choices(
    packages: Sequence[LockedPackage], *, sources: Sequence[IndexSource], facts: BaseFacts, layers: LayerIndex
) -> dict[LockedPackage, ChosenWheel]:
    """Find what earlier builds chose, without asking an index."""
    known: dict[LockedPackage, ChosenWheel] = {}
    for package in packages:
        if package.origin is not PackageOrigin.INDEX:
            continue
        choice = layers.find_choice(make_choice_key(package, sources=sources, facts=facts))
        # The lock's word counts, whatever is kept here.
        if choice is not None and f"sha256:{choice[1]}" in package.hashes:
            file = IndexFile(filename=choice[0], url="", sha256=choice[1], size_bytes=None)
            known[package] = ChosenWheel(package=package, source=None, file=file)
    return known


def store_choices(
    chosen: Sequence[ChosenWheel], *, sources: Sequence[IndexSource], facts: BaseFacts, layers: LayerIndex
) -> None:
    """Keep what was chosen from the lists of indexes."""
    for choice in chosen:
        if choice.package.origin is PackageOrigin.INDEX and f"sha256:{choice.sha256}" in choice.package.hashes:
            key = make_choice_key(choice.package, sources=sources, facts=facts)
            layers.store_choice(key, filename=choice.file.filename, sha256=choice.sha256)


def choose_packages(
    packages: Sequence[LockedPackage],
    *,
    sources: Sequence[IndexSource],
    facts: BaseFacts,
    index: PackageIndex,
    layers: LayerIndex,
    log: Callable[[str], None],
    builds: WheelBuilds | None = None,
) -> tuple[ChosenWheel, ...]:
    """Choose the wheels of all packages, in their order; an index is asked only for packages nobody knows.

    Args:
        packages: of the plan.
        sources: the lock's indexes.
        facts: of the base.
        index: where files are listed.
        layers: what earlier builds chose.
        log: told what happens.
        builds: makes the wheels of packages that have none; None leaves these missing.

    Raises:
        WheelMissing: at least one package has no file that fits; the message lists all of them with the reason.
        IndexFailed: an index could not be asked.
        BuildFailed: a wheel could not be built.
    """
    known = find_known_choices(packages, sources=sources, facts=facts, layers=layers)
    if builds is not None:
        known |= builds.find_known([package for package in packages if package not in known])
    build = _build_nothing if builds is None else builds.build
    unknown = [package for package in packages if package not in known]
    listed = choose_wheels(unknown, sources=sources, facts=facts, index=index, log=log, build=build)
    store_choices(listed, sources=sources, facts=facts, layers=layers)
    if known:
        log(
            f"{len(known)} of {len(packages)} wheels are those that earlier builds chose; the index is not asked for them"
        )
    # What is built has a version that its package in the plan does not have.
    chosen = known | dict(zip(unknown, listed, strict=True))
    return tuple(chosen[package] for package in packages)


def _build_nothing(_: Sequence[LockedPackage]) -> Mapping[LockedPackage, ChosenWheel]:
    return {}


def make_choice_key(package: LockedPackage, *, sources: Sequence[IndexSource], facts: BaseFacts) -> str:
    """Make the key of a choice: everything it depends on but what the index lists."""
    return make_key(
        [
            "choice",
            package.name,
            package.version,
            sorted(package.hashes),
            [source.url for source in find_sources(package, sources)],
            facts.python_full_version,
            list(facts.libc),
            facts.architecture,
        ]
    )
