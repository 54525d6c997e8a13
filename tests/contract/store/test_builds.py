"""Builds in the database: one per key and attempt, shared by every run that wants it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hublish.adapters.store import BuildStore, StepStore
from hublish.core.building import BuildStopped, BuildSucceeded, Progress, Step
from hublish.core.records import Build, BuildRecords

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
LATER = AT + timedelta(seconds=5)
KEY = "0123456789abcdef01234567"
SUCCEEDED = BuildSucceeded(digest="sha256:" + "a" * 64, size_bytes=7, layers=(), uploaded_bytes=7, packages=())
STOPPED = BuildStopped(code="WheelMissing", message="six", hint="", step=Step.PACKAGES, last_lines=("a",))


@pytest.fixture
def builds(engine: sa.Engine) -> BuildRecords:
    return BuildStore(engine)


def test_newest_request_of_a_key_counts(builds: BuildRecords) -> None:
    """A repository may have been renamed since; an unknown key has none."""
    builds.ensure_request(KEY, "one")
    builds.ensure_request(KEY, "two")

    assert builds.read_request(KEY) == "two"
    assert builds.read_request("other") is None


def test_running_build_is_joined(builds: BuildRecords) -> None:
    """Two runs that want the same image share one build."""
    expected = Build(
        name=f"build-{KEY}-1", key=KEY, attempt=1, progress=None, outcome=None, started_at=AT, ended_at=None
    )

    assert builds.claim_build(KEY, at=AT) == expected
    assert builds.claim_build(KEY, at=LATER) == expected
    assert builds.read_build(expected.name) == expected
    assert builds.read_build("build-x-1") is None


def test_succeeded_build_is_joined_and_a_stopped_one_is_not(builds: BuildRecords) -> None:
    """A failure is worth another attempt, a success is not."""
    first = builds.claim_build(KEY, at=AT)
    builds.finish_build(first.name, STOPPED, at=LATER)
    second = builds.claim_build(KEY, at=LATER)
    builds.finish_build(second.name, SUCCEEDED, at=LATER)
    third = builds.claim_build(KEY, at=LATER)

    assert (second.name, second.attempt) == (f"build-{KEY}-2", 2)
    assert (third.name, third.outcome, third.ended_at) == (second.name, SUCCEEDED, LATER)


def test_succeeded_build_is_not_joined_by_who_found_it_useless(builds: BuildRecords) -> None:
    """Where its image is gone from the registry another attempt begins; everybody else joins that one then."""
    first = builds.claim_build(KEY, at=AT)
    builds.finish_build(first.name, SUCCEEDED, at=LATER)
    second = builds.claim_build(KEY, at=LATER, instead_of=first.name)

    assert second.attempt == 2
    assert builds.claim_build(KEY, at=LATER, instead_of=first.name) == second
    assert builds.claim_build(KEY, at=LATER) == second


def test_first_outcome_of_a_build_stays(builds: BuildRecords) -> None:
    """What a repeated step reports later does not overwrite it."""
    build = builds.claim_build(KEY, at=AT)
    builds.finish_build(build.name, STOPPED, at=AT)
    builds.finish_build(build.name, SUCCEEDED, at=LATER)
    stored = builds.read_build(build.name)

    assert stored is not None
    assert (stored.outcome, stored.ended_at) == (STOPPED, AT)


def test_claims_at_once_are_one_build(builds: BuildRecords) -> None:
    """Of several claims in several threads all get the same attempt."""
    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(lambda _: builds.claim_build(KEY, at=AT).name, range(10)))

    assert names == {f"build-{KEY}-1"}


def test_progress_is_the_last_one_noted(builds: BuildRecords) -> None:
    """For the build's page."""
    build = builds.claim_build(KEY, at=AT)
    for done in (1, 2):
        builds.note_progress(build.name, Progress(step=Step.PUSH, done=done, total=None, label="numpy"))
    stored = builds.read_build(build.name)

    assert stored is not None
    assert stored.progress == Progress(step=Step.PUSH, done=2, total=None, label="numpy")


def test_builds_a_run_waits_for_keep_their_order(engine: sa.Engine) -> None:
    """One build per image of a run, the latest; another run has its own."""
    steps = StepStore(engine)
    for run_id, build, image in (("r1", "build-b-1", "ts"), ("r1", "build-a-1", "gpu"), ("r2", "build-c-1", "ts")):
        steps.ensure_link(run_id, build, image)
    steps.ensure_link("r1", "build-b-2", "ts")

    assert steps.list_links("r1") == (("build-b-2", "ts"), ("build-a-1", "gpu"))
