"""The head of a pull request: still the one that was meant, and of a fork only after a person's word for that commit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.core.config.file import Triggers
from hublish.core.github.commands import CommandName
from hublish.core.github.heads import FORK_WAITS, waits
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.github.triggers import Build, Decision, Deny, Skip, decide
from hublish.core.repository import Permission, RefKind, ResolvedRef
from tests.unit.core.github.test_triggers import COMMENT, CONFIG

SHA = "0123456789" * 4
OTHER = "012345678f" + SHA[10:]
HEAD = ResolvedRef(name="3", kind=RefKind.PULL_REQUEST, sha=SHA)
FORK = replace(HEAD, fork=True)
ASKED = replace(COMMENT, ref="3", ref_kind=RefKind.PULL_REQUEST, pull_request_number=3)
APPROVAL = replace(ASKED, command=CommandName.OK_TO_BUILD, approved_sha=SHA)
OPENED = replace(
    ASKED, kind=TriggerKind.PULL_REQUEST, sha=SHA, thread=Thread(kind="issue", number=3), command=CommandName.BUILD
)
WANTED = replace(CONFIG, triggers=Triggers(pull_request=True))
WAITING = Deny(
    code=FORK_WAITS,
    reason="Pull request 3 comes from a fork; nothing of it is built until somebody with write permission on org/ts has "
    "looked at 0123456 and says so.",
    hint=f"Comment `/ok-to-build {SHA}` on the pull request. A later push needs a new word.",
)


def decide_on(
    trigger: Trigger, ref: ResolvedRef = FORK, *, permission: Permission | None = Permission.WRITE
) -> Decision:
    return decide(trigger, config=WANTED, config_findings=(), permission=permission, ref=ref)


@pytest.mark.parametrize("command", [CommandName.BUILD, CommandName.RETEST, CommandName.RETRY])
@pytest.mark.parametrize("permission", [Permission.WRITE, Permission.ADMIN])
def test_forks_head_waits_whoever_asks_for_a_build(command: CommandName, permission: Permission) -> None:
    """Only the word that names the commit lets it be built; the answer shows that word."""
    assert decide_on(replace(ASKED, command=command), permission=permission) == WAITING


def test_opened_pull_request_of_a_fork_waits() -> None:
    """It is shown as waiting, because the config wants pull requests built."""
    decision = decide_on(OPENED, permission=None)

    assert decision == WAITING
    assert waits(OPENED, decision)
    assert not waits(ASKED, decision)
    assert not waits(OPENED, Skip(reason="x"))


def test_opened_pull_request_of_the_repository_is_built() -> None:
    """Whoever pushed its branch may write; bots push branches, too."""
    assert decide_on(replace(OPENED, actor_is_bot=True), HEAD, permission=None) == Build(reason="pull-request by alice")


@pytest.mark.parametrize("ref", [HEAD, FORK])
def test_pull_requests_are_left_alone_where_the_config_does_not_ask(ref: ResolvedRef) -> None:
    """Nobody asked by hand, so that nothing is said: neither of a config that is missing or has faults."""
    off = decide(OPENED, config=CONFIG, config_findings=(), permission=None, ref=ref)
    missing = decide(OPENED, config=None, config_findings=(), permission=None, ref=ref)

    assert off == Skip(reason="`triggers.pull_request` is off in .hublish.yaml")
    assert missing == Skip(reason="the default branch has no config file that asks for builds of pull requests")


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (replace(HEAD, sha=OTHER), "the pull request has moved on to another commit"),
        (replace(FORK, sha=OTHER), "the pull request has moved on to another commit"),
        (replace(HEAD, closed=True), "the pull request is closed"),
    ],
)
def test_commit_that_is_the_head_no_more_is_not_built(ref: ResolvedRef, reason: str) -> None:
    """Of twenty pushes that come at once only the head is built; a closed one has none."""
    assert decide_on(OPENED, ref, permission=None) == Skip(reason=reason)


def test_retry_of_a_head_that_moved_says_where_it_is() -> None:
    """What would be built is another commit than the one whose build failed."""
    expected = Deny(
        code="HeadMoved",
        reason=f"Pull request 3 is at {OTHER} now; what was asked for is {SHA}.",
        hint="Comment `/retest` on it to have its head built.",
    )

    assert decide_on(replace(ASKED, command=CommandName.RETRY, sha=SHA), replace(HEAD, sha=OTHER)) == expected
    assert isinstance(decide_on(replace(ASKED, command=CommandName.RETRY, sha=SHA), HEAD), Build)


@pytest.mark.parametrize("ref", [HEAD, FORK])
def test_person_who_may_write_lets_a_commit_be_built(ref: ResolvedRef) -> None:
    """By its whole SHA; where no fork is, the word does no harm."""
    assert decide_on(APPROVAL, ref) == Build(reason="comment by alice")


@pytest.mark.parametrize("permission", [None, Permission.NONE, Permission.READ])
def test_approval_of_somebody_who_may_not_write_is_denied(permission: Permission | None) -> None:
    """The fork's author among them; nothing else is told."""
    held = "unknown" if permission is None else permission.value
    expected = Deny(
        code="PermissionMissing",
        reason=f"/ok-to-build needs write permission on org/ts; the permission of alice is {held}.",
        hint="Ask somebody with write permission to do it.",
    )

    assert decide_on(APPROVAL, permission=permission) == expected


def test_no_bot_approves_a_fork() -> None:
    """Not even one that the operator lists: a person has to have looked."""
    expected = Skip(reason="only a person may let a fork's code be built")

    assert decide_on(replace(APPROVAL, actor_is_bot=True)) == expected


@pytest.mark.parametrize("given", [OTHER, OTHER[:10], "fffffff"])
def test_approval_of_another_commit_is_told_the_current_one(given: str) -> None:
    """A head that moved between the word and its reading, or a foreign SHA: nothing is built."""
    expected = Deny(
        code="ApprovalStale",
        reason=f"Pull request 3 is at {SHA}; {given} is not its head.",
        hint=f"Look at that commit, then comment `/ok-to-build {SHA}`.",
    )

    assert decide_on(replace(APPROVAL, approved_sha=given)) == expected


@pytest.mark.parametrize("digits", [7, 12, 39])
@pytest.mark.parametrize("ref", [HEAD, FORK])
def test_part_of_a_sha_approves_nothing(digits: int, ref: ResolvedRef) -> None:
    """It can be forged by trying, the whole SHA cannot; whoever gave it is shown the whole command."""
    expected = Deny(
        code="ApprovalShort",
        reason=f"{SHA[:digits]} is only the beginning of a SHA, and another commit can be made that begins alike: all 40 "
        f"digits are wanted. Pull request 3 is at {SHA}.",
        hint=f"Look at that commit, then comment `/ok-to-build {SHA}`.",
    )

    assert decide_on(replace(APPROVAL, approved_sha=SHA[:digits]), ref) == expected


def test_closed_pull_request_is_approved_in_vain() -> None:
    """What would be built is wanted by nobody."""
    expected = Deny(code="PullRequestClosed", reason="Pull request 3 is closed.", hint="Reopen it, then comment again.")

    assert decide_on(APPROVAL, replace(FORK, closed=True)) == expected
