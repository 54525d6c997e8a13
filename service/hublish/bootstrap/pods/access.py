"""What `hublish doctor` says of a cluster before any pod: server, Tekton, rights of the account, and the Pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hublish.bootstrap.doctor import Check
from hublish.core.plan import Strategy
from hublish.errors import HublishError

if TYPE_CHECKING:
    import kubernetes

    from hublish.engines.tekton.access import ClusterAccess
    from hublish.engines.tekton_run import RunChoices

ENGINE = "engines.tekton"
_NAMESPACE_HINT = "Apply deploy/kubernetes, or name other namespaces under `engines.tekton.namespaces`."
_RIGHTS_HINT = "Apply deploy/kubernetes/access.yaml; elsewhere bind its role to the account in this namespace."
_PIPELINES_HINT = "Apply the Tasks and Pipelines: `kubectl apply --server-side -k tekton`."
_USE_HINT = "Add it to `engines.use`, else no build runs in pods."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReport:
    """What is known of the cluster.

    Attributes:
        checks: for people.
        answers: the server answers, and has Tekton.
        namespaces: those in which the account may run pods.
    """

    checks: tuple[Check, ...]
    answers: bool = False
    namespaces: frozenset[str] = frozenset()


def look_at_access(
    configuration: kubernetes.client.Configuration, choices: Mapping[Strategy, RunChoices], *, use: Iterable[str]
) -> AccessReport:
    """Ask the cluster what the settings' account finds there; nothing is made in it.

    Args:
        configuration: of the client.
        choices: strategy -> what its pods have.
        use: names of the engines that are asked for builds.
    """
    from hublish.engines.tekton.access import ClusterAccess  # noqa: PLC0415 -- an extra, slow to import

    pipelines: dict[str, list[str]] = {}
    for strategy, chosen in choices.items():
        pipelines.setdefault(chosen.namespace, []).append(f"hublish-{strategy.value}")
    with closing(ClusterAccess(configuration)) as access:
        try:
            detail = access.describe()
            access.verify_tekton()
            found = [_check_namespace(access, name, needed) for name, needed in pipelines.items()]
        except HublishError as error:
            return AccessReport(checks=(Check(name=ENGINE, ok=False, detail=error.message, hint=error.hint),))
    used = "tekton" in use
    engine = Check(
        name=ENGINE, ok=True, detail=detail if used else f"{detail}; not used", hint="" if used else _USE_HINT
    )
    return AccessReport(
        checks=(engine, *(check for check, _ in found)),
        answers=True,
        namespaces=frozenset(name for name, (_, usable) in zip(pipelines, found, strict=True) if usable),
    )


def _check_namespace(access: ClusterAccess, namespace: str, pipelines: list[str]) -> tuple[Check, bool]:
    """The check, and whether pods may be run."""
    name = f"{ENGINE}, namespace {namespace}"
    if access.is_namespace_missing(namespace):
        return Check(name=name, ok=False, detail="the cluster has no such namespace", hint=_NAMESPACE_HINT), False
    missing = access.find_missing_rights(namespace)
    if len(missing) == len(access.rights):
        detail = "the account may do nothing there: no such namespace, or no role in it"
        return Check(name=name, ok=False, detail=detail, hint=_NAMESPACE_HINT), False
    if missing:
        detail = f"the account may not {'; '.join(missing)}"
        return Check(name=name, ok=False, detail=detail, hint=_RIGHTS_HINT), False
    absent = access.find_missing_pipelines(pipelines, namespace)
    if absent:
        detail = f"it has no Pipeline {', '.join(absent)}"
        return Check(name=name, ok=False, detail=detail, hint=_PIPELINES_HINT), True
    return Check(name=name, ok=True, detail=f"the account has its rights; {', '.join(pipelines)}"), True
