"""The queue at work: builds enter it once, start when they have a slot, and give it back when the engine let go."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest

from hublish.core.building import BuildOutcome, BuildRequest, BuildStopped, BuildSucceeded, EngineStatus, Step
from hublish.core.codec import render_value
from hublish.core.needs import find_needs
from hublish.core.plan import Trust
from hublish.core.queue import BuildTime, QueueLimits, Room, Ticket
from hublish.workflows.queue import CHECK_EVERY, Feeder, enter_queue, free_slot
from hublish.workflows.services import Services
from tests.unit.cli.fakes import make_plan
from tests.unit.workflows.parts import AT, REPLICA, REPOSITORY, TAG, Stage

SUCCEEDED = BuildSucceeded(digest=f"sha256:{'0' * 64}", size_bytes=1, layers=(), uploaded_bytes=1, packages=())
ROOM = Room(replica="", strategies=("layered",), slots=1)


@dataclass
class FakeEngine:
    """Runs with the state that a test gives them."""

    states: dict[str, EngineStatus] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)

    def status(self, name: str) -> EngineStatus | None:
        return self.states.get(name)

    def cancel(self, name: str) -> None:
        self.cancelled.append(name)


@dataclass
class FakeWorkflows:
    """The workflow engine: what was started, and what it says of each."""

    started: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def start(self, name: str) -> None:
        self.started.append(name)
        self.states[name] = "PENDING"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def services(stage: Stage, engine: FakeEngine) -> Services:
    return dataclasses.replace(stage.services, engine=engine)


@pytest.fixture
def workflows() -> FakeWorkflows:
    return FakeWorkflows()


@pytest.fixture
def feeder(services: Services, workflows: FakeWorkflows) -> Feeder:
    return Feeder(services, rooms=(ROOM,), start_build=workflows.start, find_state=workflows.states.get)


def enter(services: Services, key: str, *, trust: Trust = Trust.OWNER) -> str:
    """Claim a build of that key and let it wait; returns its name."""
    request = BuildRequest(
        name="", plan=dataclasses.replace(make_plan(), trust=trust), repository=REPOSITORY, ref=TAG, target=None
    )
    services.builds.ensure_request(key, render_value(request))
    build = services.builds.claim_build(key, at=AT)
    enter_queue(services, build)
    return build.name


def find_waiting(services: Services) -> list[str]:
    return [ticket.name for ticket in services.queue.list_tickets() if ticket.started_at is None]


def end(services: Services, name: str, outcome: BuildOutcome = SUCCEEDED) -> None:
    services.builds.finish_build(name, outcome, at=AT)


def test_build_waits_once_under_its_repository(services: Services) -> None:
    """A second run that wants the same build joins it and costs no slot."""
    names = {enter(services, "a"), enter(services, "a")}

    assert services.queue.list_tickets() == (
        Ticket(name=names.pop(), owner="octo", repo_id=7, strategy="layered", turn=0, entered_at=AT),
    )
    assert names == set()


def test_code_of_a_fork_is_marked(services: Services) -> None:
    """An engine that takes listed owners' builds takes none of their forks."""
    enter(services, "a", trust=Trust.FORK)

    assert [ticket.fork for ticket in services.queue.list_tickets()] == [True]


def test_needs_of_a_build_wait_with_it(services: Services) -> None:
    """An engine that lacks them gives it no slot; nothing of them is left when it leaves."""
    plan = dataclasses.replace(make_plan(), builds_wheels=True)
    request = BuildRequest(name="", plan=plan, repository=REPOSITORY, ref=TAG, target=None)
    services.builds.ensure_request("a", render_value(request))
    build = services.builds.claim_build("a", at=AT)
    enter_queue(services, build)
    (ticket,) = services.queue.list_tickets()
    services.queue.leave(build.name, time=None)
    rest = services.queue.list_tickets()

    assert (ticket.needs, rest) == (find_needs(plan), ())
    assert len(ticket.needs) == 1


@pytest.mark.parametrize("request_text", [None, "no repository"])
def test_build_that_cannot_be_planned_does_not_wait(services: Services, request_text: str | None) -> None:
    """Its own workflow says what is wrong with it; of nobody's builds there is no queue."""
    if request_text is not None:
        request = BuildRequest(name="", plan=make_plan(), repository=None, ref=None, target=None)
        services.builds.ensure_request("a", render_value(request))
    enter_queue(services, services.builds.claim_build("a", at=AT))

    assert services.queue.list_tickets() == ()


def test_ended_build_does_not_wait(services: Services) -> None:
    """Whoever joins it has its outcome already."""
    name = enter(services, "a")
    end(services, name)
    services.queue.leave(name, time=None)
    enter(services, "a")

    assert services.queue.list_tickets() == ()


def test_full_queue_is_the_builds_outcome(services: Services) -> None:
    """Everybody who wants the build is told, and the next one who asks may try again."""
    full = dataclasses.replace(services.policy, queue=QueueLimits(waiting_per_owner=1))
    services = dataclasses.replace(services, policy=full)
    enter(services, "a")
    refused = services.builds.read_build(enter(services, "b"))

    assert refused is not None
    assert refused.outcome == BuildStopped(
        code="QueueFull",
        message="1 builds of octo wait already, and this service lets no more of one owner wait",
        hint="Wait until one of them has started.",
        step=Step.FETCH,
        transient=True,
    )
    assert services.builds.claim_build("b", at=AT).attempt == 2


def test_feeder_starts_as_many_as_there_are_slots(services: Services, feeder: Feeder, workflows: FakeWorkflows) -> None:
    """The next one comes when the slot is free, under this replica's name."""
    first, second = enter(services, "a"), enter(services, "b")
    started = [feeder.feed(), feeder.feed()]
    end(services, first)
    free_slot(services, first)
    started.append(feeder.feed())

    assert started == [1, 0, 1]
    assert workflows.started == [first, second]
    assert [ticket.replica for ticket in services.queue.list_tickets()] == [REPLICA]


def test_slot_is_kept_until_the_engine_has_let_go(services: Services, engine: FakeEngine, feeder: Feeder) -> None:
    """A cancelled workflow's build runs on for a while; it is asked to stop, and its slot is not given away."""
    name = enter(services, "a")
    feeder.feed()
    engine.states[name] = EngineStatus(progress=None, outcome=None)
    freed = [free_slot(services, name)]
    engine.states[name] = EngineStatus(progress=None, outcome=SUCCEEDED)
    freed.append(free_slot(services, name))

    assert freed == [False, True]
    assert engine.cancelled == [name]
    assert services.queue.list_tickets() == ()


def test_time_of_a_success_is_remembered(services: Services, feeder: Feeder) -> None:
    """Failures say nothing of how long a build takes."""
    lost = BuildStopped(code="X", message="m", hint="", step=Step.FETCH)
    for key, outcome in (("a", SUCCEEDED), ("b", lost)):
        name = enter(services, key)
        feeder.feed()
        end(services, name, outcome)
        free_slot(services, name)

    assert services.queue.list_times() == (BuildTime(repo_id=7, strategy="layered", seconds=0.0),)


def test_build_that_got_its_slot_just_before_a_crash_is_started(
    services: Services, feeder: Feeder, workflows: FakeWorkflows
) -> None:
    """The slot was written down and the workflow was not."""
    name = enter(services, "a")
    services.queue.admit(limits=QueueLimits(), rooms=(dataclasses.replace(ROOM, replica=REPLICA),), at=AT)
    feeder.look()

    assert workflows.started == [name]


@pytest.mark.parametrize("state", ["CANCELLED", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"])
def test_slot_that_nobody_gave_back_is_found(
    services: Services, feeder: Feeder, workflows: FakeWorkflows, state: str
) -> None:
    """A workflow that ended without its last step: the build is lost, who waits for it is told, its slot is free."""
    lost, waiting = enter(services, "a"), enter(services, "b")
    feeder.feed()
    workflows.states[lost] = state
    for _ in range(CHECK_EVERY + 1):
        feeder.look()
    build = services.builds.read_build(lost)

    assert workflows.started == [lost, waiting]
    assert build is not None
    assert isinstance(build.outcome, BuildStopped)
    assert build.outcome.code == "BuildLost"


def test_builds_of_other_replicas_and_those_at_work_are_left_alone(
    services: Services, feeder: Feeder, workflows: FakeWorkflows
) -> None:
    """Each replica looks after its own."""
    other, mine = enter(services, "a"), enter(services, "b")
    services.queue.admit(limits=QueueLimits(builds=1), rooms=(dataclasses.replace(ROOM, replica="b"),), at=AT)
    feeder.feed()
    workflows.states[other] = "ERROR"

    assert feeder.check() == 0
    assert workflows.started == [mine]
    assert find_waiting(services) == []
