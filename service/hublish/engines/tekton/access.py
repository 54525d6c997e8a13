"""What a cluster lets the service do: whether it answers, has Tekton, has the Pipelines, and gives the rights.

Nothing is made and nothing is changed. The rights are those of deploy/kubernetes/access.yaml, which a test compares.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import kubernetes
import urllib3
from kubernetes.client.exceptions import ApiException

from hublish.engines.tekton.cluster import GROUP, VERSION
from hublish.engines.tekton.faults import explain, status_of
from hublish.errors import EngineFailed, SettingsInvalid, clip

RIGHTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    (GROUP, "pipelineruns"): ("create", "get", "list", "watch", "patch", "delete"),
    (GROUP, "taskruns"): ("get", "list", "watch"),
    (GROUP, "pipelines"): ("get", "list"),
    (GROUP, "tasks"): ("get", "list"),
    ("", "secrets"): ("create", "list", "delete"),
    ("", "pods"): ("get", "list", "watch"),
    ("", "pods/log"): ("get",),
    ("", "events"): ("get", "list", "watch"),
    ("", "resourcequotas"): ("get", "list", "watch"),
}
"""(API group, resource) -> verbs, in each build namespace."""
_CALL_SECONDS = (5, 10)
_REFUSED = (
    "The token of the kubeconfig is wrong or has ended: make another, as docs/how-to/build-in-a-cluster.md shows."
)
_SILENT = "Look at `server` in the kubeconfig, and whether this machine reaches it."


class ClusterAccess:
    """Questions to a cluster; each is asked once, and fails within seconds.

    Args:
        configuration: of the client, as the kubeconfig set it.
    """

    def __init__(self, configuration: kubernetes.client.Configuration) -> None:
        own = copy.deepcopy(configuration)
        own.retries = False  # the client's own would make a dead server a matter of minutes
        self._api = kubernetes.client.ApiClient(own)

    rights = RIGHTS

    def close(self) -> None:
        """Close its connections."""
        self._api.close()  # type: ignore[no-untyped-call]  # the client's own

    @property
    def server(self) -> str:
        """URL of the API server; for the operator, never for a comment."""
        return str(self._api.configuration.host)

    def describe(self) -> str:
        """Version and address of the server.

        Raises:
            EngineFailed: it does not answer.
        """
        try:
            version = kubernetes.client.VersionApi(self._api).get_code(_request_timeout=_CALL_SECONDS)
        except ApiException as exc:
            raise EngineFailed(f"{self.server} refused: {exc.status} {clip(str(exc.reason))}", hint=_REFUSED) from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise EngineFailed(f"{self.server} does not answer: {clip(str(exc))}", hint=_SILENT) from exc
        return f"Kubernetes {clip(str(version.git_version))} at {self.server}"

    def verify_tekton(self) -> None:
        """Raise SettingsInvalid unless the server has Tekton's API."""
        with explain("list its APIs"):
            groups = kubernetes.client.ApisApi(self._api).get_api_versions(_request_timeout=_CALL_SECONDS).groups
        if not any(group.name == GROUP and any(v.version == VERSION for v in group.versions) for group in groups):
            raise SettingsInvalid(
                f"{self.server} has no Tekton Pipelines ({GROUP}/{VERSION})",
                hint="Install Tekton Pipelines 1.0 or later, as deploy/kubernetes/README.md says.",
            )

    def find_missing_rights(self, namespace: str) -> tuple[str, ...]:
        """Rights of RIGHTS that the account does not have, as "create, list secrets"; one entry for each resource."""
        missing = []
        for (group, resource), verbs in self.rights.items():
            refused = [verb for verb in verbs if not self._may(verb, group, resource, namespace)]
            if refused:
                missing.append(f"{', '.join(refused)} {resource}")
        return tuple(missing)

    def find_missing_pipelines(self, names: Sequence[str], namespace: str) -> tuple[str, ...]:
        """Those of the Pipelines that are not there."""
        objects = kubernetes.client.CustomObjectsApi(self._api)
        return tuple(name for name in names if not self._has_pipeline(objects, name, namespace))

    def is_namespace_missing(self, namespace: str) -> bool:
        """Whether the namespace is known not to exist; the service's own account is not told, and gets False."""
        try:
            kubernetes.client.CoreV1Api(self._api).read_namespace(namespace, _request_timeout=_CALL_SECONDS)
        except ApiException as exc:
            return status_of(exc) == HTTPStatus.NOT_FOUND
        except (urllib3.exceptions.HTTPError, OSError):
            return False
        return False

    def _has_pipeline(self, objects: kubernetes.client.CustomObjectsApi, name: str, namespace: str) -> bool:
        with explain("read a Pipeline"):
            try:
                objects.get_namespaced_custom_object(
                    GROUP, VERSION, namespace, "pipelines", name, _request_timeout=_CALL_SECONDS
                )
            except ApiException as exc:
                if status_of(exc) == HTTPStatus.NOT_FOUND:
                    return False
                raise
        return True

    def _may(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        name, _, part = resource.partition("/")
        attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": name, "subresource": part}
        body: Any = {"spec": {"resourceAttributes": attributes}}
        with explain("say what the account may do"):
            answer: Any = kubernetes.client.AuthorizationV1Api(self._api).create_self_subject_access_review(
                body, _request_timeout=_CALL_SECONDS
            )
        return bool(answer.status.allowed)
