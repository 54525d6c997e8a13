"""The records of a service, opened for reading: what `hublish runs` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from hublish.adapters.archive import DiskArchive
from hublish.adapters.store import QueueStore, ReplicaStore, RunStore, StepStore, open_existing_database
from hublish.bootstrap.queue import make_queue_limits, make_replica_name
from hublish.core.queue import Place
from hublish.core.records import Run, RunStep
from hublish.settings import Settings
from hublish.workflows.places import read_places


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Runs, their steps and the logs of their builds."""

    runs: RunStore
    steps: StepStore
    archive: DiskArchive
    find_places: Callable[[], Mapping[str, Place]]

    def list_runs(self, limit: int = 50) -> tuple[Run, ...]:
        """The newest runs first."""
        return self.runs.list_runs(limit)

    def read_run(self, run_id: str) -> Run | None:
        """A run by its id."""
        return self.runs.read_run(run_id)

    def list_steps(self, run_id: str) -> tuple[RunStep, ...]:
        """A run's steps in the order they began."""
        return self.steps.list_steps(run_id)

    def find_waits(self, runs: Sequence[Run]) -> Mapping[str, tuple[tuple[str, Place], ...]]:
        """Run id to the images whose builds wait, each with its place; without the runs that wait for nothing."""
        places = self.find_places() if any(not run.state.ended for run in runs) else {}
        waits = {
            run.id: tuple((image, places[name]) for name, image in self.steps.list_links(run.id) if name in places)
            for run in runs
            if places and not run.state.ended
        }
        return {run_id: images for run_id, images in waits.items() if images}

    def read_log(self, run_id: str) -> str:
        """The logs of a run's builds as text, one after the other; "" when there is none yet."""
        lines = (line for name, _ in self.steps.list_links(run_id) for line in self.archive.read_lines(name))
        return "".join(f"{line.text}\n" for line in lines)


def open_records(settings: Settings) -> Records:
    """Open the records that `settings` name; nothing is made.

    Raises:
        DatabaseFailed: there is no database yet, or it cannot be reached.
    """
    engine = open_existing_database(settings.database)
    queue, replicas = QueueStore(engine), ReplicaStore(engine, make_replica_name(settings))
    limits = make_queue_limits(settings)
    return Records(
        runs=RunStore(engine),
        steps=StepStore(engine),
        archive=DiskArchive(settings.log_folder),
        find_places=lambda: read_places(queue, replicas, limits=limits, now=datetime.now(UTC)),
    )
