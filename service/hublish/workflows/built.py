"""What the builds of a run were, gathered from the records for its check runs and its answer. Reads only.

Nothing here is part of a workflow's history: what is said can grow without a run that is under way noticing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from hublish.builders.dockerfile.failedline import find_instruction_line
from hublish.core.answers.builds import LOG_LINES, BuildPlace, BuildReport, StepTime
from hublish.core.building import BuildRequest, BuildStopped, BuildSucceeded
from hublish.core.codec import parse_value
from hublish.core.plan import Plan
from hublish.core.records import Build, Run, RunStep
from hublish.errors import HublishError
from hublish.telemetry import get_logger
from hublish.workflows.prepared import PreparedImage
from hublish.workflows.services import Services

_log = get_logger(__name__)


def read_builds(services: Services, run_id: str, images: Sequence[PreparedImage] = ()) -> tuple[BuildReport, ...]:
    """Read how far the builds of a run are, in the order they were asked for; those not yet asked for come as planned.

    Args:
        services: the ports.
        run_id: the run.
        images: as they were planned; without them the plans are left out.
    """
    run = services.runs.read_run(run_id)
    if run is None:
        return ()
    known = {image.title: image for image in images}
    links = {title: name for name, title in services.steps.list_links(run_id)}
    steps = services.steps.list_steps(run_id)
    reports = []
    for title in dict.fromkeys((*known, *links)):
        build = services.builds.read_build(links[title]) if title in links else None
        reports.append(_make_report(services, run, title, build=build, steps=steps, image=known.get(title)))
    return tuple(reports)


def _make_report(
    services: Services,
    run: Run,
    title: str,
    *,
    build: Build | None,
    steps: Sequence[RunStep],
    image: PreparedImage | None,
) -> BuildReport:
    outcome = None if build is None else build.outcome
    place: BuildPlace | None = None
    log: tuple[str, ...] = ()
    if build is not None and isinstance(outcome, BuildStopped):
        place = _find_place(services, build, outcome, lock="" if image is None else image.lock)
        log = services.archive.read_tail(build.name, limit=LOG_LINES) or outcome.last_lines
    return BuildReport(
        title=title,
        plan="" if image is None else image.line,
        outcome=outcome,
        steps=tuple(_list_steps(run, title, build=build, steps=steps)),
        place=place,
        log=log,
    )


def _list_steps(run: Run, title: str, *, build: Build | None, steps: Sequence[RunStep]) -> list[StepTime]:
    """The steps of a run that concern an image; its build's own in place of the one line, where this run began it."""
    times: list[StepTime] = []
    for step in steps:
        kind, _, rest = step.name.partition(" ")
        if step.ended_at is None or kind not in ("plan", "build", "publish", "propose"):
            continue
        if kind in ("build", "publish") and rest != title:
            continue
        inner = _list_build_steps(build, since=run.created_at) if kind == "build" else ()
        times += inner or (StepTime(name=step.name, seconds=(step.ended_at - step.started_at).total_seconds()),)
    return times


def _list_build_steps(build: Build | None, *, since: datetime) -> tuple[StepTime, ...]:
    if build is None or build.started_at < since or not isinstance(build.outcome, BuildSucceeded):
        return ()
    return tuple(StepTime(name=f"build: {name}", seconds=seconds) for name, seconds in build.outcome.step_seconds)


def _find_place(services: Services, build: Build, stopped: BuildStopped, *, lock: str) -> BuildPlace | None:
    """The line that caused a failure: an instruction of the Dockerfile, or a package of the lock."""
    text = services.builds.read_request(build.key)
    if text is None:
        return None
    try:
        plan = parse_value(BuildRequest, text).plan
    except HublishError as error:
        # A remark beside a line is a courtesy; the failure is told without it.
        _log.warning("request not read", build=build.name, code=error.code)
        return None
    return _find_instruction(plan, stopped) or _find_package(plan, stopped, lock=lock)


def _find_instruction(plan: Plan, stopped: BuildStopped) -> BuildPlace | None:
    if plan.dockerfile is None or plan.container is None:
        return None
    line = find_instruction_line(plan.container.dockerfile_text, stopped.label)
    return None if line is None else BuildPlace(path=plan.dockerfile, line=line)


def _find_package(plan: Plan, stopped: BuildStopped, *, lock: str) -> BuildPlace | None:
    """The one package that the error names; an error that names several has no one line."""
    if not lock:
        return None
    named = [
        package
        for package in plan.packages
        if re.search(rf"(?<![\w.-]){re.escape(package.title)}(?![\w-]|\.\w)", stopped.message)
    ]
    if len(named) != 1 or named[0].line is None:
        return None
    return BuildPlace(path=lock, line=named[0].line)
