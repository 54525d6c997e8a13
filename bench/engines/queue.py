"""Ten builds of two owners on two slots: in which order they got them, and who was held up by whom."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.sandbox.rows import read_rows

from bench.engines.bare import prepare_bare, remove_bare, run_bare
from bench.engines.order import Start
from bench.engines.stage import OTHER_REPO, SLOTS, SOURCE_REPO, Built, Stage, await_that

RELEASES = ((SOURCE_REPO, 6), (OTHER_REPO, 4))
"""Who publishes how many, one owner's after the other's."""
BUILDS = sum(number for _, number in RELEASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """What the ten builds needed.

    Attributes:
        hublish_seconds: from the first webhook to the end of the last build.
        bare_seconds: the same builds as bare TaskRuns, as many at once.
        bare_sum_seconds: what these took each, added up.
        starts: in the order in which hublish gave the slots.
    """

    hublish_seconds: float
    bare_seconds: float
    bare_sum_seconds: float
    starts: tuple[Start, ...]


def measure_queue(stage: Stage) -> Queued:
    """Build ten releases by hublish, then the same ten bare."""
    wanted = [
        (repo, tag, stage.commit(repo, tag))
        for repo, number in RELEASES
        for tag in (f"queue-{index}" for index in range(number))
    ]
    stage.rest()
    for repo, tag, sha in wanted:
        stage.publish(repo, tag, sha=sha)
    starts = _watch_queue(stage)
    built = [stage.await_built(repo, tag) for repo, tag, _ in wanted]
    stage.rest()
    bare_seconds, singles = _build_bare(stage, built)
    return Queued(
        hublish_seconds=max(one.ended_at for one in built) - min(one.received_at for one in built),
        bare_seconds=bare_seconds,
        bare_sum_seconds=sum(singles),
        starts=starts,
    )


def _watch_queue(stage: Stage) -> tuple[Start, ...]:
    """Look at the queue until all have their slots; a ticket goes when its build has ended."""
    tickets: dict[str, Start] = {}

    def look() -> bool:
        query = "select name, owner, turn, entered_at, started_at from build_queue where started_at is not null"
        for name, owner, turn, entered_at, started_at in read_rows(stage.town.database, query):
            tickets[name] = Start(name=name, owner=owner, turn=turn, entered_at=entered_at, started_at=started_at)
        return len(tickets) == BUILDS

    await_that(look, "the start of all builds of the queue")
    return tuple(sorted(tickets.values(), key=lambda one: (one.started_at, one.turn, one.entered_at)))


def _build_bare(stage: Stage, built: Sequence[Built]) -> tuple[float, list[float]]:
    builds = [
        prepare_bare(stage, stage.read_request(one), name=f"bare-queue-{index}") for index, one in enumerate(built)
    ]
    began_at = time.time()
    with ThreadPoolExecutor(max_workers=SLOTS) as pool:
        times = list(pool.map(lambda build: run_bare(stage, build), builds))
    for build in builds:
        remove_bare(stage, build)
    return max(one.ended_at for one in times) - began_at, [one.ended_at - one.asked_at for one in times]
