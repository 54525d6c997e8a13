"""What a trigger comes to: the permission of who asks, the commit that is meant, the images that are wanted, a refusal.

Reads from GitHub only. The rules themselves are `hublish.core.github.triggers`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hublish.core.answers.report import Failure
from hublish.core.config.file import (
    CONFIG_PATHS,
    MISNAMED_PATH,
    Config,
    ImageConfig,
    ParsedConfig,
    check_config_names,
    parse_config,
)
from hublish.core.github.commands import CommandName
from hublish.core.github.heads import check_fork
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.github.triggers import Deny, Skip, check_label
from hublish.core.records import Run
from hublish.core.repository import Permission, RefKind, Repository, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import HublishError, NotAllowed, SourceMissing
from hublish.workflows.prepared import Prepared
from hublish.workflows.services import Services

EMPTY_CONFIG = ParsedConfig(config=None, findings=())
"""What stands for a config file that is not there."""

KNOWN_AFTER = timedelta(seconds=10)
"""How long after a release was told of its tag may not be known yet."""

UNASKED = frozenset({TriggerKind.PULL_REQUEST, TriggerKind.PUSH, TriggerKind.TAG, TriggerKind.SCHEDULE})
"""Kinds that end without a word where there is no config."""


def find_permission(services: Services, trigger: Trigger) -> Permission | None:
    """Find what the actor may do; None where it need not be asked, and for a bot that the operator does not list."""
    if trigger.kind.proves_permission:
        return None
    if trigger.actor_is_bot:
        return Permission.WRITE if trigger.actor.lower() in services.policy.bots else None
    return services.reader.fetch_permission(trigger.repository, trigger.actor)


def resolve_trigger(services: Services, trigger: Trigger) -> ResolvedRef | None:
    """Find the commit that is meant; None for a trigger without a ref, and for a pushed tag that is gone.

    Raises:
        SourceMissing: there is no such ref.
    """
    if trigger.ref is None:
        return None
    if trigger.sha is not None and trigger.ref_kind not in (RefKind.TAG, RefKind.PULL_REQUEST):
        # A push names its commit; the branch may have moved on since, and then has a run of its own.
        return ResolvedRef(name=trigger.ref, kind=RefKind.BRANCH, sha=trigger.sha)
    kind = None if trigger.ref_kind is None else trigger.ref_kind.value
    try:
        return services.reader.resolve_ref(trigger.repository, trigger.ref, kind=kind)
    except SourceMissing:
        if trigger.kind is TriggerKind.TAG:
            return None
        raise


def expect_soon(error: HublishError, run: Run, trigger: Trigger, *, now: datetime) -> None:
    """Let a release's tag that is missing be asked for again while the release is new; any other error stays as it is.

    GitHub tells of a release a moment before each of its machines knows the tag.
    """
    new = trigger.kind is TriggerKind.RELEASE and now < run.created_at + KNOWN_AFTER
    error.transient = error.transient or (new and isinstance(error, SourceMissing))


def read_publish_config(services: Services, trigger: Trigger, ref: ResolvedRef | None) -> ParsedConfig:
    """Read the config whose publish settings count; EMPTY_CONFIG where the request ends before they are asked."""
    if ref is None:
        unread = trigger.kind is not TriggerKind.TAG
    else:
        unread = trigger.kind is not TriggerKind.PULL_REQUEST and check_fork(trigger, ref) is not None
    if unread:
        return EMPTY_CONFIG
    parsed = read_default_config(services, trigger)
    if parsed is EMPTY_CONFIG and trigger.kind not in UNASKED:
        return find_misnamed(services, trigger.repository)
    return parsed


def read_default_config(services: Services, trigger: Trigger) -> ParsedConfig:
    """Read the config file of the default branch; EMPTY_CONFIG itself when there is none."""
    repository = trigger.repository
    found = fetch_config(services, repository, repository.default_branch)
    return EMPTY_CONFIG if found is None else parse_config(found[1], path=found[0], repository_name=repository.name)


def find_misnamed(services: Services, repository: Repository) -> ParsedConfig:
    """Look for the likeliest wrong name of a config on a default branch that has none, which takes one request more.

    Returns:
        No config, with the finding that names the file; EMPTY_CONFIG itself when it is not there.
    """
    if services.reader.fetch_file(repository, MISNAMED_PATH, repository.default_branch) is None:
        return EMPTY_CONFIG
    return ParsedConfig(config=None, findings=check_config_names(frozenset({MISNAMED_PATH})))


def fetch_config(services: Services, repository: Repository, ref: str) -> tuple[str, bytes] | None:
    """Fetch the config file of a commit or branch: its path and bytes; None when there is none."""
    for path in CONFIG_PATHS:
        body = services.reader.fetch_file(repository, path, ref)
        if body is not None:
            return path, body
    return None


def find_silence(services: Services, trigger: Trigger) -> Skip | None:
    """Find why nobody expects a word of ours on a request, before anything else of it is looked at; None where one is."""
    if is_for_others(services, trigger):
        return Skip(reason="the command does not name hublish, and there is no config file")
    if trigger.kind is TriggerKind.LABEL:
        return check_label(trigger, read_default_config(services, trigger).config)
    if trigger.kind is TriggerKind.PROJECT:
        config = read_default_config(services, trigger).config
        return (
            None
            if config is None or config.triggers.issue
            else Skip(reason=f"`triggers.issue` is off in {config.path}")
        )
    return None


def is_for_others(services: Services, trigger: Trigger) -> bool:
    """Tell whether a command is more likely another bot's: without our name, where nobody set up anything of ours.

    Only `/build` is answered there, with what is missing: whoever writes that wants what this service does.
    """
    if trigger.addressed or trigger.command is CommandName.BUILD:
        return False
    return read_default_config(services, trigger) is EMPTY_CONFIG


def choose_images(trigger: Trigger, config: Config) -> tuple[ImageConfig, ...]:
    """The images that are wanted, in the config's order; all unless the trigger names some."""
    return tuple(image for image in config.images if not trigger.images or image.title in trigger.images)


def name_deployed(trigger: Trigger, config: Config | None) -> Trigger:
    """Take the one word after `/deploy` for the image of the config that it names, unless a hub has that name, too."""
    if config is None or trigger.command is not CommandName.DEPLOY or trigger.images or trigger.hub in config.hubs:
        return trigger
    named = tuple(image.title for image in config.images if image.title == trigger.hub)
    return replace(trigger, images=named, hub="") if named else trigger


def choose_changed(
    trigger: Trigger, ref: ResolvedRef, hubs: tuple[str, ...], config: Config
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The hubs that are changed, of those that the config means; and a note where none is.

    Raises:
        NotAllowed: see `_choose_deployed`.
    """
    wanted = _choose_deployed(trigger, hubs, config)
    whole = not trigger.images or trigger.command is CommandName.DEPLOY
    if not wanted or (whole and ref.kind is RefKind.TAG):
        return wanted, ()
    what = "only a tag goes" if whole else "only all images together go"
    return (), (f"No hub is changed: {what} the whole way.",)


def _choose_deployed(trigger: Trigger, hubs: tuple[str, ...], config: Config) -> tuple[str, ...]:
    """The hubs of `/deploy`, of those that the config means; for any other trigger all of them.

    Raises:
        NotAllowed: the config means no hub, or not the one that is named.
    """
    if trigger.command is not CommandName.DEPLOY:
        return hubs
    chosen = tuple(hub for hub in hubs if trigger.hub in ("", hub))
    if not chosen:
        named = f"does not name the hub {trigger.hub}" if trigger.hub else "names no hub"
        raise NotAllowed(
            f"{config.path} on the default branch {named}; it names {', '.join(hubs) or 'none'}",
            hint="add the hub to `hubs` there, or name one that stands there",
        )
    return chosen


def make_refusal(refusal: Skip | Deny, *, ref: ResolvedRef | None) -> Prepared:
    """The end of a run that was not allowed to begin."""
    if isinstance(refusal, Skip):
        failure = Failure(code="Skipped", message=refusal.reason, hint="")
        return Prepared(state=RunState.SKIPPED, failure=failure, ref=ref)
    failure = Failure(code=refusal.code, message=refusal.reason, hint=refusal.hint)
    return Prepared(state=RunState.DENIED, failure=failure, ref=ref, findings=refusal.findings)
