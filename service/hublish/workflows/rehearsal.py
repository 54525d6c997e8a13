"""A delivery played through without an effect: what would be decided, and what would be said where.

The stages are the real ones. They read from GitHub, the registry and the database; every port that could write is
replaced, and a write that nobody foresaw is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from datetime import datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

from hublish.core.answers.report import Failure
from hublish.core.cancels import Cancel
from hublish.core.github.events import Ignored, parse_event
from hublish.core.github.installing import Installed
from hublish.core.github.ports import CheckRun, Comment, Conversation, Thread
from hublish.core.github.trigger import Trigger
from hublish.core.ports import SystemBaseBuilder
from hublish.core.records import Run
from hublish.core.repository import Repository, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import HublishError, NotAllowed, join_hint
from hublish.workflows.answer import Answering
from hublish.workflows.configcheck import ConfigCheck
from hublish.workflows.ending import make_answer
from hublish.workflows.inbox import answers_already, find_latest, make_listener, make_run
from hublish.workflows.onboarding_rehearsal import rehearse_newcomers
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Prepared
from hublish.workflows.repeating import complete_trigger
from hublish.workflows.services import Services

_READS: Mapping[str, tuple[str, ...]] = {
    "runs": ("find_latest_run", "list_runs", "list_open_runs", "list_repository_runs"),
    "builds": ("read_request", "read_build", "list_targets", "find_latest_build"),
    "steps": ("list_steps", "list_links", "list_titles"),
    "cancels": ("find_cancel",),
    "image_records": ("find_owner", "find_image", "find_release"),
    "queue": ("list_tickets", "list_times"),
    "replicas": ("list_replicas",),
    "engine": ("strategies", "verify_plan"),
}
"""What of the ports that can write only reads; all else is replaced or refused, and so is every port not listed."""
_HARMLESS = frozenset(
    {
        "reader",
        "changes",
        "sources",
        "images",
        "replica",
        "caches",
        "supply",
        "policy",
        "now",
        "make_run_id",
        "standings",
    }
)
"""What is used as it is: it reads, or keeps on this machine's disk what it read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """One thing that would be said: "reaction", "check run", "comment" or "pull request", where, and its text."""

    kind: str
    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What a delivery would come to.

    Attributes:
        decision: "ignored", "joined", "onboarding", or the state its run would be in after its first stage.
        reason: why, in one sentence; "" when the build goes on.
        trigger: what was asked for; None when nothing was.
        sayings: in order.
    """

    decision: str
    reason: str
    trigger: Trigger | None
    sayings: tuple[Saying, ...] = ()


def rehearse(services: Services, *, event: str, body: bytes, again: bool) -> Rehearsal:
    """Play a delivery through.

    Args:
        services: the real ports.
        event: name of the event.
        body: its payload.
        again: True for a delivery that is stored already: a run of it that failed would be tried again.

    Raises:
        WebhookRefused: the body is no JSON object.
        HublishError: what is transient, e.g. GitHub is away.
    """
    asked = parse_event(event=event, body=body, listener=make_listener(services, event))
    if isinstance(asked, Ignored):
        return Rehearsal(decision="ignored", reason=asked.reason, trigger=None)
    if isinstance(asked, Installed):
        return _play_onboarding(services, asked)
    asked = complete_trigger(services.runs, asked)
    latest = find_latest(services.runs, asked, arrived_at=None if again else services.now())
    if latest is not None and answers_already(services, latest, asked, again=again, arrived_at=services.now()):
        reason = f"the run {latest.id} answers this already; it is {latest.state.value}"
        return Rehearsal(decision="joined", reason=reason, trigger=asked)
    return _play(services, asked, make_run(services, asked, latest))


def _play_onboarding(services: Services, asked: Installed) -> Rehearsal:
    sayings: list[Saying] = []

    def say(repository: Repository, body: str) -> None:
        sayings.append(Saying(kind="pull request", place=repository.full_name, text=body))

    reason = rehearse_newcomers(services, asked.newcomers, say=say)
    return Rehearsal(decision="onboarding", reason=reason, trigger=None, sayings=tuple(sayings))


def _play(services: Services, trigger: Trigger, run: Run) -> Rehearsal:
    voice = _Voice(services.conversation)
    ports = _make_harmless(services, run, voice)
    answering = Answering(ports)
    answering.acknowledge(run.id)
    _check_config(ports, run)

    def open_checks(ref: ResolvedRef, titles: tuple[str, ...]) -> None:
        queued = Prepared(state=RunState.RECEIVED, failure=None, ref=ref)
        answering.check(run.id, make_answer(services, run.id, queued, run.ref), titles)

    prepared = Preparation(ports, looks_only=True).run(run.id, decided=open_checks)
    answer = make_answer(services, run.id, prepared, run.ref)
    if prepared.state is RunState.BUILDING:
        answering.announce(run.id, answer, prepared)
    elif prepared.state is not RunState.SKIPPED:
        answering.check(run.id, answer, prepared.titles)
        answering.answer(run.id, answer)
    return Rehearsal(
        decision=prepared.state.value,
        reason=_explain(prepared.failure),
        trigger=trigger,
        sayings=tuple(voice.sayings),
    )


def _check_config(ports: Services, run: Run) -> None:
    try:
        ConfigCheck(ports).run(run.id)
    except HublishError as error:
        # As in a run: whatever becomes of the check, a build that is wanted goes on.
        if error.transient:
            raise


def _explain(failure: Failure | None) -> str:
    return "" if failure is None else join_hint(f"{failure.code}: {failure.message}", failure.hint)


def _make_harmless(services: Services, run: Run, voice: _Voice) -> Services:
    asked: list[Cancel] = []
    records = services.image_records

    def request_cancel(cancel: Cancel, *, at: datetime) -> bool:  # noqa: ARG001  # the port's
        asked.append(cancel)
        return True

    def claim_owner(name: str, repo_id: int, *, at: datetime) -> int:  # noqa: ARG001  # the port's
        owner = records.find_owner(name)
        return repo_id if owner is None else owner

    methods: dict[str, dict[str, Callable[..., object]]] = {
        "runs": {
            "read_run": lambda run_id: run if run_id == run.id else services.runs.read_run(run_id),
            "move_run": _do_nothing,
        },
        "builds": {"ensure_request": _do_nothing},
        "steps": {"ensure_step": _do_nothing},
        "cancels": {"request_cancel": request_cancel, "list_cancels": lambda _by: tuple(asked)},
        "image_records": {"claim_owner": claim_owner, "hold_repository": lambda _name: nullcontext()},
        "archive": {"open_log": lambda _name: SimpleNamespace(append=_do_nothing)},
    }
    ports: dict[str, Any] = {
        name: _Overlay(getattr(services, name), reads=_READS.get(name, ()), methods=methods.get(name, {}))
        for name in (field.name for field in fields(services))
        if name not in _HARMLESS
    }
    builder = SimpleNamespace(build=_refuse_base)
    ports |= {
        "conversation": cast("Conversation", voice),
        "hold": lambda _name: nullcontext(),
        "hold_duty": lambda _name: nullcontext(enter_result=False),
        "find_system_builder": lambda owner, trust: (
            None if services.find_system_builder(owner, trust) is None else cast("SystemBaseBuilder", builder)
        ),
    }
    return replace(services, **ports)


def _refuse_base(*_arguments: object, **_named: object) -> str:
    raise NotAllowed("the base would be given the packages of `system.apt` first; what follows is not known before")


def _do_nothing(*_arguments: object, **_named: object) -> None:
    """Stands for a write."""


class _Overlay:
    """A port of which some methods only read and some are others; the rest is refused."""

    def __init__(
        self,
        port: object,
        *,
        reads: tuple[str, ...],
        methods: Mapping[str, Callable[..., object]] = MappingProxyType({}),
    ) -> None:
        self._port = port
        self._reads = reads
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        if name in self._methods:
            return self._methods[name]
        if name in self._reads:
            return getattr(self._port, name)
        raise NotAllowed(f"a rehearsal changes nothing, but {name} was called")


class _Voice:
    """A Conversation that writes down what would be said."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.sayings: list[Saying] = []

    def fetch_name(self) -> str:
        return self._conversation.fetch_name()

    def ensure_reaction(self, repository: Repository, thread: Thread, content: str) -> None:
        self._say("reaction", repository, thread, content)

    def ensure_comment(self, repository: Repository, thread: Thread, *, marker: str, body: str) -> Comment:
        self._say("comment", repository, thread, body.replace(marker, "").strip())
        return Comment(id=0, url="", body=body)

    def ensure_check_run(self, repository: Repository, check: CheckRun) -> int:
        state = check.conclusion or check.status
        text = f"{check.name}: {state}: {check.title}\n{check.summary}".strip()
        self.sayings.append(Saying(kind="check run", place=f"{repository.full_name}@{check.sha}", text=text))
        return 0

    def _say(self, kind: str, repository: Repository, thread: Thread, text: str) -> None:
        where = thread.sha if thread.kind == "commit" else f"{thread.kind} {thread.number}"
        comment = "" if thread.comment_id is None else f", comment {thread.comment_id}"
        self.sayings.append(Saying(kind=kind, place=f"{repository.full_name}, {where}{comment}", text=text))
