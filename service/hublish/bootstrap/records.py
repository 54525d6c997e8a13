"""The records of a service, opened for reading: what `hublish runs` shows."""

from __future__ import annotations

from dataclasses import dataclass

from hublish.adapters.archive import DiskArchive
from hublish.adapters.store import RunStore, StepStore, ensure_schema, open_database
from hublish.core.records import Run, RunStep
from hublish.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Runs, their steps and the logs of their builds."""

    runs: RunStore
    steps: StepStore
    archive: DiskArchive

    def list_runs(self, limit: int = 50) -> tuple[Run, ...]:
        """The newest runs first."""
        return self.runs.list_runs(limit)

    def read_run(self, run_id: str) -> Run | None:
        """A run by its id."""
        return self.runs.read_run(run_id)

    def list_steps(self, run_id: str) -> tuple[RunStep, ...]:
        """A run's steps in the order they began."""
        return self.steps.list_steps(run_id)

    def read_log(self, run_id: str) -> str:
        """The logs of a run's builds as text, one after the other; "" when there is none yet."""
        lines = (line for name, _ in self.steps.list_links(run_id) for line in self.archive.read_lines(name))
        return "".join(f"{line.text}\n" for line in lines)


def open_records(settings: Settings) -> Records:
    """Open the records that `settings` name.

    Raises:
        DatabaseFailed: the database cannot be reached.
    """
    engine = open_database(settings.database)
    ensure_schema(engine)
    return Records(runs=RunStore(engine), steps=StepStore(engine), archive=DiskArchive(settings.data / "logs"))
