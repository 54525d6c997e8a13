"""Which builds pods do not take, so that the next engine is asked: those that need wheels, where no pod may build any."""

from __future__ import annotations

from hublish.core.plan import Plan
from hublish.errors import StrategyUnavailable


def verify_wheels(plan: Plan, *, can_build: bool) -> None:
    """Refuse a plan that needs wheels built: no Step of a layered pod may run code of a package.

    Args:
        plan: of the build.
        can_build: whether there are pods that may.

    Raises:
        StrategyUnavailable: there are none.
    """
    if plan.builds_wheels and not plan.target_repository:
        raise StrategyUnavailable(
            "the tekton engine hands wheels over in the image's own repository, and this build is only tried",
            hint="Lock packages that have wheels, or the operator adds the engine local beside docker or buildah.",
        )
    if plan.builds_wheels and not can_build:
        raise StrategyUnavailable(
            "the tekton engine builds no wheels here, and a package of the lock has none that fits",
            hint="The operator sets `engines.tekton.build_image`, whose pods build them; or adds the engine local, and "
            "docker or buildah beside it.",
        )
