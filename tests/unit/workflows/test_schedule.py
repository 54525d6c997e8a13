"""The schedule: a base that moved is one run, whatever dies in between; nobody who did not ask for it gets one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from hublish.core.basewatch import BaseWatch
from hublish.core.codec import parse_value
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.repository import RefKind
from hublish.core.status import RunState
from hublish.errors import DatabaseFailed, GitHubFailed, RegistryFailed
from hublish.workflows.schedule import Schedule
from tests.unit.workflows.parts import AT, CONFIG, RELEASE, Stage, make_run
from tests.unit.workflows.schedule_parts import DAY, NEW, NEWER, OLD, ON, ROAD, TAG, Scene

OTHER = "registry.example.org/base/python:3.12"


def test_base_that_moved_is_one_rebuild(stage: Stage) -> None:
    """Of the release, as one run that is started; the next looks start nothing more."""
    scene = Scene(stage)
    quiet = scene.look()
    stage.digests.digests[TAG] = NEW
    scene.now += 2 * DAY
    counts = [scene.look(), scene.look()]
    (run,) = (run for run in stage.runs.list_runs(100) if run.id == "s1")
    expected = dataclasses.replace(
        RELEASE, kind=TriggerKind.SCHEDULE, actor="schedule", actor_is_bot=True, semantic_key=f"schedule:{NEW}",
        thread=Thread(kind="release", number=0), url="",
    )  # fmt: skip

    assert (quiet, counts) == (0, [1, 0])
    assert scene.runs() == [("s1", f"7:schedule:{NEW}", "v1", "received")]
    assert parse_value(Trigger, run.trigger) == expected
    assert scene.started == ["s1"]


def test_tag_is_asked_for_once_in_an_interval(stage: Stage) -> None:
    """However many releases follow it, and however often the service starts; GitHub is not asked for what stays."""
    scene = Scene(stage)
    for _ in range(3):
        scene.look()
    scene.now += timedelta(hours=23)
    scene.look()
    scene.now += timedelta(hours=2)
    scene.look()

    assert stage.digests.asked == [TAG, TAG]
    assert stage.reader.calls == []


def test_releases_are_not_read_while_no_tag_is_due(stage: Stage) -> None:
    """A round that has nothing to look at costs one small query, however many releases there are."""
    scene = Scene(stage)
    read: list[str] = []

    class Runs:
        def __getattr__(self, name: str) -> Any:
            read.append(name)
            return getattr(stage.runs, name)

    schedule = scene.make_schedule(runs=Runs())
    schedule.look()
    first = len(read)
    scene.now += timedelta(hours=23)
    schedule.look()
    second = len(read)
    scene.now += timedelta(hours=2)
    schedule.look()

    assert 0 < first == second < len(read)
    assert stage.digests.asked == [TAG, TAG]


def test_release_on_a_base_of_its_own_is_found_within_an_interval(stage: Stage) -> None:
    """Also while no tag is due that was followed before."""
    scene = Scene(stage)
    schedule = Schedule(scene.services, seconds=DAY.total_seconds(), start_run=scene.started.append, draw=lambda: 1.0)
    schedule.look()
    scene.deliver("v2", OLD, base=OTHER)
    scene.now += timedelta(hours=23)
    schedule.look()
    before = list(stage.digests.asked)
    scene.now += timedelta(hours=2)
    schedule.look()

    assert (before, stage.digests.asked) == ([TAG], [TAG, OTHER])


def test_tag_that_nobody_follows_any_more_is_put_off(stage: Stage) -> None:
    """It is not asked for; were it due for ever, every round would read all releases."""
    scene = Scene(stage)
    scene.look()
    scene.deliver("v2", OLD, base=OTHER)
    scene.now += 2 * DAY
    scene.look()

    assert stage.digests.asked == [TAG, OTHER]
    assert scene.services.base_watches.list_due_watches(scene.now) == ()
    assert scene.services.base_watches.read_watch(TAG) == BaseWatch(name=TAG, digest=OLD, next_look_at=scene.now + DAY)


@pytest.mark.parametrize(("draw", "hours"), [(0.0, 21.6), (0.5, 24.0), (1.0, 26.4)])
def test_next_look_is_jittered(stage: Stage, draw: float, hours: float) -> None:
    """A tenth more or less, so that not all come at once."""
    scene = Scene(stage)
    Schedule(scene.services, seconds=DAY.total_seconds(), start_run=scene.started.append, draw=lambda: draw).look()
    watch = scene.services.base_watches.read_watch(TAG)

    assert watch is not None
    assert watch.next_look_at == AT + timedelta(hours=hours)


@pytest.mark.parametrize("config", [CONFIG, CONFIG + "triggers: {schedule: false}\n", "version: 9\n"])
def test_repository_that_did_not_ask_for_it_gets_nothing(stage: Stage, config: str) -> None:
    """Off unless the default branch says so; it is looked at again with the tag, and not before."""
    scene = Scene(stage, config=config)
    stage.digests.digests[TAG] = NEW
    counts = [scene.look(), scene.look()]
    asked = stage.reader.calls.count("find_installation")
    stage.reader.files["octo/ts", ".hublish.yaml"] = ON.encode()
    scene.now += 2 * DAY

    assert (counts, asked, scene.look()) == ([0, 0], 1, 1)


def test_pinned_base_is_proposed_instead(stage: Stage) -> None:
    """A rebuild of a release whose config pins the digest would change nothing."""
    scene = Scene(stage, config=ON + f"base: {TAG}@{OLD}\n")
    stage.digests.digests[TAG] = NEW
    scene.look()

    assert scene.runs() == [("s1", f"7:schedule-pin:{NEW}", "main", "received")]


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.DENIED, RunState.SKIPPED, RunState.CANCELLED])
def test_digest_that_came_to_nothing_is_not_tried_again(stage: Stage, state: RunState) -> None:
    """A person may, by `/retry`; the next digest is another run."""
    scene = Scene(stage)
    stage.digests.digests[TAG] = NEW
    scene.look()
    stage.runs.move_run("s1", state, at=AT)
    scene.now += 2 * DAY
    scene.look()
    stage.digests.digests[TAG] = NEWER
    scene.now += 2 * DAY
    scene.look()

    assert [key for _, key, _, _ in scene.runs()] == [f"7:schedule:{NEW}", f"7:schedule:{NEWER}"]
    assert scene.started == ["s1", "s2"]


def test_rebuilt_release_is_followed_from_its_new_base(stage: Stage) -> None:
    """Its delivered rebuild is what counts from then on."""
    scene = Scene(stage)
    stage.digests.digests[TAG] = NEW
    scene.look()
    scene.deliver("v1", NEW, trigger=dataclasses.replace(RELEASE, kind=TriggerKind.SCHEDULE))
    scene.now += 2 * DAY

    assert scene.look() == 0


def test_crash_after_the_run_was_stored_repeats_nothing(stage: Stage) -> None:
    """Killed before the workflow started: the next look finds the run by its key and starts it; there is one."""
    scene = Scene(stage)
    stage.digests.digests[TAG] = NEW

    class Killed(BaseException):
        pass

    def die(_run_id: str) -> None:
        raise Killed

    with pytest.raises(Killed):
        Schedule(scene.services, seconds=60, start_run=die, draw=lambda: 0.5).look()
    again = scene.look()

    assert (again, scene.started) == (1, ["s1"])
    assert len(scene.runs()) == 1


def test_crash_before_the_run_was_stored_repeats_the_look(stage: Stage) -> None:
    """Nothing is remembered of the tag before what follows from it is."""
    scene = Scene(stage)
    stage.digests.digests[TAG] = NEW
    stage.reader.errors["find_installation"] = DatabaseFailed("away", transient=True)
    first = scene.look()
    stage.reader.errors.clear()

    assert (first, scene.look(), len(scene.runs())) == (0, 1, 1)


def test_look_that_failed_for_now_is_repeated_in_the_next_round(stage: Stage) -> None:
    """By the same replica, and for a tag that was never looked at before."""
    scene = Scene(stage)
    stage.digests.digests[TAG] = NEW
    schedule = scene.make_schedule()
    stage.reader.errors["find_installation"] = GitHubFailed("away", status=502, transient=True)
    first = schedule.look()
    stage.reader.errors.clear()

    assert (first, schedule.look(), len(scene.runs())) == (0, 1, 1)


def test_what_fails_for_good_is_looked_at_with_the_next_interval(stage: Stage) -> None:
    """GitHub refuses: it is not asked every few minutes."""
    scene = Scene(stage)
    stage.digests.digests[TAG] = NEW
    stage.reader.errors["find_installation"] = GitHubFailed("refused", status=403, transient=False)
    scene.look()
    scene.look()

    assert stage.reader.calls == ["find_installation"]


def test_registry_that_is_away_holds_up_nobody(stage: Stage) -> None:
    """What it said last counts, and it is asked again with the next interval."""
    scene = Scene(stage)
    scene.look()
    stage.digests.error = RegistryFailed("away", transient=True)
    scene.now += 2 * DAY
    scene.look()
    watch = scene.services.base_watches.read_watch(TAG)

    assert scene.runs() == []
    assert watch is not None
    assert (watch.digest, watch.next_look_at) == (OLD, scene.now + DAY)


def test_repository_that_is_another_one_now_is_left_alone(stage: Stage) -> None:
    """Somebody took the name of one that is gone; one without the App is passed over, too."""
    scene = Scene(stage)
    stage.digests.digests[TAG] = NEW
    stage.reader.repositories["octo/ts"] = dataclasses.replace(RELEASE.repository, id=99)
    first = scene.look()
    stage.reader.repositories.clear()
    scene.now += 2 * DAY

    assert (first, scene.look(), scene.runs()) == (0, 0, [])


def test_repository_with_two_names_is_looked_at_once(stage: Stage) -> None:
    """It was renamed between two releases; the highest of both counts."""
    scene = Scene(stage)
    scene.deliver("v2", OLD)
    renamed = dataclasses.replace(make_run(), id="old-name", key="7:old", repository="octo/before")
    stage.runs.ensure_run(renamed)
    for state in ROAD:
        stage.runs.move_run("old-name", state, at=AT)
    stage.digests.digests[TAG] = NEW
    scene.look()

    assert [(run_id, ref) for run_id, _, ref, _ in scene.runs()] == [("s1", "v2")]


def test_only_whole_releases_are_followed(stage: Stage) -> None:
    """Neither a branch, nor a part of the images, nor a tag without a build that is known."""
    scene = Scene(stage)
    for name, changes in {
        "b": {"ref_kind": RefKind.BRANCH}, "p": {"images": ("ts",)}, "c": {"kind": TriggerKind.PULL_REQUEST}
    }.items():  # fmt: skip
        trigger = dataclasses.replace(RELEASE, ref=f"v9{name}", **changes)
        scene.deliver(f"v9{name}", OLD, trigger=trigger)
    stage.digests.digests[TAG] = NEW
    scene.look()

    assert [ref for _, _, ref, _ in scene.runs()] == ["v1"]


def test_only_one_replica_looks(stage: Stage) -> None:
    """While another one has the duty, nobody is asked."""
    scene = Scene(stage)

    @contextmanager
    def hold_duty(_name: str) -> Iterator[bool]:
        yield False

    assert scene.make_schedule(hold_duty=hold_duty).look() == 0
    assert stage.digests.asked == []


def test_schedule_that_is_stopped_remembers_nothing(stage: Stage) -> None:
    """What it did not get to is looked at after the next start."""
    scene = Scene(stage)
    stage.digests.digests[TAG] = NEW
    schedule = scene.make_schedule()
    schedule.stop()

    assert (schedule.look(), scene.services.base_watches.read_watch(TAG)) == (0, None)
