"""The head of a pull request: whether it is still the commit that was meant, and whose word a fork's waits for.

Nothing of a fork is built until somebody with write permission names its very commit by `/ok-to-build`. The word is bound
to that commit: whatever is pushed later waits anew. Pure rules over facts that the caller fetched.
"""

from __future__ import annotations

from hublish.core.github.decisions import Decision, Deny, Skip
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.gitref import is_full_sha
from hublish.core.repository import RefKind, ResolvedRef

FORK_WAITS = "ForkWaits"
"""Code of the refusal of a fork's head that nobody spoke for yet."""
_SHORT_SHA = 7


def check_head(trigger: Trigger, ref: ResolvedRef) -> Skip | Deny | None:
    """Check that a pull request is open and still at the commit that the trigger means; None for any other ref.

    Args:
        trigger: what was asked.
        ref: the head as it is now.
    """
    if ref.kind is not RefKind.PULL_REQUEST:
        return None
    moved = trigger.sha is not None and trigger.sha != ref.sha
    if trigger.kind is TriggerKind.PULL_REQUEST:
        if ref.closed:
            return Skip(reason="the pull request is closed")
        return Skip(reason="the pull request has moved on to another commit") if moved else None
    if not moved:
        return None
    return Deny(
        code="HeadMoved",
        reason=f"Pull request {ref.name} is at {ref.sha} now; what was asked for is {trigger.sha}.",
        hint="Comment `/retest` on it to have its head built.",
    )


def check_approval(trigger: Trigger, ref: ResolvedRef) -> Deny | None:
    """Check that `/ok-to-build` names the head by its whole SHA; None for a trigger that approves nothing.

    A part of a SHA can be forged by trying, and nobody can know all commits that once were the head: none is taken.

    Args:
        trigger: what was asked.
        ref: the head as it is now.
    """
    given = trigger.approved_sha
    if not given:
        return None
    if ref.closed:
        return Deny(
            code="PullRequestClosed",
            reason=f"Pull request {ref.name} is closed.",
            hint="Reopen it, then comment again.",
        )
    if not ref.sha.startswith(given):
        return Deny(
            code="ApprovalStale",
            reason=f"Pull request {ref.name} is at {ref.sha}; {given} is not its head.",
            hint=f"Look at that commit, then comment `/ok-to-build {ref.sha}`.",
        )
    if not is_full_sha(given):
        return Deny(
            code="ApprovalShort",
            reason=f"{given} is only the beginning of a SHA, and another commit can be made that begins alike: all 40 digits "
            f"are wanted. Pull request {ref.name} is at {ref.sha}.",
            hint=f"Look at that commit, then comment `/ok-to-build {ref.sha}`.",
        )
    return None


def check_fork(trigger: Trigger, ref: ResolvedRef) -> Deny | None:
    """Check that somebody spoke for a fork's head; None for a head that lies in the repository itself."""
    if not ref.fork or trigger.approved_sha:
        return None
    return Deny(
        code=FORK_WAITS,
        reason=f"Pull request {ref.name} comes from a fork; nothing of it is built until somebody with write permission on "
        f"{trigger.repository.full_name} has looked at {ref.sha[:_SHORT_SHA]} and says so.",
        hint=f"Comment `/ok-to-build {ref.sha}` on the pull request. A later push needs a new word.",
    )


def waits(trigger: Trigger, decision: Decision) -> bool:
    """Tell whether a pull request was refused because it is a fork's, and nobody was asked by hand."""
    return isinstance(decision, Deny) and decision.code == FORK_WAITS and trigger.kind is TriggerKind.PULL_REQUEST
