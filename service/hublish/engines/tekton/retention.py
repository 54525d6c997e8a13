"""What stays in the cluster after builds: ended runs by count and age, and no Secret of a run that is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hublish.engines.tekton.cluster import TektonCluster
from hublish.engines.tekton_run import CANCELLED, PART_OF, STEPS, find_end, is_ours, is_waiting

READ_SECONDS = 300
"""So long whoever attends a run that ended has to read how it ended: builds of this service, or of another replica."""


def choose_old_runs(runs: Sequence[Mapping[str, Any]], *, keep: int, seconds: float, now: datetime) -> tuple[str, ...]:
    """Choose the ended runs that go: all but the newest `keep`, and those that ended more than `seconds` ago.

    None that ended within `READ_SECONDS`.
    """
    ended = sorted(
        (run for run in runs if find_end(run) is not None), key=lambda run: _ended_at(run) or now, reverse=True
    )

    def age(run: Mapping[str, Any]) -> float:
        return (now - (_ended_at(run) or now)).total_seconds()

    late = [run for run in ended[:keep] if age(run) > seconds]
    return tuple(run["metadata"]["name"] for run in (*ended[keep:], *late) if age(run) > READ_SECONDS)


def remove_old_runs(
    cluster: TektonCluster, runs: Sequence[Mapping[str, Any]], *, namespace: str, keep: int, seconds: float
) -> None:
    """Delete the runs that go, and with them their pods and logs; ours are kept elsewhere."""
    for name in choose_old_runs(runs, keep=keep, seconds=seconds, now=datetime.now(UTC)):
        cluster.delete_run(name, namespace=namespace)


def remove_orphans(cluster: TektonCluster, *, namespace: str, selector: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Delete Secrets of hublish whose run has ended or is not there."""
    at_work = {run["metadata"]["name"] for run in runs if find_end(run) is None}
    for name, owner in cluster.list_secrets(namespace=namespace, selector=selector):
        # A run that was made a moment ago may not have been seen yet: the server itself is asked.
        if owner not in at_work and _is_over(cluster, owner, namespace=namespace):
            cluster.delete_secret(name, namespace=namespace)


def _is_over(cluster: TektonCluster, owner: str, *, namespace: str) -> bool:
    run = cluster.find_run(owner, namespace=namespace) if owner else None
    return run is None or find_end(run) is not None


def _ended_at(run: Mapping[str, Any]) -> datetime | None:
    text = (run.get("status") or {}).get("completionTime")
    return None if text is None else datetime.fromisoformat(text)


def stop_left_runs(cluster: TektonCluster, name: str, *, namespace: str, selector: str) -> None:
    """Cancel the run of a build that nobody follows, and those of its parts.

    Args:
        cluster: asked.
        name: of the build.
        namespace: of the runs.
        selector: labels of all runs that are hublish's.
    """
    found = cluster.find_run(name, namespace=namespace)
    parts = cluster.list_runs(namespace=namespace, selector=f"{selector},{PART_OF}={name}")["items"]
    for run in (*(() if found is None else (found,)), *parts):
        if is_ours(run) and find_end(run) is None:
            cluster.set_run_status(run["metadata"]["name"], CANCELLED, namespace=namespace)
            delete_secrets(cluster, run["metadata"]["name"], namespace=namespace)


def cancel_waiting(cluster: TektonCluster, name: str, *, namespace: str) -> None:
    """End a run that nobody will release; not one that another replica has released since."""
    found = cluster.find_run(name, namespace=namespace)
    if found is not None and is_waiting(found):
        cluster.set_run_status(name, CANCELLED, namespace=namespace)


def delete_secrets(cluster: TektonCluster, name: str, *, namespace: str) -> None:
    """Delete what the Steps of a run were given."""
    for step in STEPS:
        cluster.delete_secret(f"{name}-{step}", namespace=namespace)
