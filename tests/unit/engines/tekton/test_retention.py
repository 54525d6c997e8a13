"""What stays in the cluster: the newest ended runs, for so long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hublish.engines.tekton.retention import choose_old_runs

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def make_ended(name: str, at: str | None) -> dict:
    condition = {"type": "Succeeded", "status": "True"}
    status = {"conditions": [condition], **({} if at is None else {"completionTime": at})}
    return {"metadata": {"name": name}, "status": status}


RUNS = [
    make_ended("morning", "2026-11-21T08:00:00Z"),
    make_ended("noon", "2026-11-21T11:59:00Z"),
    make_ended("eve", "2026-11-20T20:00:00Z"),
    {"metadata": {"name": "running"}},
    make_ended("unknown", None),
]


@pytest.mark.parametrize(
    ("keep", "hours", "old"),
    [
        (10, 1000, set()),
        (2, 1000, {"morning", "eve"}),
        (0, 1000, {"morning", "eve"}),
        (10, 5, {"eve"}),
        (3, 3, {"morning", "eve"}),
    ],
)
def test_runs_go_by_count_and_age(keep: int, hours: float, old: set[str]) -> None:
    """One that runs never goes, nor one that ended a moment ago; one whose end is not dated counts as new."""

    assert set(choose_old_runs(RUNS, keep=keep, seconds=hours * 3600, now=NOW)) == old
