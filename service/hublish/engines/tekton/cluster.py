"""The cluster's API, as far as builds need it: every call has a time-out, every failure is an EngineFailed that says whose.

Tekton's own client creates, gets and deletes PipelineRuns; Kubernetes' client does the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import kubernetes
import urllib3
from kubernetes.client.exceptions import ApiException
from tekton_pipeline import TektonClient  # type: ignore[import-untyped]  # it is published without types

from hublish.engines.tekton.faults import explain, status_of
from hublish.engines.tekton.kubeconfig import verify_kubeconfig
from hublish.engines.tekton.patience import PATIENCE_SECONDS, Patience
from hublish.engines.tekton_run import find_end
from hublish.errors import SettingsInvalid, clip

# These parts of the client have no types.
_untyped: Any = kubernetes
GROUP, VERSION, RUNS = "tekton.dev", "v1", "pipelineruns"
_CALL_SECONDS = (5, 30)
# A Step that says nothing for so long has its log opened anew, from where it was read to.
_SILENCE_SECONDS = 600
_SECRET_TRIES = 5


class TektonCluster:
    """One cluster under one account; safe to share between threads.

    Args:
        tekton: Tekton's client.
        api: connection of Kubernetes' client.
        patience_seconds: how long a server that does not answer is asked again.
    """

    def __init__(
        self, tekton: TektonClient, api: kubernetes.client.ApiClient, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._tekton = _limit_calls(tekton)
        self._core = kubernetes.client.CoreV1Api(api)
        self._objects = kubernetes.client.CustomObjectsApi(api)
        patience = Patience(seconds=patience_seconds)
        self._call, self._find = patience.call, patience.find

    def disconnect(self) -> None:
        """Close the connections that are not in use; a later call opens new ones."""
        for client in (self._core.api_client, self._tekton.api_instance.api_client):
            client.close()

    @property
    def configuration(self) -> kubernetes.client.Configuration:
        """Of the connection, for questions about the cluster itself."""
        found: kubernetes.client.Configuration = self._core.api_client.configuration
        return found

    # -- PipelineRuns -------------------------------------------------------------------------------------------------

    def create_run(self, run: Mapping[str, Any], *, namespace: str) -> dict[str, Any]:
        """Create a PipelineRun, or find the one of that name."""

        def create() -> dict[str, Any]:
            try:
                return dict(self._tekton.create(dict(run), plural=RUNS, namespace=namespace))
            except RuntimeError as exc:
                if status_of(exc) == HTTPStatus.CONFLICT:
                    return dict(self._tekton.get(run["metadata"]["name"], RUNS, namespace=namespace))
                raise

        return self._call("create a PipelineRun", create)

    def find_run(self, name: str, *, namespace: str) -> dict[str, Any] | None:
        """A PipelineRun by its name; None when there is none."""
        get = lambda: dict(self._tekton.get(name, RUNS, namespace=namespace))  # noqa: E731 -- a line, used once
        return self._find("read a PipelineRun", get)

    def delete_run(self, name: str, *, namespace: str) -> None:
        """Delete a PipelineRun, and with it what it owns; nothing when there is none."""
        self._find("delete a PipelineRun", lambda: self._tekton.delete(name, RUNS, namespace=namespace))

    def set_run_status(self, name: str, status: str | None, *, namespace: str) -> None:
        """Release a pending run (None), or ask one to stop ("Cancelled"); nothing when there is none, or when it ended."""
        body = {"spec": {"status": status}}

        def change() -> None:
            try:
                self._objects.patch_namespaced_custom_object(
                    GROUP, VERSION, namespace, RUNS, name, body, _request_timeout=_CALL_SECONDS
                )
            except ApiException as exc:
                # Tekton refuses every change of a run that ended, as it may have in this moment.
                refused = status_of(exc) == HTTPStatus.BAD_REQUEST
                if not refused or find_end(dict(self._tekton.get(name, RUNS, namespace=namespace))) is None:
                    raise

        self._find("change a PipelineRun", change)

    # -- Secrets ------------------------------------------------------------------------------------------------------

    def replace_secret(self, secret: Mapping[str, Any], *, namespace: str) -> None:
        """Create a Secret; one of that name that an earlier try left goes first, or one that another replica has just made."""
        name = secret["metadata"]["name"]
        body: Any = dict(secret)  # the client takes plain objects as well as its own

        def create() -> None:
            for left in reversed(range(_SECRET_TRIES)):
                self.delete_secret(name, namespace=namespace)
                try:
                    self._core.create_namespaced_secret(namespace, body, _request_timeout=_CALL_SECONDS)
                except ApiException as exc:
                    if left == 0 or status_of(exc) != HTTPStatus.CONFLICT:
                        raise
                else:
                    return

        self._call("create a Secret", create)

    def delete_secret(self, name: str, *, namespace: str) -> None:
        """Delete a Secret; nothing when there is none."""
        self._find(
            "delete a Secret",
            lambda: self._core.delete_namespaced_secret(name, namespace, _request_timeout=_CALL_SECONDS),
        )

    def list_secrets(self, *, namespace: str, selector: str) -> tuple[tuple[str, str], ...]:
        """`(name, name of the owner or "")` of every Secret with those labels; nothing of its content is kept."""
        listed = self._call(
            "list Secrets",
            lambda: self._core.list_namespaced_secret(
                namespace, label_selector=selector, _request_timeout=_CALL_SECONDS
            ),
        )
        plain = self._core.api_client.sanitize_for_serialization(listed)
        owners = [(item["metadata"]["name"], item["metadata"].get("ownerReferences")) for item in plain["items"]]
        return tuple((name, owned[0]["name"] if owned else "") for name, owned in owners)

    # -- pods ---------------------------------------------------------------------------------------------------------

    def list_pods(self, run: str, *, namespace: str) -> tuple[dict[str, Any], ...]:
        """The pods of a run, as plain objects."""
        listed = self._call(
            "list pods",
            lambda: self._core.list_namespaced_pod(
                namespace, label_selector=f"tekton.dev/pipelineRun={run}", _request_timeout=_CALL_SECONDS
            ),
        )
        plain = self._core.api_client.sanitize_for_serialization(listed)
        return tuple(plain["items"])

    def list_warnings(self, pod: str, *, namespace: str) -> tuple[tuple[str, str], ...]:
        """`(reason, message)` of what went wrong with a pod outside of its containers, oldest first."""
        listed = self._call(
            "list events",
            lambda: self._core.list_namespaced_event(
                namespace,
                field_selector=f"involvedObject.kind=Pod,involvedObject.name={pod},type=Warning",
                _request_timeout=_CALL_SECONDS,
            ),
        )
        events = self._core.api_client.sanitize_for_serialization(listed)["items"]
        events.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
        return tuple((str(event.get("reason", "")), str(event.get("message", ""))) for event in events)

    def list_task_runs(self, run: str, *, namespace: str) -> tuple[dict[str, Any], ...]:
        """What Tekton made of a run: one TaskRun, which has a pod or says why not."""
        listed = self._call(
            "list TaskRuns",
            lambda: self._objects.list_namespaced_custom_object(
                GROUP,
                VERSION,
                namespace,
                "taskruns",
                label_selector=f"tekton.dev/pipelineRun={run}",
                _request_timeout=_CALL_SECONDS,
            ),
        )
        return tuple(cast("dict[str, Any]", listed)["items"])

    @contextmanager
    def open_log(
        self, pod: str, container: str, *, namespace: str, since_seconds: int | None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Open the log of a container, each line with its time before it, as it grows until the container ends."""
        options: dict[str, Any] = {} if since_seconds is None else {"since_seconds": since_seconds}
        with explain("read a log"):
            # Without `_preload_content` it is the response itself that comes back, whatever the client's types say.
            response: Any = self._core.read_namespaced_pod_log(
                pod,
                namespace,
                container=container,
                follow=True,
                timestamps=True,
                _preload_content=False,
                _request_timeout=(_CALL_SECONDS[0], _SILENCE_SECONDS),
                **options,
            )
        try:
            yield response
        finally:
            response.close()

    # -- watching -----------------------------------------------------------------------------------------------------

    def list_runs(self, *, namespace: str, selector: str) -> dict[str, Any]:
        """All runs with those labels, with the version of the list."""
        listed = self._call(
            "list PipelineRuns",
            lambda: self._objects.list_namespaced_custom_object(
                GROUP, VERSION, namespace, RUNS, label_selector=selector, _request_timeout=_CALL_SECONDS
            ),
        )
        return cast("dict[str, Any]", listed)

    def watch_runs(
        self,
        *,
        namespace: str,
        selector: str,
        version: str,
        seconds: int,
        opened: Callable[[urllib3.BaseHTTPResponse], None],
    ) -> Iterator[dict[str, Any]]:
        """Changes of the runs since a version, for so many seconds: `{"type": ..., "object": ...}`.

        Args:
            namespace: of the runs.
            selector: labels of the runs that count.
            version: of the list that is known.
            seconds: how long.
            opened: given the answer, whose `shutdown` ends the watch from another thread.

        Raises:
            EngineFailed: the server ended the watch; after 410 the runs have to be listed anew.
        """
        with explain("watch PipelineRuns"):
            yield from _untyped.watch.Watch().stream(
                _hand_on(self._objects.list_namespaced_custom_object, opened),
                GROUP,
                VERSION,
                namespace,
                RUNS,
                label_selector=selector,
                resource_version=version,
                timeout_seconds=seconds,
                _request_timeout=(_CALL_SECONDS[0], seconds + _CALL_SECONDS[1]),
            )


def _limit_calls(tekton: TektonClient) -> TektonClient:
    """Give the calls of Tekton's client the time-outs that it has none of: a server may take a call and never answer."""
    api = tekton.api_instance
    for verb in ("create", "get", "delete"):
        name = f"{verb}_namespaced_custom_object"
        setattr(api, name, functools.partial(getattr(api, name), _request_timeout=_CALL_SECONDS))
    return tekton


def _hand_on(ask: Callable[..., Any], opened: Callable[[urllib3.BaseHTTPResponse], None]) -> Callable[..., Any]:
    """A call of the client whose answer is handed on, too: the response itself, as the client's watch has none preloaded."""

    @functools.wraps(ask)
    def call(*names: str, **options: Any) -> object:
        answer = ask(*names, **options)
        opened(answer)
        return answer

    return call


def open_cluster(kubeconfig: Path | None) -> TektonCluster:
    """Open the cluster that a kubeconfig names; None is the one this process runs in.

    Raises:
        SettingsInvalid: there is no such file, or it is unusable.
    """
    if kubeconfig is not None:
        verify_kubeconfig(kubeconfig)
    try:
        if kubeconfig is None:
            _untyped.config.load_incluster_config()
        # Both clients take their connection from the default, which is one for the whole process.
        tekton = TektonClient(config_file=None if kubeconfig is None else str(kubeconfig), persist_config=False)
    except (kubernetes.config.ConfigException, OSError, LookupError, TypeError, ValueError, AttributeError) as exc:
        where = "this pod's account" if kubeconfig is None else str(kubeconfig)
        raise SettingsInvalid(
            f"engines.tekton: {where} cannot be used: {clip(str(exc))}",
            hint="Name a kubeconfig under `engines.tekton.kubeconfig`, or run the service in the cluster.",
        ) from exc
    return TektonCluster(tekton, kubernetes.client.ApiClient())
