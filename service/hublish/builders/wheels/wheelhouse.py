"""The wheels of one build on this machine: fetched once, verified by the index client, their facts noted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from hublish.builders.layerindex.entries import WheelFacts
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.wheels.choice import ChosenWheel, find_sources, map_in_threads
from hublish.core.locks.lock import IndexSource
from hublish.core.ports import PackageIndex
from hublish.errors import WheelMissing


class Wheelhouse:
    """Fetches wheels; safe to share between threads.

    Args:
        index: verifies each file against its hash.
        sources: the lock's indexes.
        layers: told the facts of each wheel that came.
        verify_running: raises when the build is to stop; asked before each file.
    """

    def __init__(
        self,
        index: PackageIndex,
        *,
        sources: Sequence[IndexSource],
        layers: LayerIndex,
        verify_running: Callable[[], None],
    ) -> None:
        self._index = index
        self._sources = sources
        self._layers = layers
        self._verify_running = verify_running
        self._lock = threading.Lock()
        self._paths: dict[str, Path] = {}

    def fetch(
        self,
        chosen: Sequence[ChosenWheel],
        *,
        done: Callable[[ChosenWheel, WheelFacts], None] = lambda _chosen, _facts: None,
    ) -> None:
        """Fetch those files that are not here yet, several at once, the largest first: their layers take longest.

        Args:
            chosen: what is wanted.
            done: told after each file, from several threads.

        Raises:
            WheelInvalid: other bytes than the lock's hash says, or no wheel.
            WheelMissing: a file is gone.
            IndexFailed: the index could not be asked.
        """
        missing = [choice for choice in chosen if choice.sha256 not in self._paths]

        def fetch(choice: ChosenWheel) -> None:
            self._verify_running()
            path = self._find(choice)
            facts = self._layers.find_wheel(choice.sha256)
            if facts is None:
                facts = _read_facts(path)
                self._layers.store_wheel(choice.sha256, facts)
            with self._lock:
                self._paths[choice.sha256] = path
            done(choice, facts)

        map_in_threads(fetch, sorted(missing, key=lambda choice: -self._expect_size(choice)))

    def path(self, chosen: ChosenWheel) -> Path:
        """Where a wheel lies that was fetched."""
        return self._paths[chosen.sha256]

    def _expect_size(self, choice: ChosenWheel) -> int:
        facts = self._layers.find_wheel(choice.sha256)
        return (choice.file.size_bytes or 0) if facts is None else facts.size_bytes

    def _find(self, choice: ChosenWheel) -> Path:
        if choice.source is not None:
            return self._index.fetch_file(choice.source, choice.file)
        kept = self._index.find_file(choice.file)
        return self._locate(choice) if kept is None else kept

    def _locate(self, choice: ChosenWheel) -> Path:
        """Fetch a file that an earlier build chose: its address is not kept, because it may change."""
        for source in find_sources(choice.package, self._sources):
            for file in self._index.list_files(source, choice.package.name, hashes={choice.sha256}):
                if file.sha256 == choice.sha256 and file.filename == choice.file.filename:
                    return self._index.fetch_file(source, file)
        raise WheelMissing(
            f"{choice.file.filename} is gone from its index, and a layer with it has to be made anew",
            hint="Lock again: run `pipenv lock`.",
        )


def _read_facts(path: Path) -> WheelFacts:
    # Here, because a build whose wheels are all known opens none.
    from hublish.builders.wheels.wheelfile import read_requirements  # noqa: PLC0415  # start-up time

    return WheelFacts(size_bytes=path.stat().st_size, requirements=read_requirements(path))
