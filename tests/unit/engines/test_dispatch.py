"""Several engines behind one port."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from hublish.core.building import BuildRequest, EngineStatus
from hublish.core.plan import Plan, Strategy
from hublish.core.ports import BuildLog
from hublish.engines.dispatch import EngineDispatcher
from hublish.errors import StrategyUnavailable
from tests.fakes import FakeLog
from tests.unit.cli.fakes import make_plan

RUNNING = EngineStatus(progress=None, outcome=None)


@dataclass
class Taker:
    """An engine that takes everything of its strategies, or refuses with an error."""

    strategies: frozenset[Strategy]
    refusal: StrategyUnavailable | None = None
    started: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    closed: bool = False

    def verify_plan(self, plan: Plan) -> None:
        if self.refusal is not None:
            raise self.refusal

    def start(self, request: BuildRequest, log: BuildLog) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.started.append(request.name)

    def status(self, name: str) -> EngineStatus | None:
        return RUNNING if name in self.started else None

    def cancel(self, name: str) -> None:
        self.cancelled.append(name)

    def close(self) -> None:
        self.closed = True


def ask(strategy: Strategy, name: str = "build-1") -> BuildRequest:
    return BuildRequest(name=name, plan=make_plan(strategy=strategy), repository=None, ref=None, target=None)


def make_two(refusal: StrategyUnavailable | None = None) -> tuple[Taker, Taker, EngineDispatcher]:
    first = Taker(frozenset({Strategy.LAYERED, Strategy.DOCKERFILE}), refusal)
    second = Taker(frozenset({Strategy.DOCKERFILE, Strategy.SOURCE}))
    return first, second, EngineDispatcher((first, second))


def test_first_engine_of_the_strategy_gets_the_build() -> None:
    """In the operator's order."""
    first, second, engine = make_two()
    engine.start(ask(Strategy.DOCKERFILE, "a"), FakeLog())
    engine.start(ask(Strategy.SOURCE, "b"), FakeLog())

    assert (first.started, second.started) == (["a"], ["b"])
    assert engine.strategies == frozenset(Strategy)
    assert (engine.status("a"), engine.status("b"), engine.status("c")) == (RUNNING, RUNNING, None)


def test_refused_build_goes_to_the_next() -> None:
    """An engine that does not build for this owner leaves it to one that does."""
    first, second, engine = make_two(StrategyUnavailable("not for strangers"))
    engine.start(ask(Strategy.DOCKERFILE), FakeLog())

    assert (first.started, second.started) == ([], ["build-1"])


def test_known_build_is_adopted_where_it_is() -> None:
    """No second engine is asked."""
    first, second, engine = make_two()
    second.started.append("build-1")
    engine.start(ask(Strategy.DOCKERFILE), FakeLog())

    assert (first.started, second.started) == ([], ["build-1"])


def test_every_refusal_is_told() -> None:
    """With the first one's hint; it may pass if any may."""
    first, second, engine = make_two(StrategyUnavailable("not for strangers", hint="list the owner"))
    second.refusal = StrategyUnavailable("shutting down", transient=True)
    with pytest.raises(StrategyUnavailable) as caught:
        engine.start(ask(Strategy.DOCKERFILE), FakeLog())

    assert caught.value.message == "not for strangers; shutting down"
    assert (caught.value.hint, caught.value.transient) == ("list the owner", True)
    assert (first.started, second.started) == ([], [])


def test_strategy_without_an_engine_names_doctor() -> None:
    """So that an operator finds what is missing."""
    engine = EngineDispatcher((Taker(frozenset({Strategy.LAYERED})),))
    with pytest.raises(StrategyUnavailable, match="no engine here executes the strategy dockerfile") as caught:
        engine.start(ask(Strategy.DOCKERFILE), FakeLog())

    assert "`hublish doctor`" in caught.value.hint


def test_cancel_and_close_reach_all() -> None:
    """Whoever has it stops it."""
    first, second, engine = make_two()
    engine.cancel("build-1")
    engine.close()

    assert (first.cancelled, second.cancelled) == (["build-1"], ["build-1"])
    assert (first.closed, second.closed) == (True, True)


def test_cancel_goes_to_the_engine_that_knows_the_build_else_to_all() -> None:
    """After a restart none knows it, and one of them may have left something that runs on."""
    first, second, engine = make_two()
    engine.start(ask(Strategy.SOURCE, "b"), FakeLog())
    engine.cancel("b")
    engine.cancel("left")

    assert (first.cancelled, second.cancelled) == (["left"], ["b", "left"])


def test_plan_that_one_engine_can_execute_is_well() -> None:
    """Nothing is started for it."""
    first, second, engine = make_two(StrategyUnavailable("no"))
    engine.verify_plan(ask(Strategy.DOCKERFILE).plan)

    assert (first.started, second.started) == ([], [])


def test_plan_that_no_engine_can_execute_is_refused_with_all_reasons() -> None:
    """As a build of it would be, before anybody waits for it."""
    _, second, engine = make_two(StrategyUnavailable("the first cannot", hint="do this"))
    second.refusal = StrategyUnavailable("the second cannot")

    with pytest.raises(StrategyUnavailable, match="the first cannot; the second cannot") as caught:
        engine.verify_plan(ask(Strategy.DOCKERFILE).plan)
    assert caught.value.hint == "do this"
