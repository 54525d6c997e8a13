"""One build at a time, with nothing else to do: hublish from the webhook on, then the same build bare."""

from __future__ import annotations

from dataclasses import dataclass

from bench.engines.bare import prepare_bare, remove_bare, run_bare
from bench.engines.stage import DOCKERFILE_REPO, PATIENCE_SECONDS, SOURCE_REPO, Stage

CASES = {"layered": SOURCE_REPO, "dockerfile": DOCKERFILE_REPO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both subjects in one case and run; all in seconds.

    Attributes:
        hublish_seconds: from the webhook's arrival until the build's outcome was stored.
        hublish_pod_seconds: until its pod was created.
        hublish_answer_seconds: until tags, pull request and answer stood.
        bare_seconds: from the call that creates the TaskRun until it had succeeded.
        bare_pod_seconds: until its pod was created.
    """

    hublish_seconds: float
    hublish_pod_seconds: float
    hublish_answer_seconds: float
    bare_seconds: float
    bare_pod_seconds: float


def measure_pair(stage: Stage, case: str, run: int) -> Pair:
    """Build one release by hublish and what it built bare.

    Both push to a registry that has the packages' layers of earlier runs; run 0 makes that so and does not count.
    """
    repo, tag = CASES[case], f"{case}-{run}"
    sha = stage.commit(repo, tag)
    stage.rest()
    stage.publish(repo, tag, sha=sha)
    built = stage.await_built(repo, tag)
    stage.rest()
    pod_at = stage.observer.await_pod(built.name, seconds=PATIENCE_SECONDS)
    bare = prepare_bare(stage, stage.read_request(built), name=f"bare-{case}-{run}")
    times = run_bare(stage, bare)
    remove_bare(stage, bare)
    return Pair(
        hublish_seconds=built.ended_at - built.received_at,
        hublish_pod_seconds=pod_at - built.received_at,
        hublish_answer_seconds=built.answered_at - built.received_at,
        bare_seconds=times.ended_at - times.asked_at,
        bare_pod_seconds=times.pod_at - times.asked_at,
    )
