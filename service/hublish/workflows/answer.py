"""Says what a run has to say: reaction, check runs, progress comment, and the one answer. Safe to repeat.

The answer comes first and the progress comment goes after it, each found by its marker: a crash in between leaves
exactly one answer. People are told at the start and at the end, never in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from hublish.core.answers.check import make_check_run
from hublish.core.answers.report import Answer, Failure, make_marker, render_answer, render_progress
from hublish.core.codec import parse_value
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import HublishError, SourceMissing
from hublish.workflows.asked import find_silence
from hublish.workflows.built import read_builds
from hublish.workflows.prepared import Prepared, PreparedImage
from hublish.workflows.services import Services

LOOKING = "eyes"
MOVED = "RefMoved"
REFUSED = frozenset({RunState.DENIED, RunState.SKIPPED})

_TOLD: Mapping[TriggerKind, frozenset[RunState]] = {
    TriggerKind.PUSH: frozenset({RunState.FAILED}),
    TriggerKind.PULL_REQUEST: frozenset(),
    TriggerKind.CHECK: frozenset({RunState.FAILED, RunState.DENIED}),
    TriggerKind.API: frozenset(),
    TriggerKind.SCHEDULE: frozenset({RunState.FAILED}),
}
"""Ends that are said on the commit where there is no thread; whoever asked by the API reads the answer there."""


class Answering:
    """The voice of one service."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def acknowledge(self, run_id: str) -> None:
        """React at once, so that people see they were heard; nobody asked anything by bringing commits."""
        trigger = self._read_trigger(run_id)
        if not trigger.kind.talks or find_silence(self._services, trigger) is not None:
            return
        self._services.conversation.ensure_reaction(trigger.repository, trigger.thread, LOOKING)

    def announce(self, run_id: str, answer: Answer, prepared: Prepared, *, queue_lines: tuple[str, ...] = ()) -> None:
        """Create or edit the progress comment; a push has its check run only. `queue_lines` say where builds wait."""
        trigger = self._read_trigger(run_id)
        if not trigger.kind.talks:
            return
        thread = self._find_thread(trigger, answer.sha)
        plan_lines = tuple(image.line for image in prepared.images)
        body = render_progress(answer, plan_lines=plan_lines, queue_lines=queue_lines)
        marker = make_marker(run_id, "progress")
        self._services.conversation.ensure_comment(trigger.repository, thread, marker=marker, body=body)

    def announce_delivery(self, run_id: str, answer: Answer, prepared: Prepared) -> None:
        """Say that the images are being delivered, in the check runs too: their button Cancel comes too late now."""
        self.check(run_id, answer, prepared.titles, images=prepared.images)
        self.announce(run_id, answer, prepared)

    def check(
        self, run_id: str, answer: Answer, titles: tuple[str, ...], *, images: Sequence[PreparedImage] = ()
    ) -> None:
        """Create or update the check run of every image (of the repository, while no image is known).

        `images` are the images as they were planned, as far as they are. Without a commit there is nothing a check could
        stand on; a question about one is no check of it. Where a fault left out the commit or the titles, those count that
        were decided on: a check that was opened is ended. A refused request leaves the checks of a pull request as they
        are: its comment is answered. One that is refused after all, as the world changed while its plan was tried again,
        ends what was opened for it, on that commit; where nothing was, a skipped one says nothing.
        """
        opened = self._services.steps.list_titles(run_id)
        if opened and answer.state in REFUSED:
            answer, titles = replace(answer, sha=None), opened
        answer = self._recall(run_id, answer)
        sha = answer.sha
        if sha is None or answer.state is RunState.ANSWERED:
            return
        titles = titles or opened
        if not titles and (answer.pull_request or answer.state is RunState.SKIPPED):
            return
        trigger = self._read_trigger(run_id)
        answer = replace(answer, builds=read_builds(self._services, run_id, images))
        for title in titles or (trigger.repository.name,):
            check = make_check_run(answer, image=title, sha=sha)
            self._services.conversation.ensure_check_run(trigger.repository, check)

    def leave_commit(self, run_id: str, ref: ResolvedRef) -> None:
        """End the check runs that an earlier try of the plan opened on another commit: the branch moved on in between."""
        run = self._services.runs.read_run(run_id)
        titles = self._services.steps.list_titles(run_id)
        if run is None or run.sha in (None, ref.sha) or not titles:
            return
        answer = Answer(
            run_id=run_id,
            run_url=f"{self._services.policy.public_url}/runs/{run_id}",
            state=RunState.SKIPPED,
            wanted=run.ref,
            sha=run.sha,
            failure=Failure(code=MOVED, message=f"{run.ref} moved on to {ref.sha}, which is built instead.", hint=""),
        )
        self.check(run_id, answer, titles)

    def answer(self, run_id: str, answer: Answer, *, check: Callable[[], None] | None = None) -> None:
        """Say the one answer. A push is no question: what became of it stands in its check run, and a failure here too.

        A pull request asks for nothing, so that nothing is ever said in it of its own accord. A press on a check run is
        answered there; what has no check run, a refusal, a failure or that nothing was stopped, is said as a comment on
        the commit. `check` ends check runs that could not be ended yet: it is called where they are the only answer.
        """
        trigger = self._read_trigger(run_id)
        if not trigger.kind.talks and not self._is_told(run_id, trigger, answer.state):
            # Whoever asked by the API reads the answer there, and waits for it.
            if check is not None and trigger.kind is not TriggerKind.API:
                check()
            return
        answer = self._recall(run_id, answer)
        thread = self._find_thread(trigger, answer.sha)
        marker = make_marker(run_id, "answer")
        answer = replace(answer, builds=read_builds(self._services, run_id))
        self._services.conversation.ensure_comment(
            trigger.repository, thread, marker=marker, body=render_answer(answer)
        )

    def _is_told(self, run_id: str, trigger: Trigger, state: RunState) -> bool:
        if trigger.kind is TriggerKind.CHECK and state is RunState.ANSWERED:
            # What was stopped says so in its own check run; nothing else would say that a press came too late.
            return not self._services.cancels.list_cancels(run_id)
        return state in _TOLD[trigger.kind]

    def tidy(self, run_id: str, answer: Answer) -> None:
        """Take the progress comment away, and close the issue that asked when its image is delivered."""
        trigger = self._read_trigger(run_id)
        if not trigger.kind.talks:
            return
        thread = self._find_thread(trigger, self._recall(run_id, answer).sha)
        marker = make_marker(run_id, "progress")
        self._services.conversation.delete_comment(trigger.repository, thread, marker=marker)
        if trigger.kind in (TriggerKind.ISSUE, TriggerKind.LABEL) and answer.state is RunState.DELIVERED:
            self._services.conversation.close_issue(trigger.repository, trigger.thread.number)

    def _read_trigger(self, run_id: str) -> Trigger:
        run = self._services.runs.read_run(run_id)
        if run is None:
            raise SourceMissing(f"there is no run {run_id}")
        return parse_value(Trigger, run.trigger)

    def _recall(self, run_id: str, answer: Answer) -> Answer:
        """The answer with the commit that was decided on, where a fault left it out; a request may have none."""
        run = None if answer.sha is not None else self._services.runs.read_run(run_id)
        if run is None or run.sha is None:
            return answer
        pull_request = parse_value(Trigger, run.trigger).ref_kind is RefKind.PULL_REQUEST
        return replace(answer, sha=run.sha, pull_request=pull_request)

    def _find_thread(self, trigger: Trigger, sha: str | None) -> Thread:
        """Where comments go: the issue, or the commit of a push, tag or release; the default branch's head without one."""
        if trigger.thread.kind == "issue" or (trigger.thread.kind == "commit" and trigger.thread.sha):
            return trigger.thread
        if sha is None:
            try:
                branch = trigger.repository.default_branch
                sha = self._services.reader.resolve_ref(trigger.repository, branch, kind=RefKind.BRANCH.value).sha
            except HublishError as error:
                raise SourceMissing(f"no commit to answer on: {error.message}", transient=error.transient) from error
        return Thread(kind="commit", number=0, sha=sha)
