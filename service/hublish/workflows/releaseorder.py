"""Which of two releases counts where there is room for one: a floating tag, the open pull request to a hub.

An older release may end its build last, or be published later on a branch of its own. The higher version counts; where a
tag is no version, the release that was asked for later. Only what came by itself gives way: whoever asks by a command gets
what they ask for. Reads only.
"""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from hublish.core.answers.report import HubReport, make_marker
from hublish.core.codec import parse_value
from hublish.core.github.ports import HubRepository
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.records import Run, RunRecords
from hublish.core.repository import RefKind, Repository
from hublish.core.status import RunState

GIVES_WAY = frozenset({TriggerKind.RELEASE, TriggerKind.TAG})
DELIVERS = frozenset({RunState.DELIVERING, RunState.DELIVERED})
LOOKS_AT = 200
"""Runs that are looked at: a pull request that is older than so many deliveries of its repository is not looked for."""


def find_newer_runs(runs: RunRecords, run: Run, release: str) -> tuple[Run, ...]:
    """The runs that delivered a newer release of a repository; none for what was asked for by a command.

    Args:
        runs: what was asked before.
        run: that delivers a release.
        release: its tag.
    """
    trigger = parse_value(Trigger, run.trigger)
    if trigger.kind not in GIVES_WAY:
        return ()
    listed = runs.list_repository_runs(trigger.repository.id, limit=LOOKS_AT, states=DELIVERS)
    return tuple(other for other in listed if _is_newer(other, run, release))


def compare_releases(one: str, other: str) -> bool | None:
    """Tell whether the first of two tags is the higher version; None where one of them is no version."""
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return None


def is_prerelease(tag: str) -> bool:
    """Tell whether a tag is the version of a pre-release, such as v2.0rc1."""
    try:
        return Version(tag).is_prerelease
    except InvalidVersion:
        return False


def find_newer_proposal(
    hub_repository: HubRepository,
    repository: Repository,
    newer: tuple[Run, ...],
    *,
    hub: str,
    branch: str,
    base: str,
) -> HubReport | None:
    """Say that the open pull request is left as it is, where it is of a newer run; None where it may be written.

    Args:
        hub_repository: where pull requests are.
        repository: of the hub.
        newer: see `find_newer_runs`; GitHub is asked only where there are some.
        hub: name of the hub.
        branch: of the pull request.
        base: branch that it goes into.
    """
    open_one = hub_repository.find_pull_request(repository, branch=branch, base=base) if newer else None
    if open_one is None:
        return None
    run = next((run for run in newer if make_marker(run.id, "pull-request") in open_one.body), None)
    if run is None:
        return None
    detail = (
        f"left as it is, as it proposes {run.ref}, which is newer; to propose this one, merge or close it, then comment "
        "/build with this tag on an issue"
    )
    return HubReport(hub=hub, url=open_one.url, number=open_one.number, detail=detail, ok=True)


def _is_newer(other: Run, run: Run, release: str) -> bool:
    trigger = parse_value(Trigger, other.trigger)
    if trigger.ref_kind is RefKind.BRANCH or not trigger.builds:
        return False
    newer = compare_releases(other.ref, release)
    if newer is None:
        # By a command the same release may be asked for at any time.
        return trigger.kind in GIVES_WAY and other.created_at > run.created_at
    return newer
