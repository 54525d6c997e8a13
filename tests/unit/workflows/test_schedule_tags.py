"""The schedule where a base's tag names a version to its end: a newer one is proposed."""

from __future__ import annotations

from hublish.core.status import RunState
from hublish.errors import RegistryFailed
from tests.unit.workflows.parts import AT, Stage
from tests.unit.workflows.schedule_parts import DAY, OLD, ON, Scene


def test_newer_tag_of_a_version_is_proposed(stage: Stage) -> None:
    """Where the config names the tag; once for each newer one, and nothing is built."""
    versioned = "registry.example.org/base/python:3.11.1"
    scene = Scene(stage, config=ON + f"base: {versioned}\n")
    scene.deliver("v2", OLD, base=versioned)
    stage.digests.digests[versioned] = OLD
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


def test_newer_tag_that_the_config_does_not_name_is_not_proposed(stage: Stage) -> None:
    """The operator's base for the Python version is the operator's business; nor is a list that cannot be had."""
    versioned = "registry.example.org/base/python:3.11.1"
    scene = Scene(stage)
    scene.deliver("v2", OLD, base=versioned)
    stage.digests.digests[versioned] = OLD
    stage.digests.tags = ("3.11.2",)
    first = scene.look()

    def fail(_reference: object) -> tuple[str, ...]:
        raise RegistryFailed("away", transient=True)

    scene.now += 2 * DAY
    second = scene.make_schedule(list_tags=fail).look()

    assert (first, second, scene.runs()) == (0, 0, [])
