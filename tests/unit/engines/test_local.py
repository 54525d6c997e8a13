"""The local engine: adopts by name, tells progress and outcome, loses nothing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.core.building import BuildRequest, BuildStopped, BuildSucceeded, Step
from hublish.core.plan import Strategy, Trust
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.engines.local import LocalEngine
from hublish.errors import DiskFull, RegistryFailed, StrategyUnavailable
from tests.fakes import FakeLog, FakeSource, FakeSources
from tests.unit.builders.samples import TARGET, Bench

WAIT_SECONDS = 240.0
REPOSITORY = Repository(id=7, owner="org", name="ts", installation_id=1, default_branch="main")
REF = ResolvedRef(name="v1", kind=RefKind.TAG, sha="a" * 40)


class Clock:
    """Seconds under the test's control."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha")
    return bench


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(bench: Bench, clock: Clock) -> Iterator[LocalEngine]:
    engine = LocalEngine(
        sources=FakeSources(bench.source),
        images=bench.images,
        output=bench.images,
        index=bench.index,
        caches=OwnerCaches(bench.folder / "workspace"),
        workers=1,
        slots=1,
        clock=clock,
    )
    yield engine
    engine.close()


def ask(bench: Bench, name: str = "build-1", **changes: object) -> BuildRequest:
    plan = bench.plan()
    values = {"name": name, "plan": plan, "repository": REPOSITORY, "ref": REF, "target": TARGET, **changes}
    return BuildRequest(**values)


def wait(engine: LocalEngine, name: str = "build-1") -> BuildSucceeded | BuildStopped:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        status = engine.status(name)
        if status is not None and status.outcome is not None:
            return status.outcome
        time.sleep(0.01)
    raise AssertionError("the build did not end")


def test_build_ends_with_its_image(bench, engine):
    """The digest stands under the tag that was asked for, the log tells the way."""
    log = FakeLog()

    engine.start(ask(bench), log)
    outcome = wait(engine)

    assert isinstance(outcome, BuildSucceeded)
    assert bench.images.fetch_manifest(TARGET).digest == outcome.digest
    assert [name for name, _ in outcome.step_seconds] == ["fetch", "base", "packages", "layers", "push"]
    assert log.lines[0] == f"source org/ts at {'a' * 40}"
    assert engine.status("build-1").progress.step is Step.PUSH


def test_bill_of_materials_stands_beside_the_image(bench, engine):
    """It names the repository."""
    engine.start(ask(bench), FakeLog())
    outcome = wait(engine)

    listed = json.loads(bench.images.fetch_manifest(TARGET.with_tag(outcome.digest.replace(":", "-"))).body)
    artifact = bench.images.fetch_manifest(TARGET.with_digest(listed["manifests"][0]["digest"]))
    bill = json.loads(bench.images.blobs[TARGET.name, json.loads(artifact.body)["layers"][0]["digest"]])
    properties = bill["metadata"]["component"]["properties"]
    assert {"name": "hublish:repository", "value": "org/ts"} in properties


def test_layers_are_kept_per_owner(bench, engine):
    """What one owner's build left on this machine is never taken for another's; the same owner's next build takes it."""
    logs = {name: FakeLog() for name in ("first", "same owner", "other owner")}
    other = replace(REPOSITORY, id=8, owner="other")

    for name, log in logs.items():
        request = ask(bench, name=name, repository=other if name == "other owner" else REPOSITORY)
        engine.start(request, log)
        wait(engine, name)

    kept = {name: [line for line in log.lines if "layers of packages" in line] for name, log in logs.items()}

    assert kept == {
        "first": ["1 layers of packages: 1 made, 0 kept from earlier builds"],
        "same owner": ["1 layers of packages: 0 made, 1 kept from earlier builds"],
        "other owner": ["1 layers of packages: 1 made, 0 kept from earlier builds"],
    }


def test_unknown_run_has_no_status(engine):
    """After a restart nothing is known, and cancelling nothing is no error."""
    engine.cancel("other")

    assert engine.status("other") is None


def test_known_name_is_adopted_not_started_twice(bench, engine):
    """The second start leaves the first build alone."""
    log = FakeLog()

    engine.start(ask(bench), log)
    wait(engine)
    lines = list(log.lines)
    engine.start(ask(bench), log)

    assert log.lines == lines


@pytest.mark.parametrize(
    ("trust", "target", "message"),
    [
        (Trust.OWNER, None, "a build in the service needs a place for its image"),
        (Trust.FORK, TARGET, "the image of a fork is pushed nowhere, so it is not built here"),
    ],
    ids=["no place", "fork"],
)
def test_image_that_may_be_pushed_nowhere_is_not_built(bench, engine, trust, target, message):
    """No source is fetched for it, and nothing reaches a registry, whatever name was asked for."""
    log = FakeLog()
    engine.start(ask(bench, plan=bench.plan(trust=trust), target=target), log)
    outcome = wait(engine)

    assert (outcome.code, outcome.message) == ("NotAllowed", message)
    assert (log.lines, bench.images.pushed) == ([f"error: {message}"], [])


def test_layers_are_kept_by_the_id_of_their_owner(bench, engine):
    """A login that changed hands finds nothing of its earlier owner; an owner who changed the login finds everything."""
    owners = {
        "first": replace(REPOSITORY, owner_id=1),
        "same login": replace(REPOSITORY, owner_id=2),
        "new login": replace(REPOSITORY, owner="renamed", owner_id=1),
    }
    logs = {name: FakeLog() for name in owners}
    for name, repository in owners.items():
        engine.start(ask(bench, name=name, repository=repository), logs[name])
        wait(engine, name)

    kept = {name: [line for line in log.lines if "layers of packages" in line] for name, log in logs.items()}

    assert kept == {
        "first": ["1 layers of packages: 1 made, 0 kept from earlier builds"],
        "same login": ["1 layers of packages: 1 made, 0 kept from earlier builds"],
        "new login": ["1 layers of packages: 0 made, 1 kept from earlier builds"],
    }


def test_other_strategies_are_refused(bench, engine):
    """This engine never runs code of a repository."""
    plan = bench.plan(strategy=Strategy.DOCKERFILE)

    with pytest.raises(StrategyUnavailable, match="the plan says dockerfile"):
        engine.start(ask(bench, plan=plan), FakeLog())

    assert engine.strategies == frozenset({Strategy.LAYERED})


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
    assert log.lines[-1].startswith("unexpected LookupError in test_local.py:")


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


def test_old_runs_are_forgotten(bench, engine, monkeypatch):
    """What is known does not grow for ever."""
    monkeypatch.setattr("hublish.engines.runs.ENDED_RUNS_KEPT", 1)
    for name in ("a", "b", "c"):
        engine.start(ask(bench, name=name, plan=bench.plan(trust=Trust.OWNER)), FakeLog())
        wait(engine, name)

    engine.start(ask(bench, name="d"), FakeLog())
    wait(engine, "d")

    assert engine.status("a") is None
    assert engine.status("c") is not None
