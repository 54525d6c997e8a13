"""What stands in the way of a plan: the findings of one image, or of several, on their way to the answer. No I/O."""

from __future__ import annotations

from hublish.core.finding import Finding
from hublish.errors import FindingsError


class PlanRefused(FindingsError):
    """Carries the findings of an image's plan to the answer; `among` names the image where a run makes several."""

    def __init__(self, findings: tuple[Finding, ...], *, among: str | None = None) -> None:
        message = "The image cannot be built as the repository stands."
        if among is not None:
            message = f"The image {among} cannot be built as the repository stands, so none is."
        super().__init__(message, findings=findings)

    @property
    def code(self) -> str:
        """Of the plan as a whole; each finding has its own."""
        return "PlanInvalid"


def join_findings(findings: tuple[Finding, ...], more: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Add findings to others; those that are known already are not told twice."""
    return (*findings, *(finding for finding in more if finding not in findings))
