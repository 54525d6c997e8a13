"""The schedule where a base's tag names a version to its end: a newer one is proposed."""

from __future__ import annotations

from hublish.core.status import RunState
from hublish.errors import RegistryFailed
from tests.unit.workflows.parts import AT, Stage
from tests.unit.workflows.schedule_parts import DAY, NEW, OLD, ON, Scene

VERSIONED = "registry.example.org/base/python:3.11.1"


def move_after_proposal(stage: Stage, *, base: str) -> Scene:
    """A newer version was proposed, then the version in use moved."""
    scene = Scene(stage, config=ON + f"base: {base}\n")
    scene.deliver("v2", OLD, base=VERSIONED)
    stage.digests.digests[VERSIONED] = OLD
    stage.digests.tags = ("3.11.1", "3.11.2")
    scene.look()
    stage.runs.move_run("s1", RunState.SKIPPED, at=AT)
    stage.digests.digests[VERSIONED] = NEW
    scene.now += 2 * DAY
    return scene


def test_newer_tag_of_a_version_is_proposed(stage: Stage) -> None:
    """Where the config names the tag; once for each newer one, and nothing is built."""
    scene = Scene(stage, config=ON + f"base: {VERSIONED}\n")
    scene.deliver("v2", OLD, base=VERSIONED)
    stage.digests.digests[VERSIONED] = OLD
    stage.digests.tags = ("3.11.1", "3.11.2", "3.12.0")
    counts = [scene.look()]
    scene.now += 2 * DAY
    counts.append(scene.look())
    stage.digests.tags = ("3.11.1", "3.11.2", "3.11.3")
    stage.runs.move_run("s1", RunState.SKIPPED, at=AT)
    scene.now += 2 * DAY
    counts.append(scene.look())

    assert counts == [1, 1, 1]
    assert [(run_id, key.partition(":")[2].partition(":")[0], ref) for run_id, key, ref, _ in scene.runs()] == [
        ("s1", "schedule-pin", "main"),
        ("s2", "schedule-pin", "main"),
    ]


def test_base_that_moves_is_rebuilt_although_a_newer_version_was_proposed(stage: Stage) -> None:
    """Security holes of the version in use are closed, whatever became of the proposal; each of both is one run."""
    scene = move_after_proposal(stage, base=VERSIONED)
    first = scene.look()
    stage.runs.move_run("s2", RunState.FAILED, at=AT)
    scene.now += 2 * DAY

    assert (first, scene.look()) == (1, 0)
    assert scene.runs()[1:] == [("s2", f"7:schedule:{NEW}", "v2", "failed")]


def test_pinned_base_that_moves_is_proposed_although_a_newer_version_was(stage: Stage) -> None:
    """Both are of the same branch, which is made anew as the config has it."""
    scene = move_after_proposal(stage, base=f"{VERSIONED}@{OLD}")

    assert scene.look() == 1
    assert scene.runs()[1:] == [("s2", f"7:schedule-pin:{NEW}", "main", "received")]


def test_newer_tag_that_the_config_does_not_name_is_not_proposed(stage: Stage) -> None:
    """The operator's base for the Python version is the operator's business; nor is a list that cannot be had."""
    scene = Scene(stage)
    scene.deliver("v2", OLD, base=VERSIONED)
    stage.digests.digests[VERSIONED] = OLD
    stage.digests.tags = ("3.11.2",)
    first = scene.look()

    def fail(_reference: object) -> tuple[str, ...]:
        raise RegistryFailed("away", transient=True)

    scene.now += 2 * DAY
    second = scene.make_schedule(list_tags=fail).look()

    assert (first, second, scene.runs()) == (0, 0, [])
