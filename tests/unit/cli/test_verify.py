"""`hublish verify`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.verification.layerdiff import PathDifference
from hublish.builders.verification.verdict import ConfigDifference, Doubt, LayerDifference, Verdict, Verification
from tests.unit.cli.conftest import Run
from tests.unit.cli.fakes import BASE_DIGEST, DIGEST, FakeHouse

IMAGE = "registry.example.org/team/ts:v1"
COMMIT = "a" * 40
CLAIMED = [
    f"registry.example.org/team/ts@{DIGEST}",
    "  it says of itself:",
    "  builder   layered-3 python-3.11.7",
    f"  base      registry.example.org/base:3.11@{BASE_DIGEST}",
    "  commit    none: the source was no clean checkout",
]
DIFFERENT = Verification(
    verdict=Verdict.DIFFERENT,
    rebuilt_digest=BASE_DIGEST,
    equal_layers=11,
    layers=(
        LayerDifference(
            title="numpy 2.1.0",
            image="sha256:1",
            rebuilt="sha256:2",
            paths=(
                PathDifference(path="/a", image="file A", rebuilt=None),
                PathDifference(path="/b", image=None, rebuilt="file B"),
                PathDifference(path="/c", image="file C", rebuilt="file D"),
            ),
            more_paths=7,
        ),
        LayerDifference(title="source", image=None, rebuilt="sha256:3", remark="not there"),
    ),
    config=(ConfigDifference(key="config.User", image=None, rebuilt='"1000:0"'),),
    remarks=("a remark",),
)


def test_equal_image_is_said_to_be(run: Run, house: FakeHouse, repository: Path) -> None:
    """What the image claims, then the answer; the base is the image's own, pinned."""
    expected = [*CLAIMED, "equal: 12 layers and the config; the digest is the same"]

    result = run("verify", IMAGE, repository)

    assert result.stdout.splitlines() == expected
    assert (result.exit_code, result.stderr) == (0, "layer numpy\n")
    assert house.workbench.bases == [f"registry.example.org/base:3.11@{BASE_DIGEST}"]
    assert house.workbench.verified == [f"registry.example.org/team/ts@{DIGEST}"]


def test_engine_is_chosen_as_for_a_build(run: Run, house: FakeHouse, repository: Path) -> None:
    """A package without a wheel is built again by the engine that was named; without a name, by what works."""
    results = [run("verify", IMAGE, repository, *words) for words in (("--engine", "docker"), ())]

    assert [result.exit_code for result in results] == [0, 0]
    assert [choice.engine for choice in house.choices] == ["docker", None]


def test_same_content_in_another_manifest_is_equal(run: Run, house: FakeHouse, repository: Path) -> None:
    """The digest need not be the same for the content to be."""
    house.workbench.verification = Verification(
        verdict=Verdict.EQUAL, rebuilt_digest=BASE_DIGEST, equal_layers=12, remarks=("stored otherwise",)
    )
    result = run("verify", IMAGE, repository)

    assert result.stdout.splitlines()[-2:] == [
        "  note: stored otherwise",
        "equal: 12 layers and the config; the digest is not the same",
    ]


def test_differences_are_listed(run: Run, house: FakeHouse, repository: Path) -> None:
    """Layer by layer, path by path, key by key, with both sides."""
    expected = [
        *CLAIMED,
        "  note: a remark",
        "  layer: numpy 2.1.0",
        "    image    sha256:1",
        "    rebuilt  sha256:2",
        "    added    /a",
        "      image    file A",
        "    missing  /b",
        "      rebuilt  file B",
        "    changed  /c",
        "      image    file C",
        "      rebuilt  file D",
        "    and 7 more paths",
        "  layer: source",
        "    image    nothing",
        "    rebuilt  sha256:3",
        "    not there",
        "  config: config.User",
        "    image    nothing",
        '    rebuilt  "1000:0"',
        "different: 2 of 13 layers and 1 keys of the config",
    ]
    house.workbench.verification = DIFFERENT

    result = run("verify", IMAGE, repository)

    assert result.stdout.splitlines() == expected
    assert result.exit_code == 6


def test_json_holds_verdict_claims_and_differences(run: Run, house: FakeHouse, repository: Path) -> None:
    """The whole document of a difference."""
    house.workbench.verification = DIFFERENT
    expected = {
        "verdict": "different",
        "image": f"registry.example.org/team/ts@{DIGEST}",
        "digest": DIGEST,
        "rebuilt_digest": BASE_DIGEST,
        "claims": {
            "builder": "layered-3 python-3.11.7",
            "base": f"registry.example.org/base:3.11@{BASE_DIGEST}",
            "commit": None,
        },
        "reason": None,
        "hint": None,
        "equal_layers": 11,
        "layers": [
            {
                "title": "numpy 2.1.0",
                "image": "sha256:1",
                "rebuilt": "sha256:2",
                "remark": "",
                "paths": [
                    {"path": "/a", "image": "file A", "rebuilt": None},
                    {"path": "/b", "image": None, "rebuilt": "file B"},
                    {"path": "/c", "image": "file C", "rebuilt": "file D"},
                ],
                "more_paths": 7,
            },
            {
                "title": "source",
                "image": None,
                "rebuilt": "sha256:3",
                "remark": "not there",
                "paths": [],
                "more_paths": None,
            },
        ],
        "config": [{"key": "config.User", "image": None, "rebuilt": '"1000:0"'}],
        "remarks": ["a remark"],
    }

    document = json.loads(run("verify", IMAGE, repository, "--json").stdout)

    assert document["result"] == expected
    assert (document["ok"], document["exit_code"]) == (False, 6)


def test_doubt_of_the_rebuild_is_said(run: Run, house: FakeHouse, repository: Path) -> None:
    """Another builder: no difference is claimed."""
    house.workbench.verification = Verification(
        verdict=Verdict.UNKNOWN, doubt=Doubt(reason="built by layered-1; this is layered-3", hint="Do that.")
    )
    result = run("verify", IMAGE, repository)

    assert result.stdout.splitlines()[-2:] == ["cannot say: built by layered-1; this is layered-3", "  Do that."]
    assert result.exit_code == 7


def test_other_commit_cannot_say_and_rebuilds_nothing(run: Run, house: FakeHouse, repository: Path) -> None:
    """The folder of the test is no git checkout."""
    house.workbench.claims = replace(house.workbench.claims, commit=COMMIT)
    result = run("verify", IMAGE, repository)

    assert f"cannot say: the image was built from commit {COMMIT}; the folder is no git checkout" in result.stdout
    assert (result.exit_code, house.workbench.verified) == (7, [])


def test_base_that_is_given_wins(run: Run, house: FakeHouse, repository: Path) -> None:
    """An image on a base from a folder names none."""
    house.workbench.claims = replace(house.workbench.claims, base_name=None)
    without = run("verify", IMAGE, repository)
    given = run("verify", IMAGE, repository, "--base", "oci:base")

    assert "error[ImageInvalid]: the image does not say where its base" in without.stderr
    assert (without.exit_code, given.exit_code) == (1, 0)
    assert f"  base      {BASE_DIGEST}" in given.stdout.splitlines()
    assert house.workbench.bases == ["oci:base"]


def test_repository_that_is_no_folder_gets_its_commands(run: Run, house: FakeHouse) -> None:
    """hublish fetches no repository; git does."""
    house.workbench.claims = replace(house.workbench.claims, commit=COMMIT)
    expected = [
        "cannot say: team/ts is no folder here, and hublish verify fetches no repository",
        "  git clone https://github.com/team/ts ts",
        f"  git -C ts checkout {COMMIT}",
        f"  hublish verify {IMAGE} ts",
    ]

    result = run("verify", IMAGE, "team/ts")

    assert result.stdout.splitlines()[-4:] == expected
    assert result.exit_code == 7


@pytest.mark.parametrize("folder", ["nowhere", "./nowhere", "/nowhere/at/all"])
def test_folder_that_does_not_exist_is_a_usage_error(run: Run, folder: str) -> None:
    """A typing error is no repository."""
    result = run("verify", IMAGE, folder)

    assert f"there is no folder {folder}" in result.stderr
    assert result.exit_code == 2


def test_nothing_is_rebuilt_without_a_plan(run: Run, house: FakeHouse, repository: Path) -> None:
    """Errors of config or plan stop before the rebuild."""
    house.workbench.plan_answer = None
    without_plan = run("verify", IMAGE, repository)
    (repository / ".hublish.yaml").write_text("version: 2\n")
    without_config = run("verify", IMAGE, repository)

    assert house.workbench.verified == []
    assert (without_plan.exit_code, without_config.exit_code) == (3, 3)


def test_first_of_several_images_is_planned(run: Run, house: FakeHouse, repository: Path) -> None:
    """No byte depends on which of them is meant."""
    (repository / ".hublish.yaml").write_text(
        "version: 1\nimages:\n- {name: registry.example.org/team/a}\n- {name: registry.example.org/team/b}\n"
    )
    result = run("verify", IMAGE, repository)

    assert result.exit_code == 0
    assert len(house.workbench.bases) == 1
