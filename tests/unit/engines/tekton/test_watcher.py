"""One watch for all builds of a namespace: what is known stays true, whatever the server does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hublish.engines.tekton import watcher as module
from hublish.engines.tekton.engine import SELECTOR
from hublish.engines.tekton.watcher import RunWatcher
from hublish.engines.tekton_run import make_run
from hublish.errors import EngineFailed
from tests.golden.tekton_runs import LAYERED_CHOICES, REQUEST
from tests.unit.engines.tekton.fakes import FakeCluster

NAMESPACE = "hublish-builds"


@pytest.fixture
def watcher(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunWatcher]:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    watcher = RunWatcher(cluster, namespace=NAMESPACE, selector=SELECTOR)
    watcher.ensure_started()
    yield watcher
    watcher.stop()
    cluster.close()


def wait(watcher: RunWatcher, until: Callable[[dict], bool]) -> bool:
    return watcher.wait(until, seconds=10)


def test_runs_come_change_and_go(cluster, watcher) -> None:
    """What the server tells is known at once."""
    cluster.create_run(make_run(REQUEST, choices=LAYERED_CHOICES), namespace=NAMESPACE)

    assert wait(watcher, lambda runs: set(runs) == {REQUEST.name})
    cluster.end_run(REQUEST.name, succeeded=True)
    assert wait(watcher, lambda runs: "status" in runs[REQUEST.name])
    assert [run["metadata"]["name"] for run in watcher.list()] == [REQUEST.name]
    cluster.delete_run(REQUEST.name, namespace=NAMESPACE)
    assert wait(watcher, lambda runs: not runs)
    assert (watcher.find(REQUEST.name), watcher.has_listed) == (None, True)


@pytest.mark.parametrize("failure", [EngineFailed("410 Gone"), ValueError("half an answer")])
def test_broken_watch_is_begun_anew_by_a_list(cluster, watcher, failure) -> None:
    """Too old a version, a server that restarts, nonsense: all runs are listed, and what was missed is found."""
    assert wait(watcher, lambda runs: watcher.has_listed)
    cluster.watch_failures.append(failure)
    cluster.create_run(make_run(REQUEST, choices=LAYERED_CHOICES), namespace=NAMESPACE)

    assert wait(watcher, lambda runs: set(runs) == {REQUEST.name})
    assert wait(watcher, lambda runs: len([call for call in cluster.calls if call.startswith("list")]) > 1)


def test_time_without_news_is_no_fault(watcher) -> None:
    """Waiting for what does not come ends by itself."""

    assert watcher.wait(bool, seconds=0.01) is False
