"""What `hublish doctor` looks at in a cluster; with `--cluster`: a pod of each kind of build comes up, and has what it needs.

Each failing check names the setting that is in the way, and the choices an operator has.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from hublish.bootstrap.doctor import Check
from hublish.bootstrap.pods.access import ENGINE, look_at_access
from hublish.bootstrap.pods.engine import connect_cluster, make_run_choices
from hublish.bootstrap.steps.probe import HOSTS, parse_probe
from hublish.core.plan import Strategy
from hublish.errors import HublishError, SettingsInvalid, clip

if TYPE_CHECKING:
    from hublish.engines.tekton import TektonCluster
    from hublish.engines.tekton.probe import ProbeResult
    from hublish.engines.tekton_run import RunChoices
    from hublish.settings import Settings

PROBE_SECONDS = 180.0
# The cause stands at the end of what containerd says, after names that fill the usual limit.
_FAILURE_LIMIT = 1000
_CONTAINERS = "source and dockerfile in pods"
# What stands in the way of a pod -> the setting, and what can be done.
_CAUSES = {
    'container "prepare"': 'Tekton\'s own containers are refused: set the feature flag set-security-context to "true" '
    "(ConfigMap feature-flags of Tekton's namespace).",
    "violates PodSecurity": "The namespace's label pod-security.kubernetes.io/enforce is stricter than this strategy needs: "
    "restricted for layered, baseline for source and dockerfile. Apply deploy/kubernetes, or name other namespaces.",
    "quota": "A ResourceQuota of the namespace leaves no room: raise it, or lower engines.tekton.slots.",
    'serviceaccounts "': "The pods' account is missing: apply deploy/kubernetes, or name another under "
    "engines.tekton.service_account.",
    "usage per Container": "A LimitRange of the namespace is in the way: raise it, or lower engines.tekton.memory.",
    "pull": "Nodes cannot pull the image: name another under engines.tekton, or give the pods' account imagePullSecrets.",
    "forbidden": "The service's account lacks rights: apply deploy/kubernetes/access.yaml.",
    "no room": "No node takes the pod: add nodes, or lower engines.tekton.memory.",
}
_USER_NAMESPACE = (
    "The node refuses user namespaces to pods, as kubelet's seccompDefault does. Choose: a Localhost seccomp profile that "
    "allows unshare, pods with hostUsers: false, nodes without seccompDefault, or layered builds only."
)


def check_cluster(
    settings: Settings | None,
    *,
    pods: bool = True,
    say: Callable[[str], None] = lambda _: None,
    seconds: float = PROBE_SECONDS,
) -> tuple[Check, ...]:
    """Check the cluster that the settings name.

    Args:
        settings: the operator's.
        pods: run a pod of each kind, where the account may.
        say: told what is done and waited for.
        seconds: for one pod.

    Raises:
        SettingsInvalid: there are no settings.
    """
    if settings is None:
        raise SettingsInvalid("no settings name a cluster", hint="export HUBLISH_SETTINGS=/path/to/settings.yaml")
    try:
        choices = make_run_choices(settings)
        cluster = connect_cluster(settings)
    except SettingsInvalid as error:
        return (Check(name=ENGINE, ok=False, detail=error.message, hint=error.hint),)
    try:
        found = look_at_access(cluster.configuration, choices, use=settings.engines.use)
        checks = list(found.checks)
        kinds = (Strategy.LAYERED, "layered in pods"), (Strategy.DOCKERFILE, _CONTAINERS)
        for strategy, title in kinds if pods and found.answers else ():
            if strategy not in choices:
                checks.append(Check(name=title, ok=True, detail="not used: no image is named for it"))
            elif choices[strategy].namespace in found.namespaces:
                say(f"{title}: a pod in {choices[strategy].namespace}, for at most {seconds:.0f} s")
                checks += _check_strategy(
                    cluster, choices[strategy], settings, title=title, wait=partial(_run, seconds=seconds, say=say)
                )
    finally:
        cluster.disconnect()
    return tuple(checks)


def _run(cluster: TektonCluster, probe: dict[str, Any], *, seconds: float, say: Callable[[str], None]) -> ProbeResult:
    from hublish.engines.tekton.probe import run_probe  # noqa: PLC0415 -- an extra, slow to import

    return run_probe(cluster, probe, seconds=seconds, say=say)


def _check_strategy(
    cluster: TektonCluster, choices: RunChoices, settings: Settings, *, title: str, wait: Callable[..., ProbeResult]
) -> Iterator[Check]:
    from hublish.engines.tekton.probe import make_probe  # noqa: PLC0415 -- an extra, slow to import

    probe = make_probe(
        f"hublish-probe-{secrets.token_hex(4)}",
        choices=choices,
        root=title == _CONTAINERS,
        environment={HOSTS: ",".join(settings.registries), "HUBLISH_WORK": "/work"},
    )
    try:
        result = wait(cluster, probe)
    except HublishError as error:
        yield Check(name=title, ok=False, detail=error.message, hint=find_choices(error.message) or error.hint)
        return
    if result.failure:
        yield Check(
            name=title, ok=False, detail=clip(result.failure, limit=_FAILURE_LIMIT), hint=find_choices(result.failure)
        )
        return
    yield from judge_probe(parse_probe(list(result.lines)), title=title, namespace=choices.namespace)


def find_choices(failure: str) -> str:
    """The setting that a failure of the cluster comes from, and what can be done; "" when it is not known."""
    return next((hint for words, hint in _CAUSES.items() if words.lower() in failure.lower()), "")


def judge_probe(found: dict[str, str], *, title: str, namespace: str) -> Iterator[Check]:
    """Judge what a probe saw: only builds of containers need a user namespace."""
    if not found:
        yield Check(
            name=title, ok=False, detail=f"the probe in {namespace} said nothing", hint="Is the image hublish's?"
        )
        return
    blocked = found.pop("user-namespace", "") if title == _CONTAINERS else ""
    folder = found.get("work", "")
    if blocked:
        yield Check(name=title, ok=False, detail=f"in {namespace}: {clip(blocked)}", hint=_USER_NAMESPACE)
    elif folder:
        yield Check(
            name=title, ok=False, detail=f"in {namespace}: {clip(folder)}", hint="Pods need a writable emptyDir."
        )
    else:
        yield Check(name=title, ok=True, detail=f"a pod came up in {namespace} and has what builds need")
    for name, failure in found.items():
        if name.startswith("registry ") and failure:
            yield Check(
                name=f"{title}, {name}",
                ok=False,
                detail=clip(failure),
                hint="Pods do not reach it: see deploy/kubernetes/network.yaml, and the cluster's own policies and DNS.",
            )
