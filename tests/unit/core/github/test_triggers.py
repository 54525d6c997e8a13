"""Whether a trigger becomes a build."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from hublish.core.config.file import Config, ParsedConfig, check_config_names, parse_config
from hublish.core.finding import Finding, Severity
from hublish.core.github.commands import CommandName
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.github.triggers import (
    Build,
    Decision,
    Deny,
    Skip,
    check_label,
    check_request,
    decide,
    matches_branch,
)
from hublish.core.repository import Permission, RefKind, Repository, ResolvedRef

SHA = "0123456789abcdef0123456789abcdef01234567"
TAG = ResolvedRef(name="v1", kind=RefKind.TAG, sha=SHA)
FORK = ResolvedRef(name="3", kind=RefKind.PULL_REQUEST, sha=SHA, fork=True)
REPOSITORY = Repository(id=7, owner="org", name="ts", installation_id=99, default_branch="main")
RELEASE = Trigger(
    kind=TriggerKind.RELEASE,
    repository=REPOSITORY,
    actor="alice",
    actor_is_bot=False,
    semantic_key="release:1",
    ref="v1",
    ref_kind=RefKind.TAG,
    thread=Thread(kind="release", number=5),
    url="https://github.com/org/ts/releases/tag/v1",
)
ISSUE = replace(RELEASE, kind=TriggerKind.ISSUE, thread=Thread(kind="issue", number=3))
PUSHED = replace(RELEASE, kind=TriggerKind.TAG, sha=SHA, thread=Thread(kind="commit", number=0, sha=SHA))
COMMENT = replace(RELEASE, kind=TriggerKind.COMMENT, thread=Thread(kind="issue", number=3, comment_id=13))


def make_config(triggers: str = "{}") -> Config:
    text = f"version: 1\nimage: {{name: registry.example.org/team/ts}}\ntriggers: {triggers}\n"
    parsed: ParsedConfig = parse_config(text.encode(), path=".hublish.yaml")
    if parsed.config is None:
        raise AssertionError(parsed.findings)
    return parsed.config


CONFIG = make_config()


def decide_with(
    trigger: Trigger,
    *,
    config: Config | None = CONFIG,
    findings: tuple[Finding, ...] = (),
    permission: Permission | None = Permission.WRITE,
    ref: ResolvedRef | None = TAG,
) -> Decision:
    return decide(trigger, config=config, config_findings=findings, permission=permission, ref=ref)


@pytest.mark.parametrize(("trigger", "by"), [(RELEASE, "release"), (ISSUE, "issue"), (COMMENT, "comment")])
@pytest.mark.parametrize("permission", [Permission.WRITE, Permission.ADMIN])
def test_a_person_who_may_write_gets_a_build(trigger: Trigger, by: str, permission: Permission) -> None:
    """Write and higher start builds, by each kind of trigger."""
    assert decide_with(trigger, permission=permission) == Build(reason=f"{by} by alice")


def test_a_release_needs_no_permission_check() -> None:
    """GitHub asked for write permission before it published; bots publish too."""
    trigger = replace(RELEASE, actor="release-tool[bot]", actor_is_bot=True)

    assert decide_with(trigger, permission=None) == Build(reason="release by release-tool[bot]")


@pytest.mark.parametrize(
    ("trigger", "permission"), list(product((ISSUE, COMMENT), (None, Permission.NONE, Permission.READ)))
)
def test_a_person_without_write_permission_is_denied(trigger: Trigger, permission: Permission | None) -> None:
    """Read, none and unknown are not enough, and nothing else is told."""
    held = "unknown" if permission is None else permission.value
    who = "/build needs" if trigger is COMMENT else "Builds need"
    expected = Deny(
        code="PermissionMissing",
        reason=f"{who} write permission on org/ts; the permission of alice is {held}.",
        hint="Ask somebody with write permission to do it.",
    )

    assert decide_with(replace(trigger, problem="x"), permission=permission, ref=FORK, config=None) == expected


@pytest.mark.parametrize("trigger", [ISSUE, COMMENT])
def test_a_bot_that_nobody_listed_starts_no_build_but_by_a_release(trigger: Trigger) -> None:
    """Its permission is not even asked: bots that answer each other would never end."""
    expected = Skip(reason=f"bots do not start builds by an {trigger.kind.value}")

    assert decide_with(replace(trigger, actor_is_bot=True), permission=None) == expected


def test_a_listed_bot_counts_like_a_person() -> None:
    """The operator's word stands in the place of GitHub's."""
    trigger = replace(COMMENT, actor="renovate[bot]", actor_is_bot=True)

    assert decide_with(trigger, permission=Permission.WRITE) == Build(reason="comment by renovate[bot]")


@pytest.mark.parametrize("command", [CommandName.HELP, CommandName.STATUS, None])
def test_whoever_may_read_may_ask(command: CommandName | None) -> None:
    """Help and status are for everybody who sees the thread; so is what a misspelt word is answered with."""
    trigger = replace(COMMENT, command=command)

    assert check_request(trigger, Permission.READ) is None
    assert isinstance(check_request(trigger, Permission.NONE), Deny)


def test_an_unknown_command_is_answered_with_the_nearest() -> None:
    """The rule has a code of its own, because nothing was asked that could be denied."""
    trigger = replace(COMMENT, command=None, problem="no such command", hint="Did you mean `/build`?")
    expected = Deny(code="CommandUnknown", reason="no such command", hint="Did you mean `/build`?")

    assert check_request(trigger, Permission.READ) == expected


def test_an_image_that_the_config_does_not_name_is_denied() -> None:
    """Nothing is built in place of what was asked for; the answer lists what there is."""
    expected = Deny(
        code="ImageUnknown",
        reason=".hublish.yaml on the default branch names no image gpu; it names ts.",
        hint="Comment the command anew with one of them, or with none for all.",
    )

    assert decide_with(replace(COMMENT, images=("ts", "gpu"))) == expected
    assert decide_with(replace(COMMENT, images=("ts",))) == Build(reason="comment by alice")


def test_an_unclear_request_is_answered_with_its_problem() -> None:
    """The problem found in the issue or comment is the answer."""
    trigger = replace(ISSUE, ref=None, problem="The issue has no tag.", hint="Write one.")

    assert decide_with(trigger, ref=None) == Deny(
        code="RequestUnclear", reason="The issue has no tag.", hint="Write one."
    )


def test_a_request_without_a_resolved_ref_is_never_built() -> None:
    """A caller that could not resolve the ref gets no build by accident."""
    expected = Deny(
        code="RequestUnclear", reason="The ref to build is not known.", hint="Name a tag, branch or commit."
    )

    assert decide_with(COMMENT, ref=None) == expected


@pytest.mark.parametrize("trigger", [RELEASE, ISSUE, COMMENT])
def test_a_repository_without_a_config_is_told_what_to_add(trigger: Trigger) -> None:
    """No file, one answer with the shortest file that works; notes alone change nothing."""
    note = Finding(severity=Severity.NOTE, code="Note", message="x", path=".hublish.yml")
    expected = Deny(
        code="ConfigMissing",
        reason="The default branch has neither .hublish.yaml nor .aicoe-ci.yaml, so there is nothing to build.",
        hint="Add .hublish.yaml with at least `version: 1` and `image: {name: REGISTRY/PATH}`, then ask again.",
    )

    assert decide_with(trigger, config=None) == expected
    assert decide_with(trigger, config=None, findings=(note,)) == expected


def test_a_repository_whose_config_has_a_wrong_name_is_told_to_rename_it() -> None:
    """Not to write a second one."""
    (misnamed,) = check_config_names(frozenset({".hublish.yml"}))
    expected = Deny(
        code="ConfigMissing",
        reason="The default branch has neither .hublish.yaml nor .aicoe-ci.yaml, so there is nothing to build.",
        hint="Rename .hublish.yml to .hublish.yaml on the default branch, then ask again.",
        findings=(misnamed,),
    )

    assert decide_with(COMMENT, config=None, findings=(misnamed,)) == expected


@pytest.mark.parametrize(("count", "words"), [(1, "1 error"), (2, "2 errors")])
def test_a_faulty_config_is_answered_with_all_its_findings(count: int, words: str) -> None:
    """The person sees every fault at once."""
    error = Finding(severity=Severity.ERROR, code="UnknownKey", message="x", path=".hublish.yaml", line=2)
    warning = replace(error, severity=Severity.WARNING)
    findings = (*(error for _ in range(count)), warning)
    expected = Deny(
        code="ConfigInvalid",
        reason=f"The config file of the default branch cannot be used: {words}.",
        hint="Correct the places below, push to the default branch and ask again; `hublish validate` checks the file.",
        findings=findings,
    )

    assert decide_with(COMMENT, config=None, findings=findings) == expected


def test_a_release_is_skipped_when_releases_are_off() -> None:
    """Nobody asked by hand, so nobody is told."""
    expected = Skip(reason="`triggers.release` is off in .hublish.yaml")

    assert decide_with(RELEASE, config=make_config("{release: false}")) == expected


def test_a_prerelease_is_built_only_when_switched_on() -> None:
    """Prereleases are off by default."""
    trigger = replace(RELEASE, prerelease=True)
    skipped = Skip(reason="the release is a prerelease and `triggers.prerelease` is off in .hublish.yaml")

    assert decide_with(trigger) == skipped
    assert decide_with(trigger, config=make_config("{prerelease: true}")) == Build(reason="release by alice")


@pytest.mark.parametrize(("trigger", "key"), [(ISSUE, "issue"), (COMMENT, "comment")])
def test_a_person_is_told_when_the_trigger_is_off(trigger: Trigger, key: str) -> None:
    """A person who asked gets an answer instead of silence."""
    expected = Deny(
        code="TriggerOff",
        reason=f"`triggers.{key}` is off in .hublish.yaml on the default branch.",
        hint=f"Set `triggers.{key}: true` there, or publish a release.",
    )

    assert decide_with(trigger, config=make_config(f"{{{key}: false}}")) == expected


PUSH = replace(
    RELEASE,
    kind=TriggerKind.PUSH,
    actor="merge-queue[bot]",
    actor_is_bot=True,
    ref="main",
    ref_kind=RefKind.BRANCH,
    sha=SHA,
    thread=Thread(kind="commit", number=0, sha=SHA),
)
MAIN = ResolvedRef(name="main", kind=RefKind.BRANCH, sha=SHA)


@pytest.mark.parametrize("patterns", ["[main]", "[staging, m*]", "['*']"])
def test_a_push_to_a_listed_branch_is_built(patterns: str) -> None:
    """Whoever may push may build, bots included; nothing is asked of GitHub."""
    config = make_config(f"{{push: {patterns}}}")

    assert decide_with(PUSH, config=config, permission=None, ref=MAIN) == Build(reason="push by merge-queue[bot]")


def test_a_push_to_another_branch_is_silent() -> None:
    """Nobody asked for anything."""
    expected = Skip(reason="`triggers.push` in .hublish.yaml does not list the branch")

    assert decide_with(PUSH, permission=None, ref=MAIN) == expected
    assert decide_with(PUSH, config=make_config("{push: [prod, ma]}"), permission=None, ref=MAIN) == expected


def test_a_push_without_a_config_is_silent() -> None:
    """The App may be installed on repositories that never want an image."""
    expected = Skip(reason="the default branch has no config file, so no branch is listed in `triggers.push`")

    assert decide_with(PUSH, config=None, permission=None, ref=MAIN) == expected


def test_a_push_with_a_faulty_config_is_denied_with_the_findings() -> None:
    """The push may be the one that broke it; the check run shows where."""
    error = Finding(severity=Severity.ERROR, code="UnknownKey", message="x", path=".hublish.yaml", line=2)
    decision = decide_with(PUSH, config=None, findings=(error,), permission=None, ref=MAIN)

    assert isinstance(decision, Deny)
    assert (decision.code, decision.findings) == ("ConfigInvalid", (error,))


@pytest.mark.parametrize(
    ("pattern", "branch", "expected"),
    [
        ("main", "main", True),
        ("main", "main2", False),
        ("main", "mai", False),
        ("*", "main", True),
        ("*", "feature/x", False),
        ("release/*", "release/1.0", True),
        ("release/*", "release/1/2", False),
        ("release-*-x", "release--x", True),
        ("release-*-x", "release-x", False),
        ("a*b*c", "aXbYc", True),
        ("a*b*c", "abc", True),
        ("a*b*c", "acb", False),
        ("a*b*b", "ab", False),
        ("*a*a*", "a", False),
        ("a*b*c", "axc", False),
        ("*" * 100 + "b", "a" * 200, False),
        ("ab*ba", "aba", False),
    ],
)
def test_pattern_of_branches_matches_within_one_part(pattern: str, branch: str, expected: bool) -> None:
    """`*` is any text without a slash, also none; everything else is literal."""
    assert expected == matches_branch(pattern, branch)


def test_an_order_by_the_api_needs_no_permission_on_github() -> None:
    """The operator gave it with the token; switches are about what happens on GitHub."""
    config = make_config("{release: false, issue: false, comment: false}")
    order = replace(RELEASE, kind=TriggerKind.API, actor="nightly")

    assert decide_with(order, config=config, permission=None) == Build(reason="api by nightly")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (make_config("{schedule: true}"), Build(reason="schedule by alice")),
        (CONFIG, Skip(reason="`triggers.schedule` is off in .hublish.yaml")),
        (None, Skip(reason="the default branch has no config file, so `triggers.schedule` is not on")),
    ],
)
def test_a_moved_base_is_built_only_where_the_config_says_so(config: Config | None, expected: Decision) -> None:
    """Nobody asked by hand: without the switch nothing is said."""
    moved = replace(RELEASE, kind=TriggerKind.SCHEDULE, actor_is_bot=True)

    assert decide_with(moved, config=config, permission=None) == expected


def test_a_press_is_allowed_where_comments_are_switched_off() -> None:
    """The switch is about comments; who presses is asked about all the same."""
    press = replace(COMMENT, kind=TriggerKind.CHECK, command=CommandName.RETRY)
    config = make_config("{comment: false}")
    denied = decide_with(press, config=config, permission=Permission.READ)

    assert decide_with(press, config=config) == Build(reason="check by alice")
    assert isinstance(denied, Deny)
    assert denied.reason == "/retry needs write permission on org/ts; the permission of alice is read."


TAGS = make_config("{tag: true}")


def test_a_pushed_tag_is_built_where_the_config_says_so() -> None:
    """GitHub let nobody push it without write permission; bots push tags, too."""
    assert decide_with(PUSHED, config=TAGS, permission=None) == Build(reason="tag by alice")
    assert decide_with(replace(PUSHED, actor_is_bot=True), config=TAGS, permission=None) == Build(reason="tag by alice")
    assert decide_with(PUSHED, config=CONFIG) == Skip(reason="`triggers.tag` is off in .hublish.yaml")
    assert decide_with(PUSHED, config=None) == Skip(
        reason="the default branch has no config file, so `triggers.tag` is not on"
    )


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        (None, "the tag was deleted since"),
        (replace(TAG, sha="f" * 40), f"the tag points at {'f' * 40} since; what moved it there has a run of its own"),
    ],
)
def test_a_tag_that_stands_elsewhere_by_now_is_not_built(ref: ResolvedRef | None, reason: str) -> None:
    """Nothing is built under a name that means something else; what moved it is answered by its own run."""
    assert decide_with(PUSHED, config=TAGS, ref=ref) == Skip(reason=reason)


def test_a_tag_whose_commit_is_not_known_is_built_where_it_stands() -> None:
    """`create` names none."""
    assert decide_with(replace(PUSHED, sha=None), config=TAGS) == Build(reason="tag by alice")


def test_an_unusable_tag_is_told_only_where_tags_are_built() -> None:
    """Nobody who wants no tags built hears of their names."""
    trigger = replace(PUSHED, ref=None, problem="no usable tag name", hint="Push another.")
    expected = Deny(code="RequestUnclear", reason="no usable tag name", hint="Push another.")

    assert check_request(trigger, None) is None
    assert decide_with(trigger, config=TAGS, ref=None) == expected
    assert decide_with(trigger, config=CONFIG, ref=None) == Skip(reason="`triggers.tag` is off in .hublish.yaml")


def test_a_config_that_cannot_be_used_is_told_to_who_pushed_a_tag() -> None:
    """Whether tags are built is not known then, and silence would hide it."""
    parsed = parse_config(
        b"version: 1\nimage: {name: registry.example.org/team/ts}\ntrigers: {}\n", path=".hublish.yaml"
    )
    decision = decide_with(PUSHED, config=None, findings=parsed.findings)

    assert isinstance(decision, Deny)
    assert (decision.code, decision.findings) == ("ConfigInvalid", parsed.findings)


LABELLED = replace(ISSUE, kind=TriggerKind.LABEL, label="Build")


def test_only_the_label_of_the_config_asks() -> None:
    """In any case; any other label on any issue is nobody's business, and no config names none."""
    other = Skip(reason="the label is not the one that `triggers.label` names on the default branch")

    assert decide_with(LABELLED, config=make_config("{label: build}")) == Build(reason="label by alice")
    assert decide_with(LABELLED, config=make_config("{label: other}")) == other
    assert decide_with(LABELLED, config=CONFIG) == other
    assert check_label(LABELLED, None) == other


@pytest.mark.parametrize("permission", [None, Permission.NONE, Permission.READ])
def test_label_by_a_person_without_write_permission_is_denied(permission: Permission | None) -> None:
    """Triage may label; only write may build."""
    decision = decide_with(LABELLED, config=make_config("{label: build}"), permission=permission)

    assert isinstance(decision, Deny)
    assert decision.code == "PermissionMissing"
