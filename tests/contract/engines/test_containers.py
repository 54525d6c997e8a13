"""What every engine of container builds does, whichever runs them."""

from __future__ import annotations

import json

import pytest

from hublish.builders.baseimage.local import LOCAL_HOST
from hublish.builders.layered.assembly import BASE_DIGEST_LABEL, BUILDER_LABEL
from hublish.core.building import Step
from hublish.oci.manifest import make_digest
from tests.contract.engines.parts import stop, succeed
from tests.fakes import FakeLog

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(300)]


def read_config(yard, name: str) -> dict:
    manifest = yard.registry.manifest(f"team/{name}", "built")
    assert manifest is not None
    body = yard.registry.blob(f"team/{name}", manifest["config"]["digest"])
    assert body is not None
    return json.loads(body)


def test_build_ends_with_its_image(yard, engine, kind) -> None:
    """The registry holds the image; layers of the base are not sent again, and the outcome has the registry's digest."""
    log, name = FakeLog(), f"success-{kind}"
    request = yard.ask(
        "FROM BASE\nARG WORD\nRUN echo $WORD > /made\nCOPY data /data\n", name=name, files={"data/a": b"1"}
    )
    outcome = succeed(engine, request, log)
    config = read_config(yard, name)

    assert outcome.digest == make_digest(yard.registry.manifest_bytes(f"team/{name}", "built"))
    assert [layer.transfer for layer in outcome.layers] == ["mounted", "uploaded", "uploaded"]
    assert (config["config"]["Labels"][BUILDER_LABEL], config["config"]["Labels"][BASE_DIGEST_LABEL]) == (
        "dockerfile-1",
        yard.base.digest,
    )
    assert LOCAL_HOST not in json.dumps([config, log.lines])
    assert [step for step, _ in outcome.step_seconds] == ["fetch", "base", "build", "layers", "push"]


def test_failing_step_is_named(yard, engine) -> None:
    """Reason, step and the last lines are enough for the answer; what a step says in its last moment buildah may drop."""
    outcome = stop(engine, yard.ask("FROM BASE\nRUN echo before; sleep 1; exit 3\n", name="failing"))

    assert (outcome.code, outcome.step, outcome.cancelled, outcome.transient) == (
        "BuildFailed",
        Step.BUILD,
        False,
        False,
    )
    assert outcome.message == "the build failed at step 2 of 2, RUN echo before; sleep 1; exit 3: exit status 3"
    assert outcome.label == "RUN echo before; sleep 1; exit 3"
    assert "before" in outcome.last_lines
    assert outcome.last_lines[-1] == f"error: {outcome.message}"
