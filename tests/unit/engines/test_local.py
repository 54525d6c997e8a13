"""The local engine: adopts by name, tells progress and outcome, loses nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hublish.core.building import BuildSucceeded, Step
from hublish.core.plan import Strategy, Trust
from hublish.errors import StrategyUnavailable
from tests.fakes import FakeLog
from tests.unit.builders.samples import TARGET
from tests.unit.engines.parts import REPOSITORY, ask, wait


def test_build_ends_with_its_image(bench, engine):
    """The digest stands under the tag that was asked for, the log tells the way."""
    log = FakeLog()

    engine.start(ask(bench), log)
    outcome = wait(engine)

    assert isinstance(outcome, BuildSucceeded)
    assert bench.images.fetch_manifest(TARGET).digest == outcome.digest
    assert [name for name, _ in outcome.step_seconds] == ["fetch", "base", "packages", "layers", "push"]
    assert log.lines[0] == f"source org/ts at {'a' * 40}"
    assert engine.status("build-1").progress.step is Step.PUSH


def test_bill_of_materials_stands_beside_the_image(bench, engine):
    """It names the repository."""
    engine.start(ask(bench), FakeLog())
    outcome = wait(engine)

    listed = json.loads(bench.images.fetch_manifest(TARGET.with_tag(outcome.digest.replace(":", "-"))).body)
    artifact = bench.images.fetch_manifest(TARGET.with_digest(listed["manifests"][0]["digest"]))
    bill = json.loads(bench.images.blobs[TARGET.name, json.loads(artifact.body)["layers"][0]["digest"]])
    properties = bill["metadata"]["component"]["properties"]
    assert {"name": "hublish:repository", "value": "org/ts"} in properties


def test_layers_are_kept_per_owner(bench, engine):
    """What one owner's build left on this machine is never taken for another's; the same owner's next build takes it."""
    logs = {name: FakeLog() for name in ("first", "same owner", "other owner")}
    other = replace(REPOSITORY, id=8, owner="other")

    for name, log in logs.items():
        request = ask(bench, name=name, repository=other if name == "other owner" else REPOSITORY)
        engine.start(request, log)
        wait(engine, name)

    kept = {name: [line for line in log.lines if "layers of packages" in line] for name, log in logs.items()}

    assert kept == {
        "first": ["1 layers of packages: 1 made, 0 kept from earlier builds"],
        "same owner": ["1 layers of packages: 0 made, 1 kept from earlier builds"],
        "other owner": ["1 layers of packages: 1 made, 0 kept from earlier builds"],
    }


def test_unknown_run_has_no_status(engine):
    """After a restart nothing is known, and cancelling nothing is no error."""
    engine.cancel("other")

    assert engine.status("other") is None


def test_known_name_is_adopted_not_started_twice(bench, engine):
    """The second start leaves the first build alone."""
    log = FakeLog()

    engine.start(ask(bench), log)
    wait(engine)
    lines = list(log.lines)
    engine.start(ask(bench), log)

    assert log.lines == lines


def test_image_of_a_fork_with_a_place_for_it_is_not_built(bench, engine):
    """No source is fetched for it, and nothing reaches a registry, whatever name was asked for."""
    log, message = FakeLog(), "the image of a fork is pushed nowhere, and this request names a place for it"
    engine.start(ask(bench, plan=bench.plan(trust=Trust.FORK)), log)
    outcome = wait(engine)

    assert (outcome.code, outcome.message) == ("NotAllowed", message)
    assert (log.lines, bench.images.pushed) == ([f"error: {message}"], [])


@pytest.mark.parametrize("trust", [Trust.PULL_REQUEST, Trust.FORK])
def test_build_that_is_tried_has_the_digest_of_the_real_one_and_writes_nowhere(bench, engine, trust):
    """No blob, manifest or bill of materials reaches a registry, and nothing is left for later builds."""
    engine.start(ask(bench, name="tried", plan=bench.plan(trust=trust), target=None), FakeLog())
    tried = wait(engine, "tried")
    pushed = list(bench.images.pushed)
    log = FakeLog()
    engine.start(ask(bench), log)
    real = wait(engine)

    assert (tried.digest, tried.size_bytes, tried.uploaded_bytes) == (real.digest, real.size_bytes, 0)
    assert {layer.transfer for layer in tried.layers} == {"dropped"}
    assert pushed == []
    assert "1 layers of packages: 1 made, 0 kept from earlier builds" in log.lines


def test_layers_are_kept_by_the_id_of_their_owner(bench, engine):
    """A login that changed hands finds nothing of its earlier owner; an owner who changed the login finds everything."""
    owners = {
        "first": replace(REPOSITORY, owner_id=1),
        "same login": replace(REPOSITORY, owner_id=2),
        "new login": replace(REPOSITORY, owner="renamed", owner_id=1),
    }
    logs = {name: FakeLog() for name in owners}
    for name, repository in owners.items():
        engine.start(ask(bench, name=name, repository=repository), logs[name])
        wait(engine, name)

    kept = {name: [line for line in log.lines if "layers of packages" in line] for name, log in logs.items()}

    assert kept == {
        "first": ["1 layers of packages: 1 made, 0 kept from earlier builds"],
        "same login": ["1 layers of packages: 1 made, 0 kept from earlier builds"],
        "new login": ["1 layers of packages: 0 made, 1 kept from earlier builds"],
    }


def test_other_strategies_are_refused(bench, engine):
    """This engine never runs code of a repository."""
    plan = bench.plan(strategy=Strategy.DOCKERFILE)

    with pytest.raises(StrategyUnavailable, match="the plan says dockerfile"):
        engine.start(ask(bench, plan=plan), FakeLog())

    assert engine.strategies == frozenset({Strategy.LAYERED})


def test_wheels_that_nothing_here_builds_are_left_to_another_engine(bench, engine):
    """So that pods get such a build, although this engine is asked first."""
    plan = bench.plan(builds_wheels=True)

    with pytest.raises(StrategyUnavailable, match="the local engine builds no wheels for this owner"):
        engine.start(ask(bench, plan=plan), FakeLog())


def test_old_runs_are_forgotten(bench, engine, monkeypatch):
    """What is known does not grow for ever."""
    monkeypatch.setattr("hublish.engines.runs.ENDED_RUNS_KEPT", 1)
    for name in ("a", "b", "c"):
        engine.start(ask(bench, name=name, plan=bench.plan(trust=Trust.OWNER)), FakeLog())
        wait(engine, name)

    engine.start(ask(bench, name="d"), FakeLog())
    wait(engine, "d")

    assert engine.status("a") is None
    assert engine.status("c") is not None
