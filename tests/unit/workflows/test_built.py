"""What the builds of a run were: gathered from the records for its check runs and its answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hublish.core.answers.builds import BuildPlace, BuildReport, StepTime
from hublish.core.building import BuildOutcome, BuildRequest, BuildStopped, BuildSucceeded, Step
from hublish.core.codec import render_value
from hublish.core.container import ContainerPlan
from hublish.core.locks.lock import LockedPackage
from hublish.core.plan import Plan, Strategy
from hublish.workflows.built import read_builds
from hublish.workflows.prepared import PreparedImage
from tests.unit.cli.fakes import make_plan
from tests.unit.workflows.parts import AT, RUN_ID, Stage

KEY = "k" * 24
IMAGE = PreparedImage(
    title="ts", name="registry.example.org/team/ts", fixed_tags=(), floating_tags=(), build_key=KEY,
    python_version="", resources="", line="`ts`: layered", lock="locks/Pipfile.lock",
)  # fmt: skip
STOPPED = BuildStopped(
    code="BuildFailed", message="six 1.17.0: no wheel", hint="", step=Step.BUILD, last_lines=("end",), label="RUN make"
)
BUILT = BuildSucceeded(
    digest="sha256:" + "b" * 64, size_bytes=1, layers=(), uploaded_bytes=0, packages=(),
    step_seconds=(("base", 1.5), ("layers", 8.0)),
)  # fmt: skip
SIX = LockedPackage(name="six", version="1.17.0", hashes=(), source="index", line=7)
DOCKERFILE = ContainerPlan(dockerfile_text="FROM scratch\n\nRUN make\n", context=".")


def build(
    stage: Stage, outcome: BuildOutcome | None, *, plan: Plan | None = None, began: timedelta = timedelta()
) -> str:
    """Receive a run that waits for one build, which began so much later, and end it; returns the build's name."""
    stage.receive()
    if plan is not None:
        request = BuildRequest(name="", plan=plan, repository=None, ref=None, target=None)
        stage.builds.ensure_request(KEY, render_value(request))
    name = stage.builds.claim_build(KEY, at=AT + began).name
    stage.services.steps.ensure_link(RUN_ID, name, "ts")
    if outcome is not None:
        stage.builds.finish_build(name, outcome, at=AT + timedelta(seconds=10))
    return name


def note(stage: Stage, name: str, seconds: float | None) -> None:
    """Note a step that took so long, or that goes on."""
    stage.services.steps.ensure_step(RUN_ID, name, state="running", detail="", at=AT)
    if seconds is not None:
        stage.services.steps.ensure_step(RUN_ID, name, state="done", detail="", at=AT + timedelta(seconds=seconds))


def note_road(stage: Stage) -> None:
    for name, seconds in (("plan", 2.0), ("build ts", 9.0), ("build gpu", 3.0), ("publish ts", 1.0)):
        note(stage, name, seconds)
    note(stage, "propose to demo", None)
    note(stage, "answer", 1.0)


def test_run_that_does_not_exist_has_no_builds(stage: Stage) -> None:
    """Nothing was received."""

    assert read_builds(stage.services, "nobody") == ()


def test_image_that_is_only_planned_has_its_plan(stage: Stage) -> None:
    """Before its build is asked for."""
    stage.receive()

    assert read_builds(stage.services, RUN_ID, (IMAGE,)) == (BuildReport(title="ts", plan="`ts`: layered"),)


def test_own_build_shows_its_steps_in_place_of_one_line(stage: Stage) -> None:
    """Steps of other images, steps that go on and those that concern no image are left out."""
    build(stage, BUILT)
    note_road(stage)
    expected = (
        StepTime(name="plan", seconds=2.0),
        StepTime(name="build: base", seconds=1.5),
        StepTime(name="build: layers", seconds=8.0),
        StepTime(name="publish ts", seconds=1.0),
    )

    assert read_builds(stage.services, RUN_ID) == (BuildReport(title="ts", outcome=BUILT, steps=expected),)


@pytest.mark.parametrize("outcome", [BUILT, STOPPED, None])
def test_build_of_another_run_or_without_an_end_is_one_line(stage: Stage, outcome: BuildOutcome | None) -> None:
    """The steps of an earlier build took none of this run's time."""
    build(stage, outcome, began=timedelta(seconds=-5))
    note_road(stage)
    (report,) = read_builds(stage.services, RUN_ID)

    assert [step.name for step in report.steps] == ["plan", "build ts", "publish ts"]


def test_failed_build_has_the_tail_of_its_log(stage: Stage) -> None:
    """Fifty lines of the archive; what the engine kept where there is no log, as after a cluster lost it."""
    name = build(stage, STOPPED)
    (bare,) = read_builds(stage.services, RUN_ID)
    log = stage.services.archive.open_log(name)
    for number in range(60):
        log.append(f"line {number}")
    (report,) = read_builds(stage.services, RUN_ID)

    assert bare.log == ("end",)
    assert [line.partition(" ")[2] for line in report.log] == [f"line {number}" for number in range(10, 60)]


@pytest.mark.parametrize(
    ("plan", "label", "place"),
    [
        (make_plan(strategy=Strategy.DOCKERFILE, dockerfile="a/Dockerfile", container=DOCKERFILE), "RUN make",
         BuildPlace(path="a/Dockerfile", line=3)),
        (make_plan(strategy=Strategy.DOCKERFILE, dockerfile="a/Dockerfile", container=DOCKERFILE), "RUN other", None),
        (make_plan(strategy=Strategy.SOURCE, container=DOCKERFILE), "RUN make", None),
        (make_plan(packages=(SIX,)), "", BuildPlace(path="locks/Pipfile.lock", line=7)),
        (make_plan(packages=(replace(SIX, line=None),)), "", None),
        (make_plan(packages=(SIX, replace(SIX, line=9))), "", None),
        (make_plan(packages=(replace(SIX, version="1.17"),)), "", None),
    ],
)  # fmt: skip
def test_failure_points_at_the_line_that_caused_it(
    stage: Stage, plan: Plan, label: str, place: BuildPlace | None
) -> None:
    """The instruction of the repository's own Dockerfile, or the one package of the lock that the error names."""
    build(stage, replace(STOPPED, label=label), plan=plan)
    (report,) = read_builds(stage.services, RUN_ID, (IMAGE,))

    assert report.place == place


def test_failure_has_no_line_where_the_lock_or_the_request_is_not_known(stage: Stage) -> None:
    """Without the images as planned nobody knows which file is the lock; a request of another version says nothing."""
    build(stage, STOPPED, plan=make_plan(packages=(SIX,)))
    (unknown,) = read_builds(stage.services, RUN_ID)
    stage.builds.ensure_request("other", "{}")
    name = stage.builds.claim_build("other", at=AT).name
    stage.services.steps.ensure_link(RUN_ID, name, "ts")
    stage.builds.finish_build(name, STOPPED, at=AT)
    (damaged,) = read_builds(stage.services, RUN_ID, (IMAGE,))

    assert unknown.place is None
    assert damaged.place is None
    assert damaged.outcome == STOPPED
