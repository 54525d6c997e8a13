"""Calls to an API server that has just begun: it refuses all until it knows its roles, and is asked again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import kubernetes
import pytest

from hublish.engines.tekton import cluster as tekton_cluster
from hublish.engines.tekton import patience
from hublish.engines.tekton.cluster import TektonCluster
from hublish.engines.tekton.watcher import RunWatcher
from hublish.errors import EngineFailed, SettingsInvalid
from tests.sandbox.ports import Port
from tests.sandbox.serving import JSONHandler, serve

POD = {"metadata": {"name": "p", "namespace": "n"}, "status": {}}
ROLES = 'pods is forbidden: User "system:serviceaccount:h:h" cannot list resource "pods" in API group ""'
QUOTA = 'pods "p" is forbidden: exceeded quota: none'


@contextmanager
def open_server(refusals: list[str]) -> Iterator[str]:
    """An API server that refuses with these words, one call each, and lists a pod from then on; gives its URL."""

    class Handler(JSONHandler):
        def do_GET(self) -> None:
            self.answer(*((403, {"message": refusals.pop(0)}) if refusals else (200, {"items": [POD]})))

    with serve(Handler) as url:
        yield url


@contextmanager
def open_silent_server(protocol: str = "HTTP/1.1") -> Iterator[tuple[str, threading.Event]]:
    """An API server that lists no runs and whose watch never tells of a change; gives its URL, and when it is watched."""
    watched, ended = threading.Event(), threading.Event()

    class Handler(JSONHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            if "watch=" not in self.path:
                self.answer(200, {"items": [], "metadata": {"resourceVersion": "1"}})
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            if protocol == "HTTP/1.1":
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            watched.set()
            ended.wait(300)

    with serve(Handler) as url:
        try:
            yield url, watched
        finally:
            ended.set()


def make_cluster(url: str, **options: float) -> TektonCluster:
    api = kubernetes.client.ApiClient(kubernetes.client.Configuration(host=url))
    tekton = SimpleNamespace(api_instance=kubernetes.client.CustomObjectsApi(api))
    return TektonCluster(tekton, api, **options)  # type: ignore[arg-type]  # what else it can is not called here


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE_SECONDS", 0.01)


@pytest.mark.parametrize("protocol", ["HTTP/1.0", "HTTP/1.1"])
def test_watch_ends_at_once_and_leaves_no_connection(protocol: str) -> None:
    """Also where no run changes for minutes: what is left open would be a warning when it is collected."""
    with open_silent_server(protocol) as (url, watched):
        cluster = make_cluster(url)
        watcher = RunWatcher(cluster, namespace="n", selector="a=b")
        watcher.ensure_started()
        assert watched.wait(120)
        watcher.stop()
        cluster.disconnect()

        assert [thread.name for thread in threading.enumerate() if thread.name == "watch-n"] == []


def test_watcher_that_never_began_stops() -> None:
    """An engine that built nothing is closed, too."""
    with open_silent_server() as (url, watched):
        RunWatcher(make_cluster(url), namespace="n", selector="a=b").stop()

        assert not watched.is_set()


def test_server_that_has_just_begun_is_asked_again() -> None:
    """Its refusals pass within seconds."""
    with open_server([ROLES, ROLES]) as url:
        pods = make_cluster(url).list_pods("r", namespace="n")

    assert [pod["metadata"]["name"] for pod in pods] == ["p"]


def test_account_without_rights_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that does not pass names what the operator has to apply."""
    monkeypatch.setattr(patience, "_ROLES_SECONDS", 0.2)
    with open_server([ROLES] * 10_000) as url, pytest.raises(EngineFailed) as caught:
        make_cluster(url).list_pods("r", namespace="n")

    assert (caught.value.transient, "deploy/kubernetes/access.yaml" in (caught.value.hint or "")) == (False, True)


def test_other_refusals_are_told_at_once() -> None:
    """A quota is no matter of roles."""
    refusals = [QUOTA] * 2
    with open_server(refusals) as url, pytest.raises(EngineFailed, match="exceeded quota"):
        make_cluster(url).list_pods("r", namespace="n")

    assert refusals == [QUOTA]


def test_refusal_is_told_by_its_message_alone() -> None:
    """A `Status` is JSON around one sentence; the sentence would be cut off where it says which namespace."""
    with open_server([QUOTA]) as url, pytest.raises(EngineFailed) as caught:
        make_cluster(url).list_pods("r", namespace="n")

    assert caught.value.message == f"the cluster did not list pods: {QUOTA}"


def test_server_that_does_not_answer_is_not_named_in_the_error() -> None:
    """The words may stand in a comment: they have no address, and the hint says who finds it out how."""
    port = Port()
    cluster = make_cluster(f"http://127.0.0.1:{port.number}", patience_seconds=0.0)
    with pytest.raises(EngineFailed) as caught:
        cluster.list_pods("r", namespace="n")

    assert caught.value.message == "the cluster did not list pods: its API does not answer (NewConnectionError)"
    assert caught.value.hint == "The operator runs `hublish doctor --cluster`, which names the server."


@pytest.mark.parametrize("content", ["{}}", "just words"])
def test_broken_kubeconfig_is_an_error_of_the_settings(content: str, tmp_path: Path) -> None:
    """Not a traceback of the client's."""
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(SettingsInvalid, match=r"engines\.tekton\.kubeconfig"):
        tekton_cluster.open_cluster(path)
