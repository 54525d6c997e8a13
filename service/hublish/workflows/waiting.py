"""A run while its builds wait and run: it looks whether they ended, and tells people where they stand in the queue.

The progress comment is edited, never written anew: once when it is clear that there is a wait, then at most once a
minute, and more seldom the more builds wait, because all their runs write to the same GitHub.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from hublish.core.answers.report import Answer
from hublish.core.queue import render_place
from hublish.errors import HublishError
from hublish.telemetry import get_logger
from hublish.workflows.answer import Answering
from hublish.workflows.places import Places
from hublish.workflows.prepared import Prepared
from hublish.workflows.services import Services

POLL_SECONDS = 0.25
WAITING_POLL_SECONDS = 1.0
TELL_AFTER_SECONDS = 2.0
"""A wait shorter than this is over before anybody reads of it."""
TELL_EVERY_SECONDS = 60.0
TELL_EVERY_SECONDS_PER_BUILD = 3.0

_log = get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class _Telling:
    """What people were told, and when they are told next."""

    next_at: float
    lines: tuple[str, ...] = ()


class Waiting:
    """Waits for the builds of runs."""

    def __init__(
        self, services: Services, answering: Answering, places: Places, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._services = services
        self._answering = answering
        self._places = places
        self._clock = clock

    async def wait(self, run_id: str, answer: Answer, prepared: Prepared, names: tuple[str, ...]) -> None:
        """Wait until all builds have an outcome, or somebody cancelled the run.

        Args:
            run_id: the run.
            answer: as far as it is known.
            prepared: its images.
            names: the builds.
        """
        telling = _Telling(next_at=self._clock() + TELL_AFTER_SECONDS)
        while True:
            lines: tuple[str, ...] = ()
            try:
                if not await asyncio.to_thread(self._is_open, run_id, names):
                    return
                lines = await asyncio.to_thread(self._look, run_id, answer, prepared, telling)
            except HublishError as error:
                if not error.transient:
                    raise
                # However long the database is away, the builds go on; their outcome is worth the wait.
                _log.warning("builds could not be looked at", run=run_id, code=error.code, error=error.message)
            await asyncio.sleep(WAITING_POLL_SECONDS if lines else POLL_SECONDS)

    def _is_open(self, run_id: str, names: tuple[str, ...]) -> bool:
        if self._services.cancels.find_cancel(run_id) is not None:
            return False
        builds = (self._services.builds.read_build(name) for name in names)
        return any(build is not None and build.outcome is None for build in builds)

    def _look(self, run_id: str, answer: Answer, prepared: Prepared, telling: _Telling) -> tuple[str, ...]:
        places = self._places.read()
        links = self._services.steps.list_links(run_id)
        waiting = [(image, places[name]) for name, image in links if name in places]
        lines = tuple(f"{image} {render_place(place)}." for image, place in waiting)
        now = self._clock()
        begins = not lines and bool(telling.lines)
        if begins or (lines != telling.lines and now >= telling.next_at):
            telling.lines = lines
            total = max((place.waiting for _, place in waiting), default=0)
            telling.next_at = now + max(TELL_EVERY_SECONDS, TELL_EVERY_SECONDS_PER_BUILD * total)
            self._tell(run_id, answer, prepared, lines)
        return lines

    def _tell(self, run_id: str, answer: Answer, prepared: Prepared, lines: tuple[str, ...]) -> None:
        try:
            self._answering.announce(run_id, answer, prepared, queue_lines=lines)
        except HublishError as error:
            # A courtesy: the page says the same, and the answer comes in any case.
            _log.warning("place not told", run=run_id, code=error.code, error=error.message)
