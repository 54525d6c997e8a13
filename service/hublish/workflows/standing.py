"""What the person who asks may do: GitHub's permission, or what the default branch's config grants beside it.

A config can name teams of its organisation, and the OWNERS file; both give what write permission gives, and take nothing
from anybody: who may write can publish a release, which is never asked about. Read from the default branch only, so that
no branch and no fork can name its own approvers; asked of GitHub only where the permission alone is not enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hublish.core.config.values import Approvers
from hublish.core.github.owners import ALIASES_PATH, OWNERS_PATH, Owners, describe_approvers, parse_owners
from hublish.core.github.trigger import Trigger
from hublish.core.github.triggers import Deny, Skip, find_needed
from hublish.core.repository import Permission
from hublish.errors import HublishError, clip
from hublish.workflows.asked import find_permission, read_default_config
from hublish.workflows.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What somebody may do.

    Attributes:
        permission: GitHub's, or write where the config grants it; None where it need not be asked, and for a bot that the
            operator does not list.
        others: who else could ask, beside people with the permission, e.g. "a member of the team acme/data".
        problems: what kept a grant of the config from counting, one sentence each, without a full stop.
    """

    permission: Permission | None
    others: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def explain(self, refusal: Skip | Deny) -> Skip | Deny:
        """The refusal with who else can, when it is one for want of permission."""
        if not isinstance(refusal, Deny) or refusal.code != "PermissionMissing":
            return refusal
        asked = ", or ".join(("Ask somebody with write permission", *self.others))
        hint = f"{asked} to do it." if self.others else refusal.hint
        return replace(refusal, hint=" ".join([hint, *(f"{problem}." for problem in self.problems)]))


def find_standing(services: Services, trigger: Trigger) -> Standing:
    """Find what the actor may do.

    Raises:
        HublishError: transient, GitHub failed.
    """
    permission = find_permission(services, trigger)
    needed = find_needed(trigger)
    if permission is None or permission.covers(needed) or not Permission.WRITE.covers(needed):
        return Standing(permission=permission)
    config = read_default_config(services, trigger).config
    if config is None or config.approvers == Approvers():
        return Standing(permission=permission)
    return _look_further(services, trigger, config.approvers, permission)


def _look_further(services: Services, trigger: Trigger, approvers: Approvers, permission: Permission) -> Standing:
    others: list[str] = []
    problems: list[str] = []
    for team in approvers.teams:
        name = f"{trigger.repository.owner}/{team}"
        try:
            if services.reader.is_team_member(trigger.repository, team, trigger.actor):
                return Standing(permission=Permission.WRITE)
            others.append(f"a member of the team {name}")
        except HublishError as error:
            if error.transient:
                raise
            problems.append(f"The team {name} does not count: {clip(error.message).rstrip('.')}")
    if approvers.owners:
        owners = _read_owners(services, trigger)
        if trigger.actor.lower() in owners.approvers:
            return Standing(permission=Permission.WRITE)
        if owners.problem:
            problems.append(f"The approvers do not count: {owners.problem}")
        else:
            others.append(describe_approvers(owners))
    return Standing(permission=permission, others=tuple(others), problems=tuple(problems))


def _read_owners(services: Services, trigger: Trigger) -> Owners:
    repository, branch = trigger.repository, trigger.repository.default_branch
    try:
        body = services.reader.fetch_file(repository, OWNERS_PATH, branch)
        aliases = None if body is None else services.reader.fetch_file(repository, ALIASES_PATH, branch)
    except HublishError as error:
        if error.transient:
            raise
        return Owners(approvers=(), problem=clip(error.message).rstrip("."))
    return parse_owners(body, aliases=aliases)
