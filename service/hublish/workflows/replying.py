"""Commands that deliver nothing: what their answer says, which is said once, as for every run. Reads, but for `/cancel`."""

from __future__ import annotations

from collections.abc import Callable

from hublish.core.answers.lock_update import render_lock_ordered
from hublish.core.answers.markdown import code_span, escape_inline
from hublish.core.answers.project import render_project
from hublish.core.answers.replies import PlannedImage, RunLine, render_help, render_plan, render_status
from hublish.core.building import BuildSucceeded
from hublish.core.config.file import CONFIG_PATHS, MISNAMED_PATH, ParsedConfig
from hublish.core.finding import Severity
from hublish.core.github.commands import COMMAND_RULES, CommandName
from hublish.core.github.trigger import Project, Trigger, TriggerKind
from hublish.core.github.triggers import check_switches, lists_branch
from hublish.core.onboarding.target import choose_target
from hublish.core.queue import render_place
from hublish.core.records import Run
from hublish.core.repository import RefKind
from hublish.core.status import RunState
from hublish.workflows.asked import EMPTY_CONFIG, find_misnamed, make_refusal
from hublish.workflows.basebump import BaseBump
from hublish.workflows.cancelling import Cancelling
from hublish.workflows.places import read_places
from hublish.workflows.prepared import LockOrder, Prepared, PreparedImage, make_reply
from hublish.workflows.services import Services

STATUS_RUNS = 8
STATUS_LOOKS_AT = 100
"""Runs that are looked at for the few that are shown: most pushes are skipped."""
QUIET = frozenset({RunState.SKIPPED, RunState.ANSWERED})


class Replies:
    """Answers of one service."""

    def __init__(self, services: Services, *, read_config: Callable[[Trigger], ParsedConfig]) -> None:
        """Nothing is read here.

        Args:
            services: the ports.
            read_config: the config of a trigger's default branch.
        """
        self._services = services
        self._read_config = read_config
        self._cancelling = Cancelling(services)
        self._base_bump = BaseBump(services)

    def make(self, run_id: str, trigger: Trigger) -> Prepared | None:
        """Make the answer to a command that builds nothing; None for the commands that do."""
        if trigger.kind is TriggerKind.SCHEDULE and trigger.command is None:
            return self._base_bump.make(run_id, trigger)
        if trigger.project is not None:
            return self._project(trigger, trigger.project)
        makers = {
            CommandName.CANCEL: self._cancelling.cancel,
            CommandName.HELP: self._help,
            CommandName.LOCK: self._lock,
            CommandName.STATUS: self._status,
        }
        maker = None if trigger.command is None else makers.get(trigger.command)
        return None if maker is None else maker(run_id, trigger)

    def make_plan(self, trigger: Trigger, prepared: Prepared) -> Prepared:
        """Turn what a build would be into the answer to `/plan`."""
        reply = render_plan(
            trigger.ref or "",
            None if prepared.ref is None else prepared.ref.sha,
            images=tuple(self._describe(image) for image in prepared.images),
            hubs=prepared.hubs,
            failure=prepared.failure,
            pull_request=trigger.ref_kind is RefKind.PULL_REQUEST,
        )
        return make_reply(reply, prepared)

    def _describe(self, image: PreparedImage) -> PlannedImage:
        latest = self._services.builds.find_latest_build(image.build_key)
        return PlannedImage(
            line=image.line,
            name=image.name,
            tags=(*image.fixed_tags, *image.floating_tags),
            known=latest is not None and isinstance(latest.outcome, BuildSucceeded),
        )

    def _help(self, _run_id: str, _trigger: Trigger) -> Prepared:
        return make_reply(render_help(COMMAND_RULES, app=self._services.conversation.fetch_name()))

    def _lock(self, _run_id: str, trigger: Trigger) -> Prepared:
        """Order the lock; it is made in a stage of its own, as that takes minutes."""
        config = self._read_config(trigger).config
        refusal = None if config is None else check_switches(trigger, config)
        if refusal is not None:
            return make_refusal(refusal, ref=None)
        branch = trigger.ref or trigger.repository.default_branch
        order = LockOrder(branch=branch, rebuilt=config is not None and lists_branch(config, branch))
        return Prepared(state=RunState.ANSWERED, failure=None, ref=None, reply=render_lock_ordered(branch), lock=order)

    def _project(self, trigger: Trigger, project: Project) -> Prepared:
        repository, policy = trigger.repository, self._services.policy
        here = project.repository in ("", repository.full_name.lower())
        name = repository.full_name if here else project.repository
        owner = name.partition("/")[0]
        # Which registries others may push to is between them and the operator.
        mine = owner.lower() == repository.owner.lower()
        component = project.name or name.partition("/")[2]
        parsed = self._read(trigger) if here else EMPTY_CONFIG
        target = choose_target(policy.namespaces, owner=owner, name=component) if mine else None
        reply = render_project(
            name,
            image=None if target is None else target.name,
            install_url=None if here else f"{policy.web_url}/apps/{self._services.conversation.fetch_name()}",
            existing=None if parsed is EMPTY_CONFIG else _describe_config(trigger, parsed),
            people=project.people,
        )
        return make_reply(reply, Prepared(state=RunState.ANSWERED, failure=None, ref=None, findings=parsed.findings))

    def _status(self, run_id: str, trigger: Trigger) -> Prepared:
        services = self._services
        places = read_places(services.queue, services.replicas, limits=services.policy.queue, now=services.now())
        listed = services.runs.list_repository_runs(trigger.repository.id, limit=STATUS_LOOKS_AT)
        shown = [run for run in listed if run.id != run_id and run.state not in QUIET][:STATUS_RUNS]

        def find_waits(run: Run) -> tuple[str, ...]:
            links = services.steps.list_links(run.id) if places and not run.state.ended else ()
            return tuple(f"{image} {render_place(places[name])}." for name, image in links if name in places)

        lines = tuple(
            RunLine(run=run, url=f"{services.policy.public_url}/runs/{run.id}", waits=find_waits(run)) for run in shown
        )
        parsed = self._read(trigger)
        reply = render_status(trigger.repository.full_name, lines, config=_describe_config(trigger, parsed))
        return make_reply(reply, Prepared(state=RunState.ANSWERED, failure=None, ref=None, findings=parsed.findings))

    def _read(self, trigger: Trigger) -> ParsedConfig:
        parsed = self._read_config(trigger)
        return find_misnamed(self._services, trigger.repository) if parsed is EMPTY_CONFIG else parsed


def _describe_config(trigger: Trigger, parsed: ParsedConfig) -> str:
    branch = code_span(trigger.repository.default_branch)
    if parsed.config is None:
        errors = sum(finding.severity is Severity.ERROR for finding in parsed.findings)
        if errors:
            return f"The config file on {branch} cannot be used: {errors} error{'s' if errors > 1 else ''}, see below."
        missing = f"There is neither {CONFIG_PATHS[0]} nor {CONFIG_PATHS[1]} on {branch}: nothing can be built"
        return f"{missing} before {MISNAMED_PATH} is renamed, see below." if parsed.findings else f"{missing}."
    titles = ", ".join(code_span(image.title) for image in parsed.config.images)
    hubs = ", ".join(code_span(hub) for hub in parsed.config.hubs) or "none"
    return f"{escape_inline(parsed.config.path)} on {branch} can be used. Images: {titles}. Hubs: {hubs}."
