"""The run's page: state, steps, log as text, under the run's unguessable id. Reads only; nothing changes by GET."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from hublish.core.logs import Archive
from hublish.core.measures import render_bytes, render_seconds
from hublish.core.queue import Place, render_place
from hublish.core.records import BuildRecords, RunRecords, RunStep, StepRecords

TAIL_LINES = 400
LOG_LINES = 10_000
"""Lines of one answer: all of a long log at once would be held in memory; the next ones are a request away."""
_HEADERS = {
    # The page shows text that strangers caused: nothing in it may run, load or be framed.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_STYLE_HEADERS = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
_LINE_ID = re.compile(r"[0-9]{1,15}")
_MARKS = {"running": "…", "done": "✓", "failed": "✗", "skipped": "-"}


def make_view_router(
    *,
    runs: RunRecords,
    steps: StepRecords,
    builds: BuildRecords,
    archive: Archive,
    now: Callable[[], datetime],
    find_places: Callable[[], Mapping[str, Place]],
) -> APIRouter:
    """Make the routes of the run's page.

    Args:
        runs: runs.
        steps: their steps, and which builds they wait for.
        builds: how far those are.
        archive: their logs.
        now: the time, aware UTC.
        find_places: name of each waiting build to its place in the queue.
    """
    router = APIRouter()
    pages = _RunPages(runs, steps, builds, archive, now=now, find_places=find_places)
    router.get("/runs/{run_id}", response_class=HTMLResponse)(pages.show_run)
    router.get("/runs/{run_id}/log/{build}", response_class=PlainTextResponse)(pages.show_log)
    router.get("/runs/{run_id}/state")(pages.show_state)
    router.get("/style.css")(_show_style)
    return router


class _RunPages:
    """The handlers of a run's pages."""

    def __init__(
        self,
        runs: RunRecords,
        steps: StepRecords,
        builds: BuildRecords,
        archive: Archive,
        *,
        now: Callable[[], datetime],
        find_places: Callable[[], Mapping[str, Place]],
    ) -> None:
        self._runs = runs
        self._steps = steps
        self._builds = builds
        self._archive = archive
        self._now = now
        self._find_places = find_places
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True)
        )

    def show_run(self, run_id: str) -> Response:
        """State, steps and the end of each log."""
        run = self._runs.read_run(run_id)
        if run is None:
            missing = self._templates.get_template("missing.html").render()
            return HTMLResponse(missing, status_code=404, headers=_HEADERS)
        places = {} if run.state.ended else self._find_places()
        logs = [
            (
                image,
                name,
                self._archive.read_tail(name, limit=TAIL_LINES),
                _describe_progress(self._builds, name, places.get(name)),
            )
            for name, image in self._steps.list_links(run_id)
        ]
        body = self._templates.get_template("run.html").render(
            run=run,
            steps=[_describe_step(step, self._now()) for step in self._steps.list_steps(run_id)],
            logs=logs,
            running=not run.state.ended,
            duration=render_seconds(((run.ended_at or self._now()) - run.created_at).total_seconds()),
        )
        return HTMLResponse(body, headers=_HEADERS)

    def show_log(self, run_id: str, build: str, request: Request) -> Response:
        """The lines of one build's log after the one that the query names."""
        if build not in {name for name, _ in self._steps.list_links(run_id)}:
            return PlainTextResponse("no such log\n", status_code=404, headers=_HEADERS)
        after = request.query_params.get("after", "")
        first = int(after) if _LINE_ID.fullmatch(after) else 0
        lines = self._archive.read_lines(build, after=first, limit=LOG_LINES)
        text = "".join(f"{line.id} {line.text}\n" for line in lines)
        if len(lines) == LOG_LINES:
            text += f"… more with ?after={lines[-1].id}\n"
        return PlainTextResponse(text, headers=_HEADERS)

    def show_state(self, run_id: str) -> Response:
        """The state as one word."""
        run = self._runs.read_run(run_id)
        return PlainTextResponse(
            "missing\n" if run is None else f"{run.state.value}\n",
            status_code=404 if run is None else 200,
            headers=_HEADERS,
        )


def _show_style() -> Response:
    style = (Path(__file__).parent / "templates" / "style.css").read_text()
    return Response(style, media_type="text/css", headers=_STYLE_HEADERS)


def _describe_step(step: RunStep, now: datetime) -> dict[str, str]:
    seconds = ((step.ended_at or now) - step.started_at).total_seconds()
    return {
        "mark": _MARKS.get(step.state, "?"),
        "state": step.state,
        "name": step.name,
        "detail": step.detail,
        "time": render_seconds(seconds),
    }


def _describe_progress(builds: BuildRecords, name: str, place: Place | None) -> str:
    if place is not None:
        return render_place(place)
    build = builds.read_build(name)
    progress = None if build is None else build.progress
    if build is None or progress is None or build.outcome is not None:
        return ""
    show = render_bytes if progress.step.value == "push" else str
    total = "" if progress.total is None else f" of {show(progress.total)}"
    return f"{progress.step.value}: {show(progress.done)}{total} {progress.label}".strip()
