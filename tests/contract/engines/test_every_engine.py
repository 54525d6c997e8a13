"""What every engine does, whatever it executes: one suite, run against each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from hublish.core.building import BuildRequest, BuildStopped, BuildSucceeded, Step
from hublish.core.plan import Trust
from hublish.core.ports import Engine
from hublish.errors import StrategyUnavailable
from tests.contract.engines.parts import StepClock, find_outcome, stop, succeed, wait, wait_for
from tests.contract.engines.subjects import Subject
from tests.fakes import FakeLog

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(1200)]


@pytest.fixture
def engine(subject: Subject) -> Iterator[Engine]:
    with closing(subject.open_engine()) as engine:
        yield engine


def test_success_ends_with_the_digest_that_the_registry_has(subject, engine) -> None:
    """The image stands under the name that was asked for, and every step's seconds are told."""
    outcome = succeed(engine, subject.ask("success"))

    assert outcome.digest == subject.read_digest("success")
    assert tuple(step for step, _ in outcome.step_seconds) == tuple(step.value for step in subject.steps)


def test_build_that_is_tried_has_the_same_digest_and_pushes_nothing(subject, engine) -> None:
    """What a pull request would be is known to the bit, and nothing of it stands anywhere."""
    request = subject.ask("tried")
    plan = replace(request.plan, trust=Trust.PULL_REQUEST, target_repository="")
    tried = succeed(engine, replace(request, plan=plan, target=None))
    pushed = succeed(engine, subject.ask("real"))

    assert (tried.digest, tried.uploaded_bytes) == (pushed.digest, 0)
    assert subject.read_digest("tried") is None


def test_name_that_is_known_is_adopted(subject, engine) -> None:
    """A second start of a running or ended build leaves it alone."""
    log, second = FakeLog(), FakeLog()
    request = subject.ask("adopted")
    engine.start(request, log)
    engine.start(request, second)
    first = wait(engine, "adopted")
    engine.start(request, second)

    assert isinstance(first, BuildSucceeded)
    assert find_outcome(engine, "adopted") == first
    assert second.lines == []


def test_failing_step_gives_reason_step_and_last_lines(subject, engine) -> None:
    """The outcome is enough for the answer, and nothing stands under the name."""
    outcome = stop(engine, subject.ask_failing("failing"))

    assert (outcome.code, outcome.cancelled, outcome.transient) == ("BuildFailed", False, False)
    assert (outcome.step, outcome.message) == subject.failure
    assert outcome.last_lines[-1] == f"error: {outcome.message}"
    assert subject.read_digest("failing") is None


def test_base_that_is_gone_is_named(subject, engine) -> None:
    """The registry has no longer what the plan pinned: the message says which image, and no step is run."""
    outcome = stop(engine, subject.ask_baseless("baseless"))

    assert (outcome.code, outcome.step, outcome.transient) == ("BaseUnsupported", Step.BASE, False)
    assert "sha256:" + 64 * "0" in outcome.message


def stop_in(subject: Subject, step: Step, act: Callable[[Engine, StepClock, str], None]) -> BuildStopped:
    """Start a build that `act` is to end once it is in that step."""
    name = f"stopped-in-{step.value}"
    clock = StepClock(name, step)
    with closing(subject.open_engine(clock=clock)) as engine:
        clock.watch(engine, lambda: act(engine, clock, name))
        return stop(engine, subject.ask(name))


@pytest.mark.parametrize("number", range(5))
def test_cancel_in_each_step_ends_the_build_as_cancelled(subject, number) -> None:
    """Wherever it is, it stops there, and nothing stands under the name."""
    step = subject.steps[number]
    outcome = stop_in(subject, step, lambda engine, _, name: engine.cancel(name))

    assert (outcome.code, outcome.cancelled, outcome.step) == ("BuildCancelled", True, step)
    assert subject.read_digest(f"stopped-in-{step.value}") is None


def test_time_out_says_which_limit(subject) -> None:
    """A build that takes longer than its plan allows is stopped, and the message has the limit."""

    def let_time_pass(_engine: Engine, clock: StepClock, _name: str) -> None:
        clock.ahead_seconds = 10_000

    outcome = stop_in(subject, subject.steps[-2], let_time_pass)

    assert (outcome.code, outcome.cancelled) == ("BuildCancelled", True)
    assert outcome.message == f"the build ran into its limit of {subject.time_seconds} seconds"


def test_two_builds_run_at_once(subject) -> None:
    """With two slots the second does not wait for the first: each meets the other on its way."""
    meeting = threading.Barrier(2, timeout=240)
    with closing(subject.open_engine(fetching=meeting.wait)) as engine:
        for name in ("one", "other"):
            engine.start(subject.ask(name), FakeLog())
        outcomes = [wait(engine, name) for name in ("one", "other")]

    assert [type(outcome) for outcome in outcomes] == [BuildSucceeded, BuildSucceeded], outcomes
    assert outcomes[0].digest == outcomes[1].digest


def test_closing_leaves_a_running_build_without_an_outcome(subject) -> None:
    """It is started anew, or taken as it ended, after the restart: nothing may look final."""
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go_on.wait(240)

    engine = subject.open_engine(fetching=hold)
    engine.start(subject.ask("closed"), FakeLog())
    assert begun.wait(240)
    closing_thread = threading.Thread(target=engine.close)
    closing_thread.start()
    wait_for(lambda: is_closed(engine, subject.ask("closed")) or None, what="the engine to close")
    go_on.set()
    closing_thread.join(240)

    assert find_outcome(engine, "closed") is None
    assert subject.read_digest("closed") is None


def is_closed(engine: Engine, known: BuildRequest) -> bool:
    """Whether an engine takes no more builds; asked by one that it knows, which it leaves alone while it is open."""
    try:
        engine.start(known, FakeLog())
    except StrategyUnavailable:
        return True
    return False


def test_source_that_changed_is_refused(subject, engine) -> None:
    """What comes is compared with what was planned."""
    request = subject.ask("changed")
    changed = replace(request, plan=replace(request.plan, source_digest="sha256:" + 64 * "1"))

    assert stop(engine, changed).code == "SourceInvalid"
