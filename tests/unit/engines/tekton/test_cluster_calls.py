"""Calls whose answer is late, lost or refused for a reason that has passed: what was asked for is so in the end."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import kubernetes
import pytest
from tekton_pipeline import TektonClient

from hublish.engines.tekton import cluster as tekton_cluster
from hublish.engines.tekton import patience
from hublish.engines.tekton.cluster import TektonCluster
from hublish.errors import EngineFailed
from tests.sandbox.serving import JSONHandler, serve

RUN = {"metadata": {"name": "r"}, "spec": {}}
ENDED = {**RUN, "status": {"conditions": [{"type": "Succeeded", "status": "False", "reason": "Cancelled"}]}}
COMPLETE = "admission webhook denied the request: Once the PipelineRun is complete, no updates are allowed"
Answer = tuple[int, dict[str, object]]


@contextmanager
def open_server(answers: dict[str, list[Answer]]) -> Iterator[tuple[TektonCluster, list[str]]]:
    """A cluster that answers each method so, the last one again and again; gives it and the calls it got."""
    calls: list[str] = []

    class Handler(JSONHandler):
        def answer_next(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            calls.append(f"{self.command} {self.path.partition('?')[0].rpartition('/')[2]}")
            left = answers[self.command]
            self.answer(*(left.pop(0) if len(left) > 1 else left[0]))

    for verb in answers:
        setattr(Handler, f"do_{verb}", Handler.answer_next)
    with serve(Handler) as url:
        api = kubernetes.client.ApiClient(kubernetes.client.Configuration(host=url))
        cluster = TektonCluster(_make_tekton(api), api, patience_seconds=10)
        yield cluster, calls
        cluster.disconnect()


def _make_tekton(api: kubernetes.client.ApiClient) -> TektonClient:
    """Tekton's client on a connection; it would read one from a file."""
    client = TektonClient.__new__(TektonClient)
    client.api_instance = kubernetes.client.CustomObjectsApi(api)
    return client


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE_SECONDS", 0.01)


def test_run_that_was_made_before_its_answer_was_lost_is_found() -> None:
    """A server that says 504, or 429, may have made it all the same; asked again it says that there is one."""
    answers = {
        "POST": [(504, {"message": "timeout"}), (429, {"message": "too many"}), (409, {"message": "already exists"})],
        "GET": [(200, RUN)],
    }
    with open_server(answers) as (cluster, calls):
        made = cluster.create_run(RUN, namespace="n")

    assert made == RUN
    assert calls == ["POST pipelineruns"] * 3 + ["GET r"]


def test_webhook_that_is_down_is_waited_for() -> None:
    """The server tells of it as an error of its own."""
    down = 'Internal error occurred: failed calling webhook "webhook.pipeline.tekton.dev": connection refused'
    with open_server({"POST": [(500, {"message": down}), (201, RUN)]}) as (cluster, calls):
        made = cluster.create_run(RUN, namespace="n")

    assert (made, calls) == (RUN, ["POST pipelineruns"] * 2)


@pytest.mark.parametrize("status", [None, "Cancelled"])
def test_run_that_ended_meanwhile_is_neither_released_nor_stopped(status: str | None) -> None:
    """Tekton refuses every change of such a run; that is no fault, as its end is what is asked for next."""
    with open_server({"PATCH": [(400, {"message": COMPLETE})], "GET": [(200, ENDED)]}) as (cluster, calls):
        cluster.set_run_status("r", status, namespace="n")

    assert calls == ["PATCH r", "GET r"]


def test_change_that_is_refused_for_another_reason_is_a_fault() -> None:
    """The run goes on, so that somebody has to know."""
    answers = {"PATCH": [(400, {"message": "no"})], "GET": [(200, RUN)]}
    with open_server(answers) as (cluster, _), pytest.raises(EngineFailed, match="did not change a PipelineRun: no"):
        cluster.set_run_status("r", "Cancelled", namespace="n")


def test_secret_that_another_replica_made_in_between_is_replaced() -> None:
    """Both adopt the same run: the one that comes second takes the other's away, and neither ends the build."""
    answers = {"DELETE": [(200, {})], "POST": [(409, {"message": "already exists"}), (201, {})]}
    with open_server(answers) as (cluster, calls):
        cluster.replace_secret({"metadata": {"name": "s"}}, namespace="n")

    assert calls == ["DELETE s", "POST secrets"] * 2


def test_secret_that_comes_back_again_and_again_is_a_fault() -> None:
    """Somebody else makes it."""
    answers = {"DELETE": [(200, {})], "POST": [(409, {"message": "already exists"})]}
    with open_server(answers) as (cluster, calls), pytest.raises(EngineFailed, match="already exists"):
        cluster.replace_secret({"metadata": {"name": "s"}}, namespace="n")

    assert calls == ["DELETE s", "POST secrets"] * 5


def test_warnings_of_a_pod_come_in_their_order() -> None:
    """A list of events has none; those of a newer kind have another time."""
    items = [
        {"reason": "B", "message": "b", "lastTimestamp": "2026-11-21T10:00:02Z", "metadata": {}, "involvedObject": {}},
        {
            "reason": "A",
            "message": "a",
            "eventTime": "2026-11-21T10:00:01.000000Z",
            "metadata": {},
            "involvedObject": {},
        },
    ]
    with open_server({"GET": [(200, {"items": items})]}) as (cluster, _):
        warnings = cluster.list_warnings("p", namespace="n")

    assert warnings == (("A", "a"), ("B", "b"))


@pytest.mark.parametrize(
    "ask",
    [
        lambda cluster: cluster.create_run(RUN, namespace="n"),
        lambda cluster: cluster.find_run("r", namespace="n"),
        lambda cluster: cluster.delete_run("r", namespace="n"),
        lambda cluster: cluster.set_run_status("r", None, namespace="n"),
    ],
    ids=["create", "find", "delete", "change"],
)
def test_server_that_takes_a_call_and_never_answers_is_given_up(
    ask: Callable[[TektonCluster], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one behind a network that lost the connection; a build would hang past its own time."""
    monkeypatch.setattr(tekton_cluster, "_CALL_SECONDS", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configuration = kubernetes.client.Configuration(host=f"http://127.0.0.1:{silent.getsockname()[1]}")
        api = kubernetes.client.ApiClient(configuration)
        cluster = TektonCluster(_make_tekton(api), api, patience_seconds=0)
        with pytest.raises(EngineFailed, match="its API does not answer"):
            ask(cluster)
        cluster.disconnect()
