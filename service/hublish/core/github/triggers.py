"""Whether a trigger becomes a build: the rules of who may, what is switched on, and what is never built.

`decide` is a pure function of facts that the caller fetched before. Build goes on; Skip ends the run without a word,
because nobody asked by hand; Deny ends it with one answer that says what to do.
"""

from __future__ import annotations

from hublish.core.config.file import CONFIG_PATHS, NEAR_NAMES, Config
from hublish.core.finding import Finding, Severity
from hublish.core.github.commands import CommandName, find_rule
from hublish.core.github.decisions import Build, Decision, Deny, Skip
from hublish.core.github.heads import check_approval, check_fork, check_head
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import Permission, ResolvedRef

__all__ = [
    "Build",
    "Decision",
    "Deny",
    "Skip",
    "check_request",
    "check_switches",
    "decide",
    "find_needed",
    "matches_branch",
]


def decide(
    trigger: Trigger,
    *,
    config: Config | None,
    config_findings: tuple[Finding, ...],
    permission: Permission | None,
    ref: ResolvedRef | None,
) -> Decision:
    """Decide what becomes of a trigger.

    Args:
        trigger: what was asked.
        config: the config file as it is on the default branch, whose `triggers` count; None when there is none or it
            cannot be used.
        config_findings: all findings of that file; with `config` None and no error among them, no file was found.
        permission: see `check_request`.
        ref: what `trigger.ref` was resolved to; None exactly when the trigger has a problem, or the tag of a TAG is gone.

    Returns:
        Build, Skip or Deny. A person without permission is told only that; nothing else is said about the repository.
    """
    refusal = check_request(trigger, permission)
    if refusal is None and trigger.kind is not TriggerKind.TAG:
        refusal = _check_ref(trigger, ref)
    if refusal is not None:
        return refusal
    if config is None:
        return _explain_config(trigger, config_findings)
    refusal = check_switches(trigger, config) or _check_images(trigger, config)
    if refusal is None:
        refusal = _check_tag(trigger, ref) if trigger.kind is TriggerKind.TAG else _check_wait(trigger, ref)
    if refusal is not None:
        return refusal
    return Build(reason=f"{trigger.kind.value} by {trigger.actor}")


def check_request(trigger: Trigger, permission: Permission | None) -> Skip | Deny | None:
    """Check who asks, and that the request can be understood; None when both is well.

    Of a tag nobody is told that its name cannot be used before the config says that tags are built.

    Args:
        trigger: what was asked.
        permission: what the actor may do in the repository; None when it was not asked, which only a release, a tag
            and a push allow, and for a bot that the operator does not list.
    """
    refusal = _check_actor(trigger, permission)
    if refusal is not None or trigger.problem is None or trigger.kind is TriggerKind.TAG:
        return refusal
    code = "CommandUnknown" if trigger.command is None else "RequestUnclear"
    return Deny(code=code, reason=trigger.problem, hint=trigger.hint)


def find_needed(trigger: Trigger) -> Permission:
    """The least permission for a trigger; a word that is no command is told to everybody who may read."""
    return Permission.READ if trigger.command is None else find_rule(trigger.command).needs


def _check_actor(trigger: Trigger, permission: Permission | None) -> Skip | Deny | None:
    if trigger.kind.proves_permission:
        return None
    if trigger.actor_is_bot and trigger.command is CommandName.OK_TO_BUILD:
        return Skip(reason="only a person may let a fork's code be built")
    if trigger.actor_is_bot and permission is None:
        return Skip(reason=f"bots do not start builds by an {trigger.kind.value}")
    needed = find_needed(trigger)
    if permission is not None and permission.covers(needed):
        return None
    held = "unknown" if permission is None else permission.value
    return Deny(
        code="PermissionMissing",
        reason=f"{_name_request(trigger)} {needed.value} permission on {trigger.repository.full_name}; the permission of "
        f"{trigger.actor} is {held}.",
        hint=f"Ask somebody with {needed.value} permission to do it.",
    )


def _name_request(trigger: Trigger) -> str:
    if trigger.kind in (TriggerKind.COMMENT, TriggerKind.CHECK) and trigger.command is not None:
        return f"/{trigger.command.value} needs"
    return "An answer needs" if trigger.kind is TriggerKind.PROJECT else "Builds need"


def _check_ref(trigger: Trigger, ref: ResolvedRef | None) -> Skip | Deny | None:
    if ref is None:
        return Deny(
            code="RequestUnclear", reason="The ref to build is not known.", hint="Name a tag, branch or commit."
        )
    refusal = check_head(trigger, ref) or check_approval(trigger, ref)
    if refusal is not None or trigger.kind is TriggerKind.PULL_REQUEST:
        return refusal
    return check_fork(trigger, ref)


def _check_wait(trigger: Trigger, ref: ResolvedRef | None) -> Deny | None:
    """Check a fork's head last: a pull request waits only where the config wants it built, as nobody asked by hand."""
    return None if ref is None else check_fork(trigger, ref)


def _check_tag(trigger: Trigger, ref: ResolvedRef | None) -> Skip | Deny | None:
    """Check that a pushed tag still stands where the push put it; what moved it away has a run of its own."""
    if trigger.problem is not None:
        return Deny(code="RequestUnclear", reason=trigger.problem, hint=trigger.hint)
    if ref is None:
        return Skip(reason="the tag was deleted since")
    if trigger.sha not in (None, ref.sha):
        return Skip(reason=f"the tag points at {ref.sha} since; what moved it there has a run of its own")
    return None


def _explain_config(trigger: Trigger, findings: tuple[Finding, ...]) -> Skip | Deny:
    if trigger.kind is TriggerKind.PULL_REQUEST:
        return Skip(reason="the default branch has no config file that asks for builds of pull requests")
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if errors:
        return Deny(
            code="ConfigInvalid",
            reason=f"The config file of the default branch cannot be used: {errors} error{'s' if errors > 1 else ''}.",
            hint="Correct the places below, push to the default branch and ask again; `hublish validate` checks the file.",
            findings=findings,
        )
    if trigger.kind is TriggerKind.PUSH:
        return Skip(reason="the default branch has no config file, so no branch is listed in `triggers.push`")
    if trigger.kind in (TriggerKind.TAG, TriggerKind.SCHEDULE):
        return Skip(reason=f"the default branch has no config file, so `triggers.{trigger.kind.value}` is not on")
    reason = f"The default branch has neither {CONFIG_PATHS[0]} nor {CONFIG_PATHS[1]}, so there is nothing to build."
    misnamed = tuple(finding for finding in findings if finding.code == "WrongFileName")
    if misnamed:
        hint = f"Rename {misnamed[0].path} to {NEAR_NAMES[misnamed[0].path]} on the default branch, then ask again."
        return Deny(code="ConfigMissing", reason=reason, hint=hint, findings=misnamed)
    return Deny(
        code="ConfigMissing",
        reason=reason,
        hint=f"Add {CONFIG_PATHS[0]} with at least `version: 1` and `image: {{name: REGISTRY/PATH}}`, then ask again.",
    )


def check_switches(trigger: Trigger, config: Config) -> Skip | Deny | None:
    """Check what the config file switches off: silence for what nobody asked for by hand, an answer for a person."""
    switches = config.triggers
    if trigger.kind in (TriggerKind.CHECK, TriggerKind.API):
        return None
    if trigger.kind.proves_permission:
        return _check_brought(trigger, config)
    if trigger.kind is TriggerKind.LABEL:
        return check_label(trigger, config)
    if switches.issue if trigger.kind is TriggerKind.ISSUE else switches.comment:
        return None
    key = f"triggers.{trigger.kind.value}"
    return Deny(
        code="TriggerOff",
        reason=f"`{key}` is off in {config.path} on the default branch.",
        hint=f"Set `{key}: true` there, or publish a release.",
    )


def _check_brought(trigger: Trigger, config: Config) -> Skip | None:
    """Check the switches of what came without asking: a release, a tag, a moved base, a push, a pull request."""
    if trigger.kind is TriggerKind.RELEASE:
        return _check_release(trigger, config)
    quiet = {
        TriggerKind.PULL_REQUEST: ("pull_request", config.triggers.pull_request),
        TriggerKind.SCHEDULE: ("schedule", config.triggers.schedule),
        TriggerKind.TAG: ("tag", config.triggers.tag),
    }
    if trigger.kind in quiet:
        name, on = quiet[trigger.kind]
        return None if on else Skip(reason=f"`triggers.{name}` is off in {config.path}")
    listed = lists_branch(config, trigger.ref or "")
    return None if listed else Skip(reason=f"`triggers.push` in {config.path} does not list the branch")


def check_label(trigger: Trigger, config: Config | None) -> Skip | None:
    """Check that the label an issue got is the config's; any other means nothing, whoever put it there."""
    wanted = None if config is None else config.triggers.label
    if wanted is not None and wanted.casefold() == trigger.label.strip().casefold():
        return None
    return Skip(reason="the label is not the one that `triggers.label` names on the default branch")


def _check_images(trigger: Trigger, config: Config) -> Deny | None:
    titles = tuple(image.title for image in config.images)
    unknown = next((title for title in trigger.images if title not in titles), None)
    if unknown is None:
        return None
    return Deny(
        code="ImageUnknown",
        reason=f"{config.path} on the default branch names no image {unknown}; it names {', '.join(titles)}.",
        hint="Comment the command anew with one of them, or with none for all.",
    )


def _check_release(trigger: Trigger, config: Config) -> Skip | None:
    if not config.triggers.release:
        return Skip(reason=f"`triggers.release` is off in {config.path}")
    if trigger.prerelease and not config.triggers.prerelease:
        return Skip(reason=f"the release is a prerelease and `triggers.prerelease` is off in {config.path}")
    return None


def lists_branch(config: Config, branch: str) -> bool:
    """Tell whether a push to a branch is built."""
    return any(matches_branch(pattern, branch) for pattern in config.triggers.push)


def matches_branch(pattern: str, branch: str) -> bool:
    """Tell whether a branch is meant by a pattern of `triggers.push`, in which `*` is any text without a slash."""
    if pattern.count("/") != branch.count("/"):
        return False
    return all(_matches_part(*parts) for parts in zip(pattern.split("/"), branch.split("/"), strict=True))


def _matches_part(pattern: str, text: str) -> bool:
    """Match one part from left to right; a regular expression made from many `*` could take exponential time."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    end = len(text) - len(last)
    at = len(first)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
