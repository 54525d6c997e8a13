"""Plans of locks that name packages by their source: noted in the plan, refused where the source or an engine is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.builders.planning.packagecheck import WheelSupply
from hublish.builders.planning.planner import PlanInputs, Planned, make_plan
from hublish.core.config.file import Config, ImageConfig, PythonConfig
from hublish.core.plan import Environment, Trust
from hublish.core.reference import Reference
from tests.fakes import TINY_BASE, FakeImages, FakeIndex, FakeSource, make_tar
from tests.sandbox.wheels import make_lock
from tests.unit.builders.samples import BASE

IMAGE = ImageConfig(reference=Reference(registry="registry.example.org", repository="team/ts"), tags=("latest",))
CONFIG = Config(path=".hublish.yaml", legacy=False, images=(IMAGE,), python=PythonConfig(environment=Environment.BASE))


def plan(folder: Path, entry: dict[str, object] | None, *, can_build: bool = True) -> Planned:
    """Plan a repository with the package `libs/notes`, whose lock has one entry or none."""
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE)])
    pipfile, text = make_lock({}, hashes={})
    lock = json.loads(text)
    lock["default"] = {} if entry is None else {"notes": entry}
    files = {"Pipfile": pipfile, "Pipfile.lock": json.dumps(lock), "libs/notes/setup.py": "", "libs/other/x.py": ""}
    inputs = PlanInputs(
        source=FakeSource({path: body.encode() for path, body in files.items()}),
        config=CONFIG,
        image=IMAGE,
        bases={"3.11": BASE},
        trust=Trust.OWNER,
        source_repo_id=7,
        target_repository="registry.example.org/team/ts",
    )
    supply = WheelSupply(index=FakeIndex(folder / "index"), folder=folder / "wheels", can_build=lambda: can_build)
    layers = OwnerCaches(folder / "layers").open(owner=OWN, trust=Trust.OWNER).layers
    return make_plan(inputs, images=images, layers=layers, supply=supply)


def list_codes(planned: Planned) -> list[str]:
    return [finding.code for finding in planned.findings if finding.code != "HubPackageMissing"]


def test_plan_says_that_it_builds_wheels(tmp_path: Path) -> None:
    """So that engines without containers leave it alone; the package has the hash of its folder."""
    planned = plan(tmp_path, {"path": "libs/notes", "editable": True})
    without = plan(tmp_path, None)

    assert planned.plan is not None
    assert without.plan is not None
    assert (planned.plan.builds_wheels, without.plan.builds_wheels) == (True, False)
    assert list_codes(planned) == ["WheelBuilt"]
    assert [len(package.hashes) for package in planned.plan.packages] == [1]
    assert replace(planned.plan, packages=(), builds_wheels=False, source_digest="") == replace(
        without.plan, source_digest=""
    )


@pytest.mark.parametrize(
    ("entry", "can_build", "expected"),
    [
        ({"path": "libs/other"}, True, "PackageMissing"),
        ({"path": "libs/notes"}, False, "NeedsWheelBuild"),
        ({"git": "https://example.com/notes", "ref": "a" * 40}, False, "NeedsWheelBuild"),
    ],
)
def test_source_that_cannot_be_built_stops_the_plan(
    tmp_path: Path, entry: dict[str, object], can_build: bool, expected: str
) -> None:
    """No package is there, or no engine."""
    planned = plan(tmp_path, entry, can_build=can_build)

    assert planned.plan is None
    assert list_codes(planned) == [expected]
