"""How builds of the local engine end that come to no image."""

from __future__ import annotations

import threading
import time

import pytest

from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.core.building import BuildRequest, BuildStopped, Step
from hublish.engines.local import LocalEngine
from hublish.errors import DiskFull, RegistryFailed, StrategyUnavailable
from tests.fakes import FakeLog, FakeSource, FakeSources
from tests.unit.builders.samples import Bench
from tests.unit.engines.parts import WAIT_SECONDS, ask, wait


def test_failed_build_says_code_message_hint_and_last_lines(bench, engine):
    """The outcome is enough for the answer."""
    bench.add_package("beta", requires=["missing"])
    log = FakeLog()

    engine.start(ask(bench), log)
    outcome = wait(engine)

    assert isinstance(outcome, BuildStopped)
    assert (outcome.code, outcome.step, outcome.cancelled, outcome.transient) == (
        "BuildFailed",
        Step.PACKAGES,
        False,
        False,
    )
    assert outcome.message.startswith("the locked packages do not fit together: beta 1.0 requires missing")
    assert outcome.hint.startswith("Run `pipenv lock` with Python 3.11.2")
    assert outcome.last_lines == tuple(log.lines)
    assert outcome.last_lines[-1] == f"error: {outcome.message}"


def test_transient_errors_stay_transient(bench, engine):
    """The workflow decides on it whether to try again."""

    def fail(*_: object, **__: object) -> None:
        raise RegistryFailed("registry.example.org answered 503", transient=True)

    bench.images.ensure_blob = fail

    engine.start(ask(bench), FakeLog())
    outcome = wait(engine)

    assert (outcome.code, outcome.transient, outcome.step) == ("RegistryFailed", True, Step.LAYERS)


def test_unexpected_error_is_never_lost(bench, engine):
    """A bug ends the build with its class name, not the thread in silence; its text may hold anything and stays out."""

    def fail(*_: object, **__: object) -> None:
        raise LookupError("token=secret")

    bench.images.ensure_blob = fail
    log = FakeLog()

    engine.start(ask(bench), log)
    outcome = wait(engine)

    assert (outcome.code, outcome.message) == (
        "Unexpected",
        "the build stopped at an error nobody foresaw: LookupError",
    )
    assert "secret" not in "".join(log.lines)
    assert log.lines[-1].startswith("unexpected LookupError in test_local_endings.py:")


@pytest.mark.parametrize("error", [DiskFull("no space left for the build's log"), OSError(5, "Input/output error")])
def test_log_that_cannot_be_written_ends_the_build_with_an_outcome(bench, engine, error):
    """A full disk stops the log as well as the build; whoever waits for the outcome still gets one."""

    class BrokenLog:
        def append(self, _line: str) -> None:
            raise error

    expected = (
        ("DiskFull", "no space left for the build's log")
        if isinstance(error, DiskFull)
        else (
            "Unexpected",
            "the build stopped at an error nobody foresaw: OSError",
        )
    )

    engine.start(ask(bench), BrokenLog())
    outcome = wait(engine)

    assert (outcome.code, outcome.message) == expected


def test_changed_source_is_refused(bench, engine, clock):
    """The tree that comes is compared with the one that was planned."""
    plan = bench.plan()
    other = LocalEngine(
        sources=FakeSources(FakeSource({"other": b"x"})),
        images=bench.images,
        output=bench.images,
        index=bench.index,
        caches=OwnerCaches(bench.folder / "workspace"),
        workers=1,
        slots=1,
        clock=clock,
    )

    other.start(ask(bench, plan=plan), FakeLog())
    outcome = wait(other)
    other.close()

    assert outcome.code == "SourceInvalid"


@pytest.mark.parametrize("change", ["repository", "commit"])
def test_build_without_repository_or_commit_is_refused(bench, engine, change):
    """The service builds commits of repositories only."""
    request = ask(bench, repository=None) if change == "repository" else ask(bench, ref=None)

    engine.start(request, FakeLog())

    assert wait(engine).message == "a build in the service needs a repository and a commit"


def hold(bench: Bench) -> tuple[threading.Event, threading.Event]:
    """Make listing files wait; returns (it has begun, let it go on)."""
    begun, go = threading.Event(), threading.Event()
    list_files = bench.index.list_files

    def wait_for_it(*arguments: object, **named: object) -> object:
        begun.set()
        go.wait(WAIT_SECONDS)
        return list_files(*arguments, **named)

    bench.index.list_files = wait_for_it
    return begun, go


def test_cancelled_build_ends_as_cancelled(bench, engine):
    """It stops at the next unit of work."""
    begun, go = hold(bench)

    engine.start(ask(bench), FakeLog())
    begun.wait(WAIT_SECONDS)
    engine.cancel("build-1")
    go.set()
    outcome = wait(engine)

    assert (outcome.code, outcome.cancelled) == ("BuildCancelled", True)


def test_cancel_before_the_start_stops_a_waiting_build(bench, engine):
    """With one slot the second build waits; cancelling it there is enough."""
    begun, go = hold(bench)

    engine.start(ask(bench), FakeLog())
    begun.wait(WAIT_SECONDS)
    engine.start(ask(bench, name="build-2"), FakeLog())
    engine.cancel("build-2")
    go.set()
    outcome = wait(engine, "build-2")

    assert outcome.message == "the build was stopped before it began"


def test_time_limit_stops_the_build_and_says_so(bench, engine, clock):
    """The limit counts from the start of the work, not from the queue."""
    begun, go = hold(bench)

    engine.start(ask(bench), FakeLog())
    begun.wait(WAIT_SECONDS)
    clock.now = 61
    go.set()
    outcome = wait(engine)

    assert (outcome.code, outcome.cancelled) == ("BuildCancelled", True)
    assert outcome.message == "the build ran into its limit of 60 seconds"


def is_closed(engine: LocalEngine, known: BuildRequest) -> bool:
    """Whether it takes no more builds; one that it knows is left alone while it does."""
    try:
        engine.start(known, FakeLog())
    except StrategyUnavailable:
        return True
    return False


def test_closing_leaves_running_builds_without_an_outcome(bench, engine):
    """They are started anew after the restart, so nothing may look final."""
    begun, go = hold(bench)
    request = ask(bench)
    engine.start(request, FakeLog())
    begun.wait(WAIT_SECONDS)

    closing = threading.Thread(target=engine.close)
    closing.start()
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_closed(engine, request) and time.monotonic() < deadline:
        time.sleep(0.01)
    go.set()
    closing.join(WAIT_SECONDS)

    assert engine.status("build-1").outcome is None
    with pytest.raises(StrategyUnavailable, match="shutting down") as caught:
        engine.start(ask(bench, name="build-3"), FakeLog())
    assert caught.value.transient is True
