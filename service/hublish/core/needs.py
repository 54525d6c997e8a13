"""What a build needs of an engine beside its strategy, so that the queue knows which engine will take it.

Pure. Engines decide themselves; what they decide by is named here once, for them and for the queue.
"""

from __future__ import annotations

import re
from enum import Enum

from hublish.core.container import ContainerPlan
from hublish.core.plan import Plan

_BUILDKIT = re.compile(r"(?im)^\s*RUN\s+--(?:mount|network|security)=|^\s*(?:RUN|COPY)\s.*<<[-\"']?\w")


class Need(Enum):
    """BUILDKIT: mounts and here-documents. WHEELS: wheels are built; TRIED_WHEELS: for an image that goes to no registry."""

    BUILDKIT = "buildkit"
    WHEELS = "wheels"
    TRIED_WHEELS = "tried-wheels"


def find_buildkit(container: ContainerPlan) -> str | None:
    """The words of a Dockerfile that need BuildKit; None where Docker's classic builder is enough."""
    found = _BUILDKIT.search(container.dockerfile_text)
    if found is not None:
        return " ".join(found[0].split())
    return "RUN --mount=type=secret" if container.secrets else None


def find_needs(plan: Plan) -> tuple[Need, ...]:
    """What a plan needs, in the order of `Need`."""
    buildkit = plan.container is not None and find_buildkit(plan.container) is not None
    wheels = Need.WHEELS if plan.target_repository else Need.TRIED_WHEELS
    return (*((Need.BUILDKIT,) if buildkit else ()), *((wheels,) if plan.builds_wheels else ()))
