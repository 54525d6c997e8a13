"""Sources and plans of them."""

from __future__ import annotations

from pathlib import Path

from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.builders.planning.planner import PlanInputs, make_plan
from hublish.core.config.file import Config, ImageConfig
from hublish.core.plan import Trust
from hublish.core.reference import Reference
from tests.fakes import FakeImages, FakeSource
from tests.sandbox.wheels import make_lock
from tests.unit.builders.samples import BASE

IMAGE = ImageConfig(reference=Reference(registry="registry.example.org", repository="team/ts"), tags=("latest",))
CONFIG = Config(path=".hublish.yaml", legacy=False, images=(IMAGE,))
NOTEBOOK = {"jupyterhub": "5.0", "jupyterlab": "4.0"}


def make_source(packages: dict[str, str], *, extra: dict[str, bytes] | None = None, **options: object) -> FakeSource:
    hashes = {name: [f"sha256:{number:064x}"] for number, name in enumerate(sorted(packages))}
    pipfile, lock = make_lock(packages, hashes=hashes, **options)
    return FakeSource({"Pipfile": pipfile.encode(), "Pipfile.lock": lock.encode(), **(extra or {})})


def plan(
    images: FakeImages,
    source: FakeSource,
    config: Config = CONFIG,
    *,
    cache: Path,
    bases: dict | None = None,
    systems=None,
    most_bytes: int | None = None,
):
    inputs = PlanInputs(
        source=source,
        config=config,
        image=IMAGE,
        bases={"3.11": BASE} if bases is None else bases,
        trust=Trust.OWNER,
        source_repo_id=7,
        target_repository="registry.example.org/team/ts",
        most_bytes=most_bytes,
    )
    layers = OwnerCaches(cache).open(owner=OWN, trust=Trust.OWNER).layers
    return make_plan(inputs, images=images, layers=layers, systems=systems)


def summarise(findings: tuple) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity.value) for finding in findings]
