"""The first stage of a run: who asks, which commit, which config, and what exactly is to be built.

Reads from GitHub and the base's registry; writes only the requests of the builds it plans. Never raises for anything
a person can cause: that ends as a `Prepared` with a failure. What is transient is raised and tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.layerindex.ownercache import name_owner
from hublish.builders.planning.planner import PlanInputs, make_plan
from hublish.builders.sourcefiles import read_config
from hublish.core.answers.report import SHORT_SHA, Failure
from hublish.core.codec import parse_value, render_value
from hublish.core.config.allowed import choose_hubs
from hublish.core.config.file import Config, ImageConfig, check_config_names
from hublish.core.config.values import merge_configs
from hublish.core.finding import Finding
from hublish.core.github.commands import CommandName
from hublish.core.github.heads import waits
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.github.triggers import Build, Skip, check_request, decide
from hublish.core.namespaces import check_namespace
from hublish.core.plan import Plan, Trust, make_build_key
from hublish.core.ports import Source
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.core.repository import Permission, RefKind, ResolvedRef
from hublish.core.status import RunState
from hublish.errors import FindingsError, HublishError, NotAllowed, RunCancelled
from hublish.workflows.asked import (
    choose_changed,
    choose_images,
    expect_soon,
    find_silence,
    make_refusal,
    name_deployed,
    read_default_config,
    read_publish_config,
    resolve_trigger,
)
from hublish.workflows.bases import find_systems, open_supply
from hublish.workflows.build import find_siblings
from hublish.workflows.buildrequests import fit_plan, make_request
from hublish.workflows.locking import name_command
from hublish.workflows.planfaults import PlanRefused, join_findings
from hublish.workflows.planlines import describe_move, describe_plan, describe_resources
from hublish.workflows.prepared import Prepared, PreparedImage
from hublish.workflows.propose import find_hub
from hublish.workflows.publish import verify_owner, verify_same_owner
from hublish.workflows.replying import Replies
from hublish.workflows.services import Services
from hublish.workflows.standing import find_standing
from hublish.workflows.superseding import stop_superseded
from hublish.workflows.ways import Way, choose_tags, choose_way

Decided = Callable[[ResolvedRef, tuple[str, ...]], None]


class Preparation:
    """Makes the decision on one run."""

    def __init__(
        self, services: Services, *, looks_only: bool = False, may_wait: bool = True, run_id: str = ""
    ) -> None:
        """Nothing is read here.

        Args:
            services: the ports.
            looks_only: True to build, claim and write nothing on the way to a plan, as for `/plan`.
            may_wait: False to raise BaseAwaited where a base would be waited for.
            run_id: the run that is planned, as long as it is one.
        """
        self._services = services
        self._looks_only = looks_only
        self._may_wait = may_wait
        self._run_id = run_id
        self._replies = Replies(services, read_config=partial(read_default_config, services))

    def run(self, run_id: str, *, decided: Decided) -> Prepared:
        """Decide and plan.

        Args:
            run_id: the run.
            decided: told the commit and the titles of the images once it is decided that they are built, before the
                slow part; must not raise.
        Raises:
            HublishError: transient ones only.
        """
        services = self._services
        run = services.runs.read_run(run_id)
        if run is None:
            raise NotAllowed(f"there is no run {run_id}")
        services.runs.move_run(run_id, RunState.PLANNING, at=services.now())
        trigger = parse_value(Trigger, run.trigger)
        if trigger.only_checks:
            return make_refusal(Skip(reason="only the config is checked again"), ref=None)
        try:
            prepared = self._prepare(run_id, trigger, decided)
        except FindingsError as error:
            prepared = _fail(error, findings=error.findings)
        except HublishError as error:
            if not self._looks_only:
                expect_soon(error, run, trigger, now=services.now())
            if error.transient:
                raise
            prepared = _fail(error)
        return replace(prepared, notes=(*trigger.notes, *prepared.notes))

    def _prepare(self, run_id: str, trigger: Trigger, decided: Decided) -> Prepared:
        silence = find_silence(self._services, trigger)
        if silence is not None:
            return make_refusal(silence, ref=None)
        standing = find_standing(self._services, trigger)
        permission = standing.permission
        refusal = check_request(trigger, permission)
        if refusal is not None:
            return make_refusal(standing.explain(refusal), ref=None)
        reply = self._replies.make(run_id, trigger)
        if reply is not None:
            return reply
        if trigger.command is CommandName.PLAN:
            return self._replies.make_plan(trigger, self._look(trigger, permission))
        planner = Preparation(self._services, looks_only=self._looks_only, may_wait=self._may_wait, run_id=run_id)
        return planner._decide(trigger, permission, decided)

    def _look(self, trigger: Trigger, permission: Permission | None) -> Prepared:
        """What a build would be; what stands in its way is a failure in it."""
        try:
            looker = Preparation(self._services, looks_only=True)
            return looker._decide(trigger, permission, lambda _ref, _titles: None)
        except HublishError as error:
            if error.transient:
                raise
            return _fail(error)

    def _decide(self, trigger: Trigger, permission: Permission | None, decided: Decided) -> Prepared:
        ref = resolve_trigger(self._services, trigger)
        publish = read_publish_config(self._services, trigger, ref)
        trigger = name_deployed(trigger, publish.config)
        decision = decide(
            trigger,
            config=publish.config,
            config_findings=publish.findings,
            permission=permission,
            ref=ref,
        )
        taken_up = isinstance(decision, Build) or waits(trigger, decision)
        if taken_up and ref is not None and ref.sha == trigger.sha and trigger.kind is TriggerKind.PULL_REQUEST:
            # Not where pushes build nothing: what somebody asked for by hand would end with nothing in its place.
            stop_superseded(self._services, self._run_id, trigger, sha=ref.sha)
        chosen = () if publish.config is None else choose_images(trigger, publish.config)
        titles = tuple(image.title for image in chosen)
        if not isinstance(decision, Build):
            # Where a fork waits, each of its images does; any other refusal is one of the whole request.
            return replace(make_refusal(decision, ref=ref), titles=titles if waits(trigger, decision) else ())
        if ref is None or publish.config is None:
            raise NotAllowed("a build was decided without a commit or a config")
        decided(ref, titles)
        try:
            prepared = self._plan(trigger, ref, publish.config)
        except FindingsError as error:
            prepared = replace(_fail(error, findings=error.findings), notes=name_command(error.findings, ref))
        except HublishError as error:
            if error.transient:
                raise
            prepared = _fail(error)
        return replace(prepared, ref=ref, titles=titles)

    def _plan(self, trigger: Trigger, ref: ResolvedRef, publish: Config) -> Prepared:
        services = self._services
        verify_same_owner(services, trigger.repository)
        source = services.sources.fetch_source(trigger.repository, ref)
        at_commit = read_config(source, repository_name=trigger.repository.name)
        config = merge_configs(publish, at_commit.config)
        findings = (*at_commit.findings, *check_config_names(source.tree.paths))
        if at_commit.config is None and at_commit.findings:
            failure = Failure(
                code="ConfigInvalid",
                message=f"The config file at {ref.sha[:SHORT_SHA]} has faults.",
                hint="Correct the places below and publish a new release.",
            )
            return Prepared(state=RunState.FAILED, failure=failure, ref=ref, findings=findings)
        images: list[PreparedImage] = []
        wanted = choose_hubs(config, {name: hub.repo for name, hub in services.policy.hubs.items()})
        hubs, unchanged = choose_changed(trigger, ref, wanted, config)
        for hub in hubs:
            find_hub(services.policy.hubs, hub)
        for image in choose_images(trigger, config):
            try:
                prepared, more = self._plan_image(trigger, ref, config, image, source)
            except PlanRefused as error:
                among = image.title if len(config.images) > 1 else None
                raise PlanRefused(join_findings(findings, error.findings), among=among) from error
            images.append(prepared)
            findings = join_findings(findings, more)
        return Prepared(
            state=RunState.BUILDING,
            failure=None,
            ref=ref,
            images=tuple(images),
            hubs=hubs,
            findings=findings,
            notes=(*describe_move(services.runs, trigger, ref), *unchanged),
        )

    def _open_layers(self, trigger: Trigger, target: Reference, *, trust: Trust) -> LayerIndex:
        """Open what the owner's builds found out, as the build will: a disk that knows nothing asks the registry."""
        repository = trigger.repository
        siblings = find_siblings(self._services.builds, repository=repository, target=target)
        places = (target, *siblings)
        return self._services.caches.open(owner=name_owner(repository), trust=trust, repositories=places).layers

    def _plan_image(
        self, trigger: Trigger, ref: ResolvedRef, config: Config, image: ImageConfig, source: Source
    ) -> tuple[PreparedImage, tuple[Finding, ...]]:
        services = self._services
        self._verify_target(trigger, image.reference)
        way = choose_way(ref, config, services.policy)
        missing: list[str] = []
        planned = make_plan(
            self._make_inputs(trigger, config, image, source, way=way),
            images=services.images,
            layers=self._open_layers(trigger, image.reference, trust=way.trust),
            supply=open_supply(services, trigger.repository.owner, trust=way.trust),
            systems=find_systems(
                services,
                trigger,
                image.reference,
                trust=way.trust,
                run_id=self._run_id,
                may_wait=self._may_wait,
                missing=missing.extend if self._looks_only else None,
            ),
        )
        if planned.plan is None:
            raise PlanRefused(planned.findings)
        plan = fit_plan(services, planned.plan, owner=trigger.repository.owner)
        fixed, floating = choose_tags(image, ref, way)
        prepared = PreparedImage(
            title=image.title,
            name=image.reference.name,
            fixed_tags=fixed,
            floating_tags=floating,
            build_key=self._request_build(plan, trigger, ref, image.reference),
            pushed=way.pushed,
            delivered_tags=image.tags if ref.kind is RefKind.PULL_REQUEST else (),
            python_version=".".join((plan.python_full_version or "").split(".")[:2]),
            resources=describe_resources(config),
            line=describe_plan(image, plan, missing),
            force=trigger.force,
            lock="" if planned.locked is None else planned.locked.path,
        )
        return prepared, planned.findings

    def _request_build(self, plan: Plan, trigger: Trigger, ref: ResolvedRef, target: Reference) -> str:
        """Keep the request of a plan's build, unless this only looks; returns its key."""
        key = make_build_key(plan)
        if not self._looks_only:
            request = make_request(plan, repository=trigger.repository, ref=ref, image=target)
            self._services.builds.ensure_request(key, render_value(request))
        return key

    def _make_inputs(
        self, trigger: Trigger, config: Config, image: ImageConfig, source: Source, *, way: Way
    ) -> PlanInputs:
        policy = self._services.policy
        return PlanInputs(
            source=source,
            config=config,
            image=image,
            bases=policy.bases,
            trust=way.trust,
            source_repo_id=trigger.repository.id,
            target_repository=image.reference.name if way.pushed else "",
            hub_majors={name: hub.jupyterhub for name, hub in policy.hubs.items() if hub.jupyterhub is not None},
            find_default_index=lambda: policy.default_index,
            most_bytes=policy.image_bytes,
        )

    def _verify_target(self, trigger: Trigger, target: Reference) -> None:
        services = self._services
        refusal = check_namespace(services.policy.namespaces, owner=trigger.repository.owner, reference=target)
        if refusal is not None:
            raise NotAllowed(refusal, hint="use an image name that is allowed, or ask the operator of this service")
        verify_owner(services, target, trigger, claim=False)


def _fail(error: HublishError, *, findings: tuple[Finding, ...] = ()) -> Prepared:
    failure = Failure(code=error.code, message=redact(error.message), hint=error.hint)
    state = RunState.CANCELLED if isinstance(error, RunCancelled) else RunState.FAILED
    return Prepared(state=state, failure=failure, ref=None, findings=findings)
