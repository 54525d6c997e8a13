"""Proposals to a hub."""

from __future__ import annotations

from hublish.core.answers.report import HubReport
from hublish.core.status import RunState
from hublish.workflows.prepared import Delivered, Prepared, PreparedImage
from hublish.workflows.propose import Proposal
from hublish.workflows.services import Services
from tests.fakes import FakeSource
from tests.unit.workflows.parts import NAME, RUN_ID, TAG, Stage

DIGEST, OLD = "sha256:" + "b" * 64, "sha256:" + "a" * 64
KUSTOMIZATION = "kind: Kustomization\nresources:\n  - other.yaml\n"
OTHER = "kind: ImageStream\nmetadata: {name: other}\nspec: {tags: []}\n"
PREPARED = Prepared(state=RunState.BUILDING, failure=None, ref=TAG, hubs=("demo",))
IMAGE = Delivered(
    prepared=PreparedImage(
        title="ts", name=NAME, fixed_tags=("v1",), floating_tags=("latest",), build_key="k", python_version="3.11",
        resources="1 GPU", line="",
    ),
    digest=DIGEST, size_bytes=12_000_000, layers=3, uploaded_bytes=5, seconds=9.0, tags=("v1", "latest"), kept_tags=(),
    packages=(("six", "1.17.0"),),
)  # fmt: skip


def fill_hub(stage: Stage, **files: bytes | str) -> None:
    """Put files into the hub's folder; a "-> target" is a link."""
    tree: dict[str, bytes | str] = {
        "images/kustomization.yaml": KUSTOMIZATION.encode(),
        "images/other.yaml": OTHER.encode(),
        "images/deep/far.yaml": b"{broken",
        "elsewhere/far.yaml": b"{broken",
        "images/notes.txt": b"\xff",
        "images/link.yaml": "-> other.yaml",
    }
    stage.checkouts.sources["org/apps"] = FakeSource(
        {**tree, **{f"images/{name}.yaml": body for name, body in files.items()}}
    )


def propose(
    stage: Stage,
    *,
    services: Services | None = None,
    images: tuple[Delivered, ...] = (IMAGE,),
    prepared: Prepared = PREPARED,
    hub: str = "demo",
) -> HubReport:
    if stage.runs.read_run(RUN_ID) is None:
        stage.receive()
    return Proposal(stage.services if services is None else services).run(RUN_ID, prepared, hub, images)
