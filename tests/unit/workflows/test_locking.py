"""The stage of `/lock`: what is asked of the locker, what is proposed, and what is answered when nothing came of it."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.answers.lock_update import render_lock_failed, render_lock_ordered
from hublish.core.answers.report import Failure
from hublish.core.github.commands import CommandName
from hublish.core.github.ports import BranchState
from hublish.core.locks.locker import LockRequest
from hublish.core.reference import Reference
from hublish.core.repository import Permission, RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import GitHubFailed, HublishError, LockFailed, PullRequestTaken, SourceMissing, StrategyUnavailable
from hublish.workflows.locking import LAST_LINES, Locking
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import LockOrder, Prepared
from tests.fakes import FakeSource
from tests.sandbox.wheels import make_lock
from tests.unit.builders.samples import BASE
from tests.unit.workflows.parts import COMMENT, CONFIG, REPOSITORY, RUN_ID, SHA, Stage, make_run

ORDER = LockOrder(branch="main", rebuilt=False)
TRIGGER = dataclasses.replace(COMMENT, command=CommandName.LOCK, ref="main", ref_kind=RefKind.BRANCH)
HASH = ["sha256:" + "a" * 64]
PIPFILE, OLD = (text.encode() for text in make_lock({"six": "1.16.0"}, hashes={"six": HASH}))
NEW = OLD.replace(b"==1.16.0", b"==1.17.0")
PROPOSED = (
    "**Locked:** `main` at 0123456: [pull request #3](https://github.com/org/apps/pull/3) updates `Pipfile.lock`; 1 changed.",
)


def fill(stage: Stage, files: dict[str, bytes | str] | None = None, *, lock: bytes = NEW) -> Locking:
    """A repository with a Pipfile and its lock (`files` come on top), a locker that makes `lock`, and a run of the command."""
    tree: dict[str, bytes | str] = {"Pipfile": PIPFILE, "Pipfile.lock": OLD, ".hublish.yaml": CONFIG.encode()}
    stage.checkouts.sources["octo/ts"] = FakeSource({**tree, **(files or {})}, commit=SHA)
    stage.locker.lock = lock
    stage.receive(TRIGGER)
    return Locking(stage.services)


def read_step(stage: Stage) -> tuple[str, str, str]:
    """The one step that stands on the run's page: name, state, detail."""
    (step,) = stage.services.steps.list_steps(RUN_ID)
    return step.name, step.state, step.detail


def fail_with(stage: Stage, error: HublishError, *lines: str) -> Failure:
    """Let the locker fail after some lines; returns what the answer says of it."""
    locking = fill(stage)
    stage.locker.lines, stage.locker.errors = lines, [error]
    prepared = locking.make(RUN_ID, ORDER)

    assert prepared.failure is not None
    assert prepared == Prepared(
        state=RunState.FAILED, failure=prepared.failure, ref=None,
        reply=render_lock_failed("main", commit=SHA, failure=prepared.failure),
    )  # fmt: skip
    assert stage.hub_repository.pull_request is None
    return prepared.failure


def test_new_lock_is_proposed_and_nothing_else_changes(stage: Stage) -> None:
    """One file on a branch of ours, in the repository itself; the locker is given the Pipfile and the base of the builds."""
    prepared = fill(stage).make(RUN_ID, ORDER)

    assert prepared == Prepared(state=RunState.ANSWERED, failure=None, ref=None, reply=PROPOSED)
    assert stage.locker.requests == [LockRequest(repository=REPOSITORY, pipfile=PIPFILE, base=BASE)]
    assert stage.hub_repository.files == {"Pipfile.lock": NEW}
    assert (stage.hub_repository.pull_request or ())[:3] == (
        "hublish/lock-main",
        "main",
        "Update Pipfile.lock of main",
    )
    assert "| `six` | `1.16.0` | `1.17.0` |" in (stage.hub_repository.pull_request or ("",) * 4)[3]
    assert read_step(stage) == ("lock", "done", "")


def test_missing_lock_is_made(stage: Stage) -> None:
    """All packages are new then."""
    locking = fill(stage)
    stage.checkouts.sources["octo/ts"] = FakeSource({"Pipfile": PIPFILE}, commit=SHA)

    assert locking.make(RUN_ID, ORDER).reply[0].endswith("updates `Pipfile.lock`; 1 added.")


def test_current_lock_is_left_alone(stage: Stage) -> None:
    """Nothing is written where nothing would change."""
    prepared = fill(stage, lock=OLD).make(RUN_ID, ORDER)

    assert prepared.reply == (
        "**The lock is current already:** a new `Pipfile.lock` of `main` at 0123456 would be the same.",
    )
    assert stage.hub_repository.pull_request is None


def test_fault_of_the_new_lock_is_told_before_it_is_merged(stage: Stage) -> None:
    """A package without a hash could not be built."""
    prepared = fill(stage, lock=NEW.replace(HASH[0].encode(), b"")).make(RUN_ID, ORDER)

    assert prepared.state is RunState.ANSWERED
    assert [(finding.path, finding.code) for finding in prepared.findings] == [("Pipfile.lock", "NoHashes")]


def test_step_that_is_repeated_finds_what_it_made(stage: Stage) -> None:
    """After a crash the lock is made again, and the same branch and pull request are found."""
    first = fill(stage).make(RUN_ID, ORDER)
    again = Locking(stage.services).make(RUN_ID, ORDER)

    assert first == again
    assert stage.hub_repository.state == BranchState(sha="f" * 40, ours=True)


def test_lock_is_not_made_twice_because_github_is_away(stage: Stage) -> None:
    """Minutes of work are kept for the next try."""
    locking = fill(stage)
    errors = [GitHubFailed("away", transient=True)]

    def fail() -> None:
        if errors:
            raise errors.pop()

    stage.hub_repository.before_commit = fail
    with pytest.raises(GitHubFailed):
        locking.make(RUN_ID, ORDER)
    state = read_step(stage)
    prepared = locking.make(RUN_ID, ORDER)

    assert state == ("lock", "running", "away")
    assert prepared.reply == PROPOSED
    assert len(stage.locker.requests) == 1


def test_branch_a_person_pushed_to_is_left_alone(stage: Stage) -> None:
    """Stop and say so."""
    locking = fill(stage)
    stage.hub_repository.state = BranchState(sha="d" * 40, ours=False)
    prepared = locking.make(RUN_ID, ORDER)

    assert prepared.failure == Failure(
        code=PullRequestTaken.__name__,
        message="somebody pushed to hublish/lock-main; hublish leaves it alone",
        hint="Merge or close its pull request and delete the branch, then comment `/lock` again.",
    )
    assert (stage.hub_repository.files, stage.hub_repository.pull_request) == ({}, None)


def test_failure_has_the_first_error_and_the_last_lines(stage: Stage) -> None:
    """The resolver's own words, without secrets and not all of them."""
    lines = [f"line {number}" for number in range(LAST_LINES)]
    token = "ghs_" + "a" * 40
    error = LockFailed("pipenv could not lock: six==9 is not there\nmore", hint="Change the Pipfile.")

    assert fail_with(stage, error, *lines, f"with {token}") == Failure(
        code="LockFailed",
        message="pipenv could not lock: six==9 is not there",
        hint="Change the Pipfile.",
        last_lines=(*lines[1:], "with ***"),
    )
    assert read_step(stage)[:2] == ("lock", "failed")


def test_failure_without_a_line_shows_the_rest_of_the_message(stage: Stage) -> None:
    """What the locker itself found out."""
    failure = fail_with(stage, LockFailed("first\nsecond\nthird"))

    assert (failure.message, failure.last_lines) == ("first", ("second", "third"))


def test_service_without_an_engine_says_what_to_switch_on(stage: Stage) -> None:
    """The locker's hint is the answer's."""
    failure = fail_with(stage, StrategyUnavailable("no engine", hint="switch on `docker`"))

    assert (failure.code, failure.hint) == ("StrategyUnavailable", "switch on `docker`")


def refuse(stage: Stage, files: dict[str, bytes | str], order: LockOrder = ORDER) -> Failure:
    """Order a lock that is refused before anything is asked of the locker."""
    prepared = fill(stage, files).make(RUN_ID, order)

    assert prepared.failure is not None
    assert (prepared.state, prepared.ref, stage.locker.requests) == (RunState.FAILED, None, [])
    return prepared.failure


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        (
            {"Pipfile": "-> other"},
            "there is no Pipfile on main",
            "Commit the file Pipfile.",
        ),
        (
            {"Pipfile": b"[packages"},
            "the file is not TOML: Expected ']' at the end of a table declaration (at end of document)",
            "Correct Pipfile and ask again.",
        ),
        (
            {"Pipfile": b'[requires]\npython_version = "3.9"\n'},
            "there is no base for Python 3.9",
            "Name one of 3.11 in [requires], or a `base` in the config.",
        ),
        (
            {"Pipfile": b'[packages]\nsix = "*"\n'},
            "there is no base for the Pipfile, which names no python_version",
            "Name one of 3.11 in [requires], or a `base` in the config.",
        ),
        (
            {".hublish.yaml": f"{CONFIG}python: {{lock: requirements.txt}}\n".encode()},
            "the lock of main is requirements.txt, and only a Pipfile.lock is made here",
            "Lock with the tool that made it, and commit the file.",
        ),
        (
            {".hublish.yaml": b"version: 7\n"},
            "The config file of the branch has faults.",
            "Correct the places below and ask again.",
        ),
    ],
)
def test_repository_that_cannot_be_locked_is_told_why(stage: Stage, files, message: str, hint: str) -> None:
    """Before a container is started."""
    failure = refuse(stage, files)

    assert (failure.message, failure.hint) == (message, hint)


def test_branch_of_our_own_is_not_locked(stage: Stage) -> None:
    """A lock for a proposal of a lock would never end."""
    failure = refuse(stage, {}, LockOrder(branch="hublish/lock-main", rebuilt=False))

    assert failure.message == "hublish/lock-main is a branch of hublish's own"


def test_what_is_no_branch_is_not_locked(stage: Stage) -> None:
    """A tag cannot be merged into; the answer names no commit."""
    prepared = fill(stage).make(RUN_ID, LockOrder(branch="v1", rebuilt=False))

    assert prepared.reply[:3] == ("**Not locked:** `v1`", "", "SourceMissing: there is no branch v1 in octo/ts")


@pytest.mark.parametrize(
    ("base", "refused"),
    [("registry.example.org/other/base:1", True), ("registry.example.org/team/base:1", False), (str(BASE), False)],
)
def test_base_is_that_of_the_builds_and_never_another_owners(stage: Stage, base: str, *, refused: bool) -> None:
    """The service's login could read it, and what runs in it could tell of it."""
    spaces = {"registry.example.org": {"octo": ("team",), "other": ("other", BASE.repository)}}
    policy = dataclasses.replace(stage.services.policy, namespaces=spaces)
    fill(stage, {".hublish.yaml": f"{CONFIG}base: {base}\n".encode()})
    prepared = Locking(dataclasses.replace(stage.services, policy=policy)).make(RUN_ID, ORDER)

    assert prepared.state is (RunState.FAILED if refused else RunState.ANSWERED)
    assert [request.base for request in stage.locker.requests] == ([] if refused else [parse(base)])


def parse(text: str) -> Reference:
    """A reference of the test above."""
    name, _, tag = text.rpartition(":")
    registry, _, repository = name.partition("/")
    return Reference(registry=registry, repository=repository, tag=tag)


def test_run_that_nobody_knows_is_an_error(stage: Stage) -> None:
    """Nothing is locked for it."""
    with pytest.raises(SourceMissing, match="there is no run r1"):
        Locking(stage.services).make(RUN_ID, ORDER)


def prepare(stage: Stage, *, config: str | None = CONFIG, ref: str = "main") -> Prepared:
    """What the first stage makes of the command."""
    stage.reader.files.clear()
    if config is not None:
        stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
    stage.runs.ensure_run(make_run(dataclasses.replace(TRIGGER, ref=ref)))
    return Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)


@pytest.mark.parametrize(
    ("config", "rebuilt"),
    [(None, False), (CONFIG, False), (f"{CONFIG}triggers: {{push: [main]}}\n", True)],
)
def test_command_orders_a_lock(stage: Stage, config: str | None, *, rebuilt: bool) -> None:
    """It is made in a stage of its own; the default branch's config tells what a merge will do."""
    expected = Prepared(
        state=RunState.ANSWERED,
        failure=None,
        ref=None,
        reply=render_lock_ordered("main"),
        lock=LockOrder(branch="main", rebuilt=rebuilt),
    )

    assert prepare(stage, config=config) == expected


def test_who_may_not_write_orders_no_lock(stage: Stage) -> None:
    """A lock runs code of packages and opens a pull request."""
    stage.reader.permissions["octocat"] = Permission.READ
    prepared = prepare(stage)

    assert prepared.failure is not None
    assert prepared.failure.message == "/lock needs write permission on octo/ts; the permission of octocat is read."


def test_switch_for_comments_holds_for_locks(stage: Stage) -> None:
    """Where comments start nothing, they start no container either."""
    prepared = prepare(stage, config=f"{CONFIG}triggers: {{comment: false}}\n")

    assert prepared.failure is not None
    assert (prepared.state, prepared.failure.code, prepared.lock) == (RunState.DENIED, "TriggerOff", None)


@pytest.mark.parametrize(
    ("name", "lock", "command"),
    [("main", None, "/lock main"), ("v1", None, "/lock"), ("v1", OLD.replace(b'sha256": "', b'sha256": "0'), "/lock")],
)
def test_build_without_a_usable_lock_names_the_command(
    stage: Stage, name: str, lock: bytes | None, command: str
) -> None:
    """Missing or stale: for a branch its own lock, else that of the default branch."""
    files: dict[str, bytes | str] = {"Pipfile": PIPFILE, **({} if lock is None else {"Pipfile.lock": lock})}
    stage.checkouts.sources["octo/ts"] = FakeSource({**files, ".hublish.yaml": CONFIG.encode()}, commit=SHA)
    stage.receive(dataclasses.replace(COMMENT, ref=name))
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)

    assert prepared.notes == (
        f"Comment `{command}` for a pull request with a new lock, or run `pipenv lock` and commit it.",
    )


def test_build_with_another_fault_names_no_command(stage: Stage) -> None:
    """A new lock would not help."""
    stage.checkouts.sources["octo/ts"] = FakeSource(
        {"Pipfile": b"[packages", ".hublish.yaml": CONFIG.encode()}, commit=SHA
    )
    stage.receive(dataclasses.replace(COMMENT, ref="main"))
    lock = stage.checkouts.sources["octo/ts"]
    stage.checkouts.sources["octo/ts"] = FakeSource({**lock.bodies, "Pipfile.lock": OLD}, commit=SHA)
    prepared = Preparation(stage.services).run(RUN_ID, decided=lambda _ref, _titles: None)

    assert prepared.failure is not None
    assert (prepared.failure.code, prepared.notes) == ("PlanInvalid", ())


def test_lock_of_a_branch_that_moved_is_made_on_its_newest_commit(stage: Stage) -> None:
    """The branch is resolved when the lock is made, not when it was ordered."""
    locking = fill(stage)
    moved = "9" * 40
    stage.reader.refs["main"] = ResolvedRef(name="main", kind=RefKind.BRANCH, sha=moved)

    assert locking.make(RUN_ID, ORDER).reply[0].startswith("**Locked:** `main` at 9999999:")
