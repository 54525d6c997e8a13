"""Who may ask: GitHub's permission, and what the default branch's config grants beside it."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.report import Failure
from hublish.core.github.commands import CommandName
from hublish.core.github.trigger import Trigger
from hublish.core.github.triggers import Deny, Skip
from hublish.core.repository import Permission
from hublish.core.status import RunState
from hublish.errors import GitHubFailed, NotAllowed, SourceInvalid
from hublish.workflows.prepare import Preparation
from hublish.workflows.standing import Standing, find_standing
from tests.unit.workflows.parts import COMMENT, CONFIG, ISSUE, RELEASE, RUN_ID, Stage

OWNERS = b"approvers: [ds-leads, alice]\n"
ALIASES = b"aliases: {ds-leads: [Octocat]}\n"
COMMAND = dataclasses.replace(COMMENT, command=CommandName.BUILD)
WRITE = Standing(permission=Permission.WRITE)


def settle(stage: Stage, approvers: str, *, permission: Permission = Permission.READ) -> None:
    """A person with that permission, and a config on the default branch that names approvers."""
    stage.reader.permissions["octocat"] = permission
    stage.reader.files["octo/ts", ".hublish.yaml"] = f"{CONFIG}approvers: {approvers}\n".encode()


@pytest.mark.parametrize("trigger", [COMMAND, ISSUE])
def test_approver_in_the_owners_file_may_build(stage: Stage, trigger: Trigger) -> None:
    """By an alias, and whatever case the login is written in."""
    settle(stage, "{owners: true}", permission=Permission.NONE)
    stage.reader.files |= {("octo/ts", "OWNERS"): OWNERS, ("octo/ts", "OWNERS_ALIASES"): ALIASES}

    assert find_standing(stage.services, trigger) == WRITE


def test_member_of_a_listed_team_may_build(stage: Stage) -> None:
    """The teams are of the organisation that owns the repository."""
    settle(stage, "{teams: [ops, data]}")
    stage.reader.teams["octo/data"] = frozenset({"octocat"})

    assert find_standing(stage.services, COMMAND) == WRITE


def test_person_outside_the_listed_teams_is_told_of_them(stage: Stage) -> None:
    """A team's name is enough; its members are nobody's business."""
    settle(stage, "{teams: [data]}")
    expected = Standing(permission=Permission.READ, others=("a member of the team octo/data",))

    assert find_standing(stage.services, COMMAND) == expected


def test_owners_file_counts_only_where_the_config_says_so(stage: Stage) -> None:
    """A file that was there before hublish came lets nobody in, and is not even read."""
    stage.reader.permissions["octocat"] = Permission.READ
    stage.reader.files["octo/ts", "OWNERS"] = b"approvers: [octocat]\n"

    assert find_standing(stage.services, COMMAND) == Standing(permission=Permission.READ)
    assert stage.reader.calls.count("fetch_file") == 1


@pytest.mark.parametrize(
    ("trigger", "permission"),
    [
        (RELEASE, None),
        (COMMAND, Permission.WRITE),
        (dataclasses.replace(COMMENT, command=CommandName.HELP), Permission.READ),
        (dataclasses.replace(COMMAND, actor_is_bot=True), None),
    ],
)
def test_nothing_more_is_asked_where_the_permission_decides(
    stage: Stage, trigger: Trigger, permission: Permission | None
) -> None:
    """A release, somebody who may write, a question that readers may ask, a bot that nobody listed."""
    settle(stage, "{owners: true, teams: [data]}", permission=permission or Permission.NONE)

    assert find_standing(stage.services, trigger) == Standing(permission=permission)
    assert "is_team_member" not in stage.reader.calls
    assert "fetch_file" not in stage.reader.calls


def test_config_that_cannot_be_used_grants_nothing(stage: Stage) -> None:
    """Half a config is none."""
    settle(stage, "{owners: true, teams: [data], more: 1}")

    assert find_standing(stage.services, COMMAND) == Standing(permission=Permission.READ)


def test_refusal_says_why_and_who_can(stage: Stage) -> None:
    """Teams and approvers by name, as text; nobody is mentioned."""
    settle(stage, "{owners: true, teams: [data]}")
    stage.reader.files["octo/ts", "OWNERS"] = OWNERS
    stage.receive(COMMAND)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)
    expected = Failure(
        code="PermissionMissing",
        message="/build needs write permission on octo/ts; the permission of octocat is read.",
        hint="Ask somebody with write permission, or a member of the team octo/data, or an approver in OWNERS "
        "(ds-leads, alice) to do it.",
    )

    assert prepared.state is RunState.DENIED
    assert prepared.failure == expected


def test_grant_that_cannot_count_is_explained(stage: Stage) -> None:
    """A team that the App may not ask about, and a file with a fault: nobody is let in, and the refusal says what is wrong."""
    settle(stage, "{owners: true, teams: [data]}")
    stage.reader.errors["is_team_member"] = NotAllowed("The App's installation lacks members: read.")
    stage.reader.files["octo/ts", "OWNERS"] = b"approvers: &a [octocat]\n"
    standing = find_standing(stage.services, COMMAND)
    denied = Deny(code="PermissionMissing", reason="r", hint="Ask somebody with write permission to do it.")
    explained = standing.explain(denied)

    assert standing.permission is Permission.READ
    assert isinstance(explained, Deny)
    assert explained.hint.startswith(
        "Ask somebody with write permission to do it. The team octo/data does not count: The App's installation lacks "
        "members: read. The approvers do not count: OWNERS:1:12 cannot be used: "
    )


def test_owners_file_over_githubs_limit_names_nobody(stage: Stage) -> None:
    """What cannot be fetched cannot grant."""
    settle(stage, "{owners: true}")
    body = stage.reader.files["octo/ts", ".hublish.yaml"]

    def fetch_file(_repository: object, path: str, _sha: str) -> bytes | None:
        if path == "OWNERS":
            raise SourceInvalid("OWNERS has 2000000 bytes; at most 1048576 are read.")
        return body if path == ".hublish.yaml" else None

    stage.reader.fetch_file = fetch_file
    expected = "The approvers do not count: OWNERS has 2000000 bytes; at most 1048576 are read"

    assert find_standing(stage.services, COMMAND).problems == (expected,)


@pytest.mark.parametrize("approvers", ["{teams: [data]}", "{owners: true}"])
def test_github_away_is_no_refusal(stage: Stage, approvers: str) -> None:
    """What may pass is tried again, rather than turning somebody away who may build."""
    settle(stage, approvers)
    answered = stage.reader.fetch_file(COMMAND.repository, ".hublish.yaml", "main")

    def fetch_file(_repository: object, path: str, _sha: str) -> bytes | None:
        if path == "OWNERS":
            raise GitHubFailed("503", transient=True)
        return answered

    stage.reader.fetch_file = fetch_file
    stage.reader.errors["is_team_member"] = GitHubFailed("503", transient=True)
    with pytest.raises(GitHubFailed, match="503"):
        find_standing(stage.services, COMMAND)


def test_other_refusals_stay_as_they_are() -> None:
    """Who else could ask has nothing to do with a trigger that is off, or that nobody asked for."""
    standing = Standing(permission=Permission.READ, others=("x",), problems=("y",))
    denied = Deny(code="TriggerOff", reason="r", hint="h")

    assert standing.explain(denied) == denied
    assert standing.explain(Skip(reason="r")) == Skip(reason="r")
