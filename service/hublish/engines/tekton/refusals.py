"""Which builds pods do not take, so that the next engine is asked: what needs a secret, and wheels where no pod may build any."""

from __future__ import annotations

from hublish.core.building import BuildRequest
from hublish.errors import StrategyUnavailable, clip


def verify_wheels(request: BuildRequest, *, can_build: bool) -> None:
    """Refuse a build that needs wheels built: no Step of a layered pod may run code of a package.

    Args:
        request: what to build.
        can_build: whether there are pods that may.

    Raises:
        StrategyUnavailable: there are none.
    """
    if request.plan.builds_wheels and not can_build:
        raise StrategyUnavailable(
            "the tekton engine builds no wheels here, and a package of the lock has none that fits",
            hint="The operator sets `engines.tekton.build_image`, whose pods build them; or adds the engine local, and "
            "docker or buildah beside it.",
        )


def verify_secretless(request: BuildRequest) -> None:
    """Refuse a build that needs a secret: none is ever mounted where code of a repository runs.

    Raises:
        StrategyUnavailable: it needs one.
    """
    container = request.plan.container
    needed = [] if container is None else [secret.name for secret in container.secrets if secret.required]
    if needed:
        raise StrategyUnavailable(
            f"the tekton engine gives builds no secrets, and the Dockerfile needs {clip(', '.join(needed))}",
            hint="The operator adds the engine docker or buildah for such builds.",
        )
