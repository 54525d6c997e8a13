"""From a plan to the request of its build: within what the operator allows, to be pushed under its key.

Reads and writes nothing; whether a request is kept is decided where it is made.
"""

from __future__ import annotations

from dataclasses import replace

from hublish.core.building import BuildRequest
from hublish.core.plan import Plan, list_bases, make_build_key
from hublish.core.reference import Reference
from hublish.core.repository import Repository, ResolvedRef
from hublish.errors import StrategyUnavailable
from hublish.workflows.bases import verify_base
from hublish.workflows.services import Services


def fit_plan(services: Services, plan: Plan, *, owner: str) -> Plan:
    """Fit a plan into what the operator allows.

    Args:
        services: the policy and the engines.
        plan: as the repository asks for it.
        owner: of the repository.

    Raises:
        NotAllowed: a base is not for this owner.
        StrategyUnavailable: no engine here builds it.
    """
    policy = services.policy
    for base in list_bases(plan):
        verify_base(policy, base, owner=owner)
    if plan.strategy not in services.engine.strategies:
        raise StrategyUnavailable(
            f"this repository is built by the strategy {plan.strategy.value} ({plan.reason}), which needs a container "
            "engine (docker, buildah or tekton), and this service has none",
            hint="the operator sees with `hublish doctor` what is missing; or set `strategy: layered` in the config",
        )
    services.engine.verify_plan(plan)
    return replace(
        plan,
        time_seconds=min(plan.time_seconds, policy.build_seconds),
        size_bytes=min(plan.size_bytes, policy.image_bytes),
    )


def make_request(plan: Plan, *, repository: Repository, ref: ResolvedRef, image: Reference) -> BuildRequest:
    """Make the request of a plan's build; the build itself is named later.

    A plan that names no repository to push to is only tried; what lies in the image's own repository is of use to it.
    """
    if not plan.target_repository:
        return BuildRequest(name="", plan=plan, repository=repository, ref=ref, target=None, siblings=(image,))
    target = image.with_tag(f"build-{make_build_key(plan)}")
    return BuildRequest(name="", plan=plan, repository=repository, ref=ref, target=target)
