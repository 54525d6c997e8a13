"""Whole conversations with people, played without a build: a trigger, what the service decides, and all that it says.

The decision, the texts and the records are the service's own; GitHub, the registry and the end of a build are given. Each
play is deterministic: what it says is compared as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from hublish.core.answers.report import Answer, HubReport
from hublish.core.building import BuildOutcome, BuildStopped, BuildSucceeded, Step
from hublish.core.github.ports import CheckRun
from hublish.core.github.trigger import Trigger
from hublish.core.status import RunState
from hublish.workflows.answer import Answering
from hublish.workflows.build import join_image_build
from hublish.workflows.ending import end_with, explain_stop, make_answer, name_stopped, with_hubs, with_images
from hublish.workflows.prepare import Preparation
from hublish.workflows.prepared import Delivered, Prepared
from tests.unit.workflows.parts import AT, RUN_ID, Stage, make_source

DIGEST = "sha256:" + "b" * 64
BUILT = BuildSucceeded(
    digest=DIGEST, size_bytes=365_000_000, layers=(), uploaded_bytes=34_000_000, packages=(),
    step_seconds=(("fetch", 1.2), ("base", 4.0), ("packages", 31.0), ("layers", 12.5), ("push", 20.0)),
)  # fmt: skip
MISSING = BuildStopped(
    code="WheelMissing", message="jupyterlab 4.0: its wheel is gone from the index", hint="Lock again: run `pipenv lock`.",
    step=Step.PACKAGES, label="jupyterlab 4.0", last_lines=("12:00:05 fetch jupyterlab 4.0", "12:00:06 error: gone"),
)  # fmt: skip
LISTED = HubReport(hub="demo", url="https://github.com/org/apps/pull/3", number=3, detail="lists ts v1", ok=True)


class Play:
    """One conversation on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.answering = Answering(stage.services)

    def use_config(self, config: str, *, at_commit: str | None = None, **options: object) -> None:
        """Put a config on the default branch, and the same or another one at the commit; `options` as for `make_source`."""
        self.stage.reader.files["octo/ts", ".hublish.yaml"] = config.encode()
        self.stage.checkouts.sources["octo/ts"] = make_source(at_commit or config, **options)

    def receive(self, trigger: Trigger) -> tuple[Prepared, Answer]:
        """Receive a trigger up to its plan, and say what is said until then."""
        services = self.stage.services
        self.stage.receive(trigger)
        self.answering.acknowledge(RUN_ID)
        prepared = Preparation(services).run(RUN_ID, decided=lambda _ref, _titles: None)
        services.steps.ensure_step(RUN_ID, "plan", state="running", detail="", at=AT)
        services.steps.ensure_step(RUN_ID, "plan", state="done", detail="", at=AT + timedelta(seconds=3))
        answer = make_answer(services, RUN_ID, prepared, trigger.ref or "")
        if prepared.state is RunState.BUILDING:
            self.answering.announce(RUN_ID, answer, prepared)
        return prepared, answer

    def refuse(self, trigger: Trigger) -> str:
        """Play a trigger that comes to no build; returns the one comment."""
        prepared, answer = self.receive(trigger)
        assert prepared.state.ended
        return self.end(prepared, answer)

    def build(
        self, trigger: Trigger, outcomes: Mapping[str, BuildOutcome], *, hubs: tuple[HubReport, ...] = (LISTED,)
    ) -> str:
        """Play a trigger whose images end their builds like this, by title; returns the one comment."""
        prepared, answer = self.receive(trigger)
        assert prepared.state is RunState.BUILDING
        services = self.stage.services
        stopped: list[tuple[str, BuildStopped]] = []
        for image in prepared.images:
            build = join_image_build(services, image, run_id=RUN_ID)
            step = f"build {image.title}"
            services.steps.ensure_step(RUN_ID, step, state="running", detail="", at=AT)
            services.steps.ensure_step(RUN_ID, step, state="done", detail="", at=AT + timedelta(seconds=70))
            services.builds.finish_build(build.name, outcomes[image.title], at=AT + timedelta(seconds=70))
            outcome = outcomes[image.title]
            stopped += [(image.title, outcome)] if isinstance(outcome, BuildStopped) else []
        if stopped:
            failure = explain_stop(stopped[0][1], last_lines=stopped[0][1].last_lines)
            names = tuple(title for title, _ in stopped)
            return self.end(prepared, end_with(answer, name_stopped(failure, names, total=len(prepared.images))))
        answer = with_images(answer, tuple(self._deliver(prepared, outcomes)))
        return self.end(prepared, with_hubs(answer, hubs))

    def _deliver(self, prepared: Prepared, outcomes: Mapping[str, BuildOutcome]) -> list[Delivered]:
        return [
            Delivered(
                prepared=image, digest=outcomes[image.title].digest, size_bytes=outcomes[image.title].size_bytes,
                layers=12, uploaded_bytes=34_000_000, seconds=70.0, tags=(*image.fixed_tags, *image.floating_tags),
                kept_tags=(), packages=(),
            )
            for image in prepared.images
        ]  # fmt: skip

    @property
    def comment(self) -> str:
        """The one comment that stands."""
        (comment,) = self.stage.conversation.comments.values()
        return comment

    def end(self, prepared: Prepared, answer: Answer) -> str:
        """Say the end twice, as after a crash; returns the one comment that stands then."""
        for _ in range(2):
            self.answering.check(RUN_ID, answer, prepared.titles, images=prepared.images)
            self.answering.answer(RUN_ID, answer)
            self.answering.tidy(RUN_ID, answer)
        return self.comment

    def find_check(self, title: str) -> CheckRun:
        """The check run of an image."""
        return self.stage.conversation.checks[f"{RUN_ID}/{title}"]
