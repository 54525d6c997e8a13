"""Builds in the database: one per key and attempt, shared by every run that wants it."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from hublish.adapters.store import BuildStore, CancelStore, RunStore, StepStore
from hublish.core.building import BuildOutcome, BuildRequest, BuildStopped, BuildSucceeded, Progress, Step
from hublish.core.cancels import Cancel
from hublish.core.codec import render_value
from hublish.core.records import Build, BuildRecords
from hublish.core.reference import Reference
from hublish.core.repository import Repository
from hublish.core.status import RunState
from tests.contract.store.test_runs import RUN
from tests.unit.cli.fakes import make_plan

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


def test_latest_build_of_a_key_is_found_and_none_claimed(builds: BuildRecords) -> None:
    """A look changes nothing."""
    before = builds.find_latest_build("k")
    claimed = builds.claim_build("k", at=AT)

    assert before is None
    assert builds.find_latest_build("k") == claimed


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


def test_images_that_were_decided_on_are_remembered_once(engine: sa.Engine) -> None:
    """A plan that is made again adds what is new; another run has its own."""
    steps = StepStore(engine)
    for titles in (("ts", "gpu"), ("gpu", "ts", "a")):
        steps.ensure_titles("r1", titles)

    assert [steps.list_titles(run_id) for run_id in ("r1", "r2")] == [("a", "gpu", "ts"), ()]


def note_build(
    engine: sa.Engine,
    number: int,
    *,
    repository: str,
    image: str,
    outcome: BuildOutcome = SUCCEEDED,
    owner_id: int | None = None,
) -> None:
    """A run of a repository whose build pushed to an image repository."""
    builds, key, run_id = BuildStore(engine), f"{number:024d}", f"run{number}"
    run = dataclasses.replace(RUN, id=run_id, key=run_id, repository=repository)
    RunStore(engine).ensure_run(run)
    target = Reference(registry="registry.example.org", repository=f"team/{image}", tag=f"build-{key}")
    owner, _, name = repository.partition("/")
    source = Repository(id=number, owner=owner, name=name, installation_id=1, default_branch="main", owner_id=owner_id)
    request = BuildRequest(name="", plan=make_plan(), repository=source, ref=None, target=target)
    builds.ensure_request(key, render_value(request))
    build = builds.claim_build(key, at=AT)
    StepStore(engine).ensure_link(run_id, build.name, image)
    builds.finish_build(build.name, outcome, at=LATER)


def add_waiting(engine: sa.Engine, *run_ids: str, name: str) -> None:
    """Runs that wait for a build."""
    for run_id in run_ids:
        RunStore(engine).ensure_run(dataclasses.replace(RUN, id=run_id, key=run_id, state=RunState.BUILDING))
        StepStore(engine).ensure_link(run_id, name, "ts")


def test_build_is_stopped_when_nobody_waits_for_it_any_more(engine: sa.Engine, builds: BuildRecords) -> None:
    """A run that ended, was cancelled or waits for a later build of the same image does not; the first outcome stays."""
    name = builds.claim_build(KEY, at=AT).name
    add_waiting(engine, "ended", "cancelled", "moved", "other", name=name)
    RunStore(engine).move_run("ended", RunState.FAILED, at=AT)
    StepStore(engine).ensure_link("moved", f"build-{KEY}-9", "ts")
    CancelStore(engine).request_cancel(Cancel(run_id="cancelled", by="c", actor="octocat"), at=AT)
    wanted = builds.stop_build(name, STOPPED, at=AT)
    before = builds.read_build(name)
    CancelStore(engine).request_cancel(Cancel(run_id="other", by="c", actor="octocat"), at=AT)
    stopped = [builds.stop_build(name, STOPPED, at=at) for at in (AT, LATER)]
    after = builds.read_build(name)

    assert (wanted, stopped) == (False, [True, False])
    assert before is not None
    assert after is not None
    assert (before.outcome, after.outcome, after.ended_at) == (None, STOPPED, AT)


def test_run_that_comes_while_a_build_is_stopped_sees_it(engine: sa.Engine, builds: BuildRecords) -> None:
    """Either the build goes on for whoever links to it, or who links finds it stopped: never neither."""
    seen = []
    for number in range(8):
        name = builds.claim_build(f"{number:024d}", at=AT).name
        with ThreadPoolExecutor(2) as pool:
            stopping = pool.submit(builds.stop_build, name, STOPPED, at=AT)
            pool.submit(add_waiting, engine, f"r{number}", name=name).result()
            build = builds.read_build(name)
            seen.append((stopping.result(), build is not None and build.outcome == STOPPED))

    assert [stopped for stopped, _ in seen] == [outcome for _, outcome in seen]


def test_targets_of_an_owner_come_newest_first(engine: sa.Engine, builds: BuildRecords) -> None:
    """Each once, of succeeded builds, of that owner alone, whose name may be written in any case."""
    note_build(engine, 1, repository="Octo/ts", image="ts")
    note_build(engine, 2, repository="octo/course", image="course")
    note_build(engine, 3, repository="octo/ts", image="ts")
    note_build(engine, 4, repository="octo/broken", image="broken", outcome=STOPPED)
    note_build(engine, 5, repository="octopus/ts", image="other")
    note_build(engine, 6, repository="oc_o/ts", image="pattern")

    names = [target.name for target in builds.list_targets("OCTO", owner_id=None, limit=5)]

    assert names == ["registry.example.org/team/ts", "registry.example.org/team/course"]
    assert [target.name for target in builds.list_targets("octo", owner_id=None, limit=1)] == [
        "registry.example.org/team/ts"
    ]
    assert builds.list_targets("nobody", owner_id=None, limit=5) == ()


def test_targets_of_an_earlier_holder_of_a_login_are_not_the_owners(engine: sa.Engine, builds: BuildRecords) -> None:
    """Who takes over a login finds nothing of what its earlier owner pushed; builds from before there were ids count."""
    note_build(engine, 1, repository="octo/old", image="old")
    note_build(engine, 2, repository="octo/ts", image="ts", owner_id=3)
    note_build(engine, 3, repository="octo/theirs", image="theirs", owner_id=4)

    names = [target.name for target in builds.list_targets("octo", owner_id=3, limit=2)]

    assert names == ["registry.example.org/team/ts", "registry.example.org/team/old"]
