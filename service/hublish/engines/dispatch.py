"""Several engines behind one port: each build goes to the first, in the operator's order, that takes it.

It decides nothing else: how a build runs is the engine's matter. A build that one engine knows is asked for only there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hublish.core.building import BuildRequest, EngineStatus
from hublish.core.plan import Plan, Strategy
from hublish.core.ports import BuildLog, Engine
from hublish.errors import StrategyUnavailable

_HINT = "Run `hublish doctor` to see which engines work here, and what is missing."


class EngineDispatcher:
    """Engines in the order they are asked."""

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = tuple(engines)

    @property
    def strategies(self) -> frozenset[Strategy]:
        """What any of them can execute here and now."""
        return frozenset[Strategy]().union(*(engine.strategies for engine in self._engines))

    def verify_plan(self, plan: Plan) -> None:
        """Raise StrategyUnavailable, with the reasons of all, when no engine can execute the plan."""
        self._ask_each(plan.strategy, lambda engine: engine.verify_plan(plan))

    def start(self, request: BuildRequest, log: BuildLog) -> None:
        """Start the build on the first engine that takes it, or adopt it where it is known.

        Raises:
            StrategyUnavailable: none has the strategy, or each refused; the message has their reasons.
        """
        if self._find(request.name) is None:
            self._ask_each(request.plan.strategy, lambda engine: engine.start(request, log))

    def _ask_each(self, strategy: Strategy, ask: Callable[[Engine], None]) -> None:
        """Ask the engines of a strategy in their order until one does not refuse."""
        reasons = []
        for engine in self._engines:
            if strategy not in engine.strategies:
                continue
            try:
                ask(engine)
            except StrategyUnavailable as error:
                reasons.append(error)
            else:
                return
        if not reasons:
            raise StrategyUnavailable(f"no engine here executes the strategy {strategy.value}", hint=_HINT)
        raise StrategyUnavailable(
            "; ".join(error.message for error in reasons),
            hint=reasons[0].hint or _HINT,
            transient=any(error.transient for error in reasons),
        )

    def status(self, name: str) -> EngineStatus | None:
        """What is known of a run; None when no engine ever heard of it."""
        found = self._find(name)
        return None if found is None else found.status(name)

    def cancel(self, name: str) -> None:
        """Ask a run to stop; where none here knows it, each engine looks for what another process left of it."""
        known = self._find(name)
        for engine in self._engines if known is None else (known,):
            engine.cancel(name)

    def close(self) -> None:
        """Close all engines."""
        for engine in self._engines:
            engine.close()

    def _find(self, name: str) -> Engine | None:
        return next((engine for engine in self._engines if engine.status(name) is not None), None)
