"""The run's page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hublish.adapters.archive import DiskArchive
from hublish.adapters.store import BuildStore, RunStore, StepStore, ensure_schema, open_database
from hublish.core.building import BuildStopped, Progress, Step
from hublish.core.queue import Place
from hublish.core.records import Run
from hublish.core.status import RunState
from hublish.web import views
from hublish.web.app import make_app
from hublish.web.views import make_view_router
from tests.unit.web.asgi import Answer, ask

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
RUN_ID = "5f" * 16
HOSTILE = "<script>alert(1)</script>\"'&"
POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


class Site:
    """The pages over real records in a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "site.sqlite"
        self.engine = open_database(f"sqlite:///{self.path}")
        ensure_schema(self.engine)
        self.runs, self.steps, self.builds = RunStore(self.engine), StepStore(self.engine), BuildStore(self.engine)
        self.archive = DiskArchive(folder / "logs")
        self.places: dict[str, Place] = {}
        router = make_view_router(
            runs=self.runs,
            steps=self.steps,
            builds=self.builds,
            archive=self.archive,
            now=lambda: AT + timedelta(seconds=65),
            find_places=lambda: self.places,
        )
        self.app = make_app((router,), start=lambda: None, stop=lambda: None, health=dict)

    def add_run(self, *, text: str = "v1.2") -> None:
        self.runs.ensure_run(
            Run(
                id=RUN_ID, key="k", attempt=1, state=RunState.RECEIVED, repository="octo/ts", ref=text, actor=text,
                sha=None, trigger="{}", message=text, created_at=AT, ended_at=None,
            )
        )  # fmt: skip

    def add_build(self, *, image: str = "ts", lines: tuple[str, ...] = ("fetch six",)) -> str:
        name = self.builds.claim_build("abc", at=AT).name
        self.steps.ensure_link(RUN_ID, name, image)
        log = self.archive.open_log(name)
        for line in lines:
            log.append(line)
        return name

    def get(self, path: str = "") -> Answer:
        return ask(self.app, f"/runs/{RUN_ID}{path}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.engine.dispose()


def test_page_of_a_run_shows_state_steps_and_log(site: Site) -> None:
    """One plain page, which asks to be loaded again while the run is at work."""
    site.add_run()
    name = site.add_build()
    site.steps.ensure_step(RUN_ID, "plan", state="done", detail="", at=AT)
    site.steps.ensure_step(RUN_ID, "build ts", state="running", detail="second try", at=AT)
    site.builds.note_progress(name, Progress(step=Step.PUSH, done=1_000_000, total=2_000_000, label="numpy 2.1.0"))
    page = site.get().text

    assert '<meta http-equiv="refresh" content="3">' in page
    assert '<p class="state received">received</p>' in page
    assert "<dt>time</dt><dd>1 min 5 s</dd>" in page
    assert '<tr class="done"><td>✓</td><td>plan</td><td class="time">0.0 s</td><td></td></tr>' in page
    assert '<tr class="running"><td>…</td><td>build ts</td>' in page
    assert "<td>second try</td>" in page
    assert "<p>push: 1.0 MB of 2.0 MB numpy 2.1.0</p>" in page
    assert f'<a href="/runs/{RUN_ID}/log/{name}">whole log as text</a>' in page
    assert " fetch six\n</pre>" in page


def test_page_of_an_ended_run_is_not_loaded_again(site: Site) -> None:
    """It has its message and its final time; a build with an outcome shows no progress."""
    site.add_run(text="")
    name = site.add_build()
    site.builds.note_progress(name, Progress(step=Step.LAYERS, done=1, total=None))
    site.builds.finish_build(name, BuildStopped(code="X", message="m", hint="", step=Step.LAYERS), at=AT)
    site.runs.move_run(RUN_ID, RunState.FAILED, at=AT + timedelta(seconds=4), sha="a" * 40, message="WheelMissing: six")
    page = site.get().text

    assert "http-equiv" not in page
    assert '<span class="ref"></span>' in page
    assert '<p class="message">WheelMissing: six</p>' in page
    assert "<dd>4.0 s</dd>" in page
    assert "a" * 40 in page
    assert "<p>layers:" not in page


def test_page_before_the_first_step_says_so(site: Site) -> None:
    """A run that was just received has no steps and no logs."""
    site.add_run()

    assert "<tr><td>nothing has begun yet</td></tr>" in site.get().text


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress(step=Step.PACKAGES, done=3, total=10, label="six"), "<p>packages: 3 of 10 six</p>"),
        (Progress(step=Step.BASE, done=3, total=None), "<p>base: 3</p>"),
    ],
)
def test_progress_counts_things_or_bytes(site: Site, progress: Progress, expected: str) -> None:
    """Only what is pushed is measured in bytes; a total and a label are shown where known."""
    site.add_run()
    site.builds.note_progress(site.add_build(), progress)

    assert expected in site.get().text


def test_hostile_text_is_shown_as_text(site: Site) -> None:
    """Tag, person, message, step, image and log lines come out escaped, in the title, too."""
    site.add_run(text=HOSTILE)
    site.add_build(image=HOSTILE, lines=(HOSTILE, "</pre><img src=x>"))
    site.steps.ensure_step(RUN_ID, HOSTILE, state=HOSTILE, detail=HOSTILE, at=AT)
    page = site.get().text

    assert "<script" not in page
    assert "<img" not in page
    assert page.count("</pre>") == 1
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 8
    assert "\"'&" not in page


def test_every_answer_forbids_scripts_frames_and_caching(site: Site) -> None:
    """Pages, logs, states and errors alike: nothing may run, load, be framed, indexed or guessed as another type."""
    site.add_run()
    name = site.add_build()
    answers = [site.get(path) for path in ("", f"/log/{name}", "/state", "/log/other")]
    answers.append(ask(site.app, "/runs/unknown"))

    assert [answer.status for answer in answers] == [200, 200, 200, 404, 404]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-robots-tag"] == "noindex"


def test_log_is_text_with_ids_from_where_the_reader_is(site: Site) -> None:
    """`after` gives the rest; anything that is no number is the beginning."""
    site.add_run()
    name = site.add_build(lines=("one", "two <b>", "three"))
    bodies = {after: site.get(f"/log/{name}?after={after}").text for after in ("2", "9", "", "-1", "x", "9" * 5000)}
    whole = site.get(f"/log/{name}")

    assert whole.headers["content-type"] == "text/plain; charset=utf-8"
    assert [line.split(" ", 2)[::2] for line in whole.text.splitlines()] == [
        ["1", "one"],
        ["2", "two <b>"],
        ["3", "three"],
    ]
    assert bodies["2"].endswith(" three\n")
    assert bodies["2"].startswith("3 ")
    assert bodies["9"] == ""
    assert bodies[""] == bodies["-1"] == bodies["x"] == bodies["9" * 5000] == whole.text


def test_long_log_comes_in_parts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is not the whole says how to get the next one."""
    monkeypatch.setattr(views, "LOG_LINES", 2)
    site.add_run()
    name = site.add_build(lines=("one", "two", "three"))

    assert site.get(f"/log/{name}").text.splitlines()[-1] == "… more with ?after=2"
    assert len(site.get(f"/log/{name}?after=2").text.splitlines()) == 1


def test_log_is_shown_only_under_a_run_that_waits_for_it(site: Site) -> None:
    """A build's name can be guessed, a run's id cannot: another run's log, or a path, is not there."""
    site.add_run()
    site.archive.open_log("build-secret-1").append("secret")

    assert site.get("/log/build-secret-1").status == 404
    assert site.get("/log/..%2F..%2Fsite.sqlite").status == 404
    assert site.get("/log/build-secret-1").text == "no such log\n"


def test_state_is_one_word(site: Site) -> None:
    """For scripts that wait."""
    site.add_run()

    assert site.get("/state").text == "received\n"
    assert (ask(site.app, "/runs/none/state").status, ask(site.app, "/runs/none/state").text) == (404, "missing\n")


def test_unknown_run_is_a_page_that_tells_nothing(site: Site) -> None:
    """404, and the id that was asked for does not come back."""
    answer = ask(site.app, "/runs/<script>")

    assert answer.status == 404
    assert "No such run" in answer.text
    assert "<script>" not in answer.text


def test_style_is_served_for_the_pages(site: Site) -> None:
    """As a style sheet and nothing else."""
    answer = ask(site.app, "/style.css")

    assert (answer.status, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_only_read(site: Site, method: str) -> None:
    """No other method is known, and no GET writes a row or a file."""
    site.add_run()
    name = site.add_build()
    with site.engine.connect() as connection:
        before = connection.execute(sa.text("PRAGMA data_version")).scalar_one(), sorted(site.path.parent.rglob("*"))
        for path in ("", "/state", f"/log/{name}", "/log/other"):
            site.get(path)
        after = connection.execute(sa.text("PRAGMA data_version")).scalar_one(), sorted(site.path.parent.rglob("*"))

    assert after == before
    assert ask(site.app, f"/runs/{RUN_ID}", method=method).status == 405


def test_page_says_where_a_build_waits(site: Site) -> None:
    """Its place in the queue stands where its progress will be, as long as the run is open."""
    site.add_run()
    name = site.add_build(lines=())
    site.places[name] = Place(position=2, waiting=5, wait_seconds=61)
    waiting = site.get().text
    site.runs.move_run(RUN_ID, RunState.FAILED, at=AT)

    assert "<p>waits for a slot, position 2 of 5, expected to start in about 1 min 1 s</p>" in waiting
    assert "waits for a slot" not in site.get().text
