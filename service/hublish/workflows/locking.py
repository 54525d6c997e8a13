"""The stage of `/lock`: a Pipfile.lock made anew in an isolating engine, and the one pull request with it.

Nothing of a repository is run or resolved in this process: the port `Locker` does it elsewhere. Nothing is written before
the lock is made; a branch that a person pushed to is left alone. Every effect looks up before it creates, so that a step
repeated after a crash makes the lock again and finds its commit and its pull request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from hublish.builders.sourcefiles import read_config, read_source_file
from hublish.core.answers.lock_update import (
    LockUpdate,
    render_lock_body,
    render_lock_current,
    render_lock_failed,
    render_lock_message,
    render_lock_proposed,
    render_lock_title,
)
from hublish.core.answers.report import Failure
from hublish.core.codec import parse_value
from hublish.core.config.values import Config
from hublish.core.finding import Finding
from hublish.core.github.ports import PullRequest
from hublish.core.github.pushing import OWN_BRANCHES
from hublish.core.github.trigger import Trigger
from hublish.core.locks.choice import PIPFILE_LOCK, choose_lock, find_lock_kind
from hublish.core.locks.lock import LockKind
from hublish.core.locks.locker import LockRequest
from hublish.core.locks.lockfile import parse_lock
from hublish.core.locks.pipfile import parse_pipfile
from hublish.core.locks.renewal import compare_locks
from hublish.core.namespaces import check_base
from hublish.core.ports import Source
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.core.repository import RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import (
    ConfigInvalid,
    FindingsError,
    HublishError,
    LockFailed,
    NotAllowed,
    PullRequestTaken,
    SourceMissing,
    clip,
)
from hublish.workflows.durable import Fault, run_async_effect
from hublish.workflows.ending import make_failure, note_step
from hublish.workflows.ownbranch import ensure_proposal
from hublish.workflows.prepared import LockOrder, Prepared, make_reply
from hublish.workflows.services import Services

STEP = "lock"
RELOCKED = frozenset({"LockMissing", "LockStale"})
LAST_LINES = 20
"""Lines of the resolver that a failure shows; its own summary of a conflict has about a dozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A Pipfile and the lock beside it, which may be missing, as a commit holds them."""

    path: str
    pipfile: bytes
    lock: bytes | None
    base: Reference


class Locking:
    """Makes locks, one at a time in this process: each may use as much memory as a build."""

    def __init__(self, services: Services) -> None:
        self._services = services
        # A line of its own: locks take minutes, and must not hold the threads that every other step runs in.
        self._line = ThreadPoolExecutor(max_workers=1, thread_name_prefix="locks")
        self._made: dict[str, tuple[LockRequest, bytes]] = {}

    async def run(self, run_id: str, order: LockOrder) -> Prepared:
        """Carry out an order as one durable step; returns the end of the run, with its answer."""

        async def in_line() -> Prepared:
            return await asyncio.get_running_loop().run_in_executor(self._line, partial(self.make, run_id, order))

        made = await run_async_effect(STEP, Prepared, in_line, preemptible=True)
        self._made.pop(run_id, None)
        return _fail(order, None, make_failure(made)) if isinstance(made, Fault) else made

    def make(self, run_id: str, order: LockOrder) -> Prepared:
        """Carry out an order; safe to repeat.

        Raises:
            HublishError: transient ones only; everything else is the answer.
        """
        run = self._services.runs.read_run(run_id)
        if run is None:
            raise SourceMissing(f"there is no run {run_id}")
        note_step(self._services, run_id, STEP, "running", "")
        trigger = parse_value(Trigger, run.trigger)
        said: deque[str] = deque(maxlen=LAST_LINES)
        ref: ResolvedRef | None = None
        try:
            ref = self._resolve(trigger, order)
            prepared = self._lock(run_id, trigger, order, ref, said)
        except HublishError as error:
            note_step(self._services, run_id, STEP, "running" if error.transient else "failed", error.message)
            if error.transient:
                raise
            findings = error.findings if isinstance(error, FindingsError) else ()
            return _fail(order, ref, _explain(error, tuple(said)), findings=findings)
        note_step(self._services, run_id, STEP, "done", "")
        return prepared

    def _resolve(self, trigger: Trigger, order: LockOrder) -> ResolvedRef:
        if order.branch.startswith(OWN_BRANCHES):
            raise NotAllowed(
                f"{clip(order.branch)} is a branch of hublish's own", hint="Name the branch that it goes to."
            )
        return self._services.reader.resolve_ref(trigger.repository, order.branch, kind=RefKind.BRANCH.value)

    def _lock(self, run_id: str, trigger: Trigger, order: LockOrder, ref: ResolvedRef, said: deque[str]) -> Prepared:
        source = self._services.sources.fetch_source(trigger.repository, ref)
        pair = self._read_pair(trigger, source, order.branch)
        new = self._make_lock(
            run_id, LockRequest(repository=trigger.repository, pipfile=pair.pipfile, base=pair.base), said
        )
        # What a build would say of the new lock, before anybody merges it.
        parsed = parse_lock(
            pipfile=pair.pipfile, lock=new, pipfile_path=pair.path.removesuffix(".lock"), lock_path=pair.path
        )
        if new == pair.lock:
            lines = render_lock_current(order.branch, commit=ref.sha, path=pair.path)
        else:
            policy = self._services.policy
            update = LockUpdate(
                run_id=run_id,
                run_url=f"{policy.public_url}/runs/{run_id}",
                repository_url=f"{policy.web_url}/{trigger.repository.full_name}",
                path=pair.path,
                branch=order.branch,
                commit=ref.sha,
                actor=trigger.actor,
                comment_url=trigger.url,
                base=pair.base,
                changes=compare_locks(pair.lock, new),
                rebuilt=order.rebuilt,
            )
            pull_request = self._propose(trigger, update, new)
            lines = render_lock_proposed(update, number=pull_request.number, url=pull_request.url)
        return replace(make_reply(lines), findings=parsed.findings)

    def _make_lock(self, run_id: str, request: LockRequest, said: deque[str]) -> bytes:
        made = self._made.get(run_id)
        # What GitHub could not take a moment ago is not made a second time.
        if made is None or made[0] != request:
            lock = self._services.locker.make_lock(
                request, log=lambda line: said.append(clip(redact(line))), verify_running=lambda: None
            )
            made = self._made[run_id] = (request, lock)
        return made[1]

    def _read_pair(self, trigger: Trigger, source: Source, branch: str) -> _Pair:
        parsed = read_config(source, repository_name=trigger.repository.name)
        if parsed.config is None and parsed.findings:
            raise ConfigInvalid(
                "The config file of the branch has faults.",
                findings=parsed.findings,
                hint="Correct the places below and ask again.",
            )
        named = None if parsed.config is None else parsed.config.python.lock
        choice = choose_lock(named, paths=source.tree.paths, read=partial(_read_file, source))
        if find_lock_kind(choice.path) is not LockKind.PIPFILE_LOCK:
            raise LockFailed(
                f"the lock of {clip(branch)} is {clip(choice.path)}, and only a {PIPFILE_LOCK} is made here",
                hint="Lock with the tool that made it, and commit the file.",
            )
        path = choice.path.removesuffix(".lock")
        pipfile = _read_file(source, path)
        if pipfile is None:
            raise LockFailed(f"there is no {clip(path)} on {clip(branch)}", hint=f"Commit the file {clip(path)}.")
        facts = parse_pipfile(pipfile, path=path)
        if facts.pipfile is None:
            raise LockFailed(facts.findings[0].message, hint=f"Correct {facts.findings[0].place} and ask again.")
        base = self._choose_base(trigger, parsed.config, facts.pipfile.python_version)
        return _Pair(path=choice.path, pipfile=pipfile, lock=_read_file(source, choice.path), base=base)

    def _choose_base(self, trigger: Trigger, config: Config | None, python_version: str | None) -> Reference:
        """The image whose Python resolves: that of the branch's builds, as wheels are chosen for it."""
        policy = self._services.policy
        minor = ".".join((python_version or "").split(".")[:2])
        base = policy.bases.get(minor) if config is None or config.base is None else config.base
        if base is None:
            wanted = f"Python {clip(minor)}" if minor else "the Pipfile, which names no python_version"
            raise LockFailed(
                f"there is no base for {wanted}",
                hint=f"Name one of {', '.join(sorted(policy.bases)) or 'none'} in [requires], or a `base` in the config.",
            )
        refusal = check_base(policy.namespaces, owner=trigger.repository.owner, reference=base)
        if refusal is not None and base.name not in {known.name for known in policy.bases.values()}:
            raise NotAllowed(refusal, hint="Name another base, or ask the operator to list it under `bases`.")
        return base

    def _propose(self, trigger: Trigger, update: LockUpdate, new: bytes) -> PullRequest:
        repository, branch = trigger.repository, make_lock_branch(update.branch)
        # Two that end at once would take each other's commit for a person's.
        with self._services.hold(f"{branch} of {repository.full_name}"):
            return ensure_proposal(
                self._services.hub_repository,
                repository,
                branch=branch,
                base=update.branch,
                base_sha=update.commit,
                files={update.path: new},
                message=render_lock_message(update),
                title=render_lock_title(update),
                body=render_lock_body(update),
                taken=PullRequestTaken(
                    f"somebody pushed to {branch}; hublish leaves it alone",
                    hint="Merge or close its pull request and delete the branch, then comment `/lock` again.",
                ),
            )


def name_command(findings: tuple[Finding, ...], ref: ResolvedRef) -> tuple[str, ...]:
    """What a build that found no usable lock says of `/lock`; nothing where something else is wrong."""
    if not any(found.code in RELOCKED and found.path.rpartition("/")[2] == PIPFILE_LOCK for found in findings):
        return ()
    command = f"/lock {ref.name}" if ref.kind is RefKind.BRANCH else "/lock"
    return (f"Comment `{command}` for a pull request with a new lock, or run `pipenv lock` and commit it.",)


def make_lock_branch(branch: str) -> str:
    """The branch that a new lock of a branch is proposed from."""
    return f"{OWN_BRANCHES}lock-{branch}"


def _explain(error: HublishError, said: tuple[str, ...]) -> Failure:
    """The first error, and what the resolver said last; without an engine there is nothing that it said."""
    first, *rest = redact(error.message).splitlines() or [""]
    return Failure(code=error.code, message=first, hint=error.hint, last_lines=said or tuple(rest))


def _fail(
    order: LockOrder, ref: ResolvedRef | None, failure: Failure, *, findings: tuple[Finding, ...] = ()
) -> Prepared:
    """The end of a run without a lock. It names no commit: a lock that cannot be made is no check of one."""
    lines = render_lock_failed(order.branch, commit=None if ref is None else ref.sha, failure=failure)
    return Prepared(state=RunState.FAILED, failure=failure, ref=None, findings=findings, reply=lines)


def _read_file(source: Source, path: str) -> bytes | None:
    file = next((file for file in source.tree.files if file.path == path), None)
    return None if file is None or file.link is not None else read_source_file(source, path)
