"""An engine whose pods do what a test says, and waiting for what becomes of its builds. What such pods are is in `scripted`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hublish.core.building import BuildOutcome, BuildStopped
from hublish.core.ports import BuildLog
from hublish.core.reference import Reference
from tests.cluster.cluster import RESTRICTED, Cluster
from tests.cluster.scripted import FETCH, RESULTS, open_engine
from tests.fakes import FakeLog
from tests.golden.tekton_runs import REQUEST

WAIT_SECONDS = 480.0


@dataclass
class Yard:
    """An engine on the cluster, and what its pods are to do."""

    cluster: Cluster
    folder: Path
    digest: str
    target: Reference
    scripts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    logs: dict[str, BuildLog] = field(default_factory=dict)
    engines: list = field(default_factory=list)

    def open_engine(self, **choices: object):
        """An engine as bootstrap makes one, its choices changed."""
        engine = open_engine(
            self.cluster, folder=self.folder, make_files=lambda request: self.scripts[request.name], **choices
        )
        self.engines.append(engine)
        return engine

    def start(self, engine, name: str, *, build: str, push: str | None = None, seconds: int = 300):
        """Start a build whose Steps run these scripts; returns its log: the one in `logs`, if there is one, else a list."""
        push = f"{RESULTS}printf {self.digest} >$RESULT_IMAGE_DIGEST; echo pushed\n" if push is None else push
        self.scripts[name] = {
            "fetch": {"script": f"{FETCH}echo fetched\n".encode(), "build": build.encode()},
            "push": {"script": push.encode()},
        }
        self.logs.setdefault(name, FakeLog())
        plan = replace(REQUEST.plan, time_seconds=seconds)
        engine.start(replace(REQUEST, name=name, plan=plan, target=self.target), self.logs[name])
        return self.logs[name]


def wait_for(condition: Callable[[], bool], *, what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


def wait(engine, name: str) -> BuildOutcome:
    """The outcome of a build."""
    wait_for(lambda: getattr(engine.status(name), "outcome", None) is not None, what=f"the end of {name}")
    return engine.status(name).outcome


def stop(engine, name: str) -> BuildStopped:
    """The outcome of a build that is expected to have no image."""
    outcome = wait(engine, name)
    assert isinstance(outcome, BuildStopped), outcome
    return outcome


def list_pods(cluster: Cluster, name: str) -> list[Mapping]:
    """The pods of a build."""
    return cluster.kubectl.list("pods", RESTRICTED, selector=f"tekton.dev/pipelineRun={name}")
