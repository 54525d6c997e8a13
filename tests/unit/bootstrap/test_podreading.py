"""What the Step fetch says where a registry refuses what was put there for it: the setting that helps, and nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.bootstrap.steps.parts import fetch_part
from hublish.bootstrap.steps.places import StepPlaces, explain_reading
from hublish.builders.containers.plan import make_bare_plan
from hublish.core.building import PodPart, PodScript
from hublish.core.ports import Manifest
from hublish.core.reference import Reference
from hublish.engines.runs import BuildRun
from hublish.errors import ImageInvalid, RegistryFailed
from tests.fakes import FakeImages, FakeLog, make_tar
from tests.golden.tekton_runs import BASE, REGISTRY, REQUEST

FILES = Reference(registry=REGISTRY, repository="team/ts", digest="sha256:" + "e" * 64)
SETTING = f"`registries.{REGISTRY}.pull_auth_file`"


class PrivateImages(FakeImages):
    """A registry that shows the base to everybody, and the image's own repository to nobody."""

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        if reference.name == FILES.name:
            raise RegistryFailed("manifest: expected 200 OK, got 401 Unauthorized.", hint="log in", status=401)
        return super().fetch_manifest(reference)


def test_files_of_a_private_repository_name_the_setting(tmp_path: Path) -> None:
    """The base comes, the files do not; the answer has the registry's words and what the operator can do."""
    images = PrivateImages()
    base = replace(BASE, tag=None, digest=images.add_image(BASE, [make_tar({"/a": b"1"})]))
    plan = make_bare_plan(
        f"FROM {base}\n", base=base, platform="linux/amd64", builder="script-1", seconds=60, size_bytes=1 << 20
    )
    script = PodScript(title="a wheel", text="true", files=FILES, network=False)
    run = BuildRun(request=replace(REQUEST, plan=plan), log=FakeLog(), clock=lambda: 0.0)
    places = StepPlaces(work=tmp_path, secrets=tmp_path, results={})

    with pytest.raises(RegistryFailed, match=r"401 Unauthorized\. The Step fetch is given no login") as caught:
        fetch_part(run, PodPart(build="build-1", script=script), images=images, places=places)
    assert SETTING in caught.value.hint
    assert (caught.value.status, caught.value.transient) == (401, False)


@pytest.mark.parametrize(
    ("error", "place", "named"),
    [
        (RegistryFailed("refused", status=401), FILES, True),
        (RegistryFailed("refused", status=403), FILES, True),
        (RegistryFailed("away", status=503, transient=True), FILES, False),
        (RegistryFailed("broken"), FILES, False),
        (RegistryFailed("refused", status=401), None, False),
        (ImageInvalid("other bytes"), FILES, False),
        (None, FILES, False),
    ],
)
def test_only_a_refusal_is_explained(error: Exception | None, place: Reference | None, named: bool) -> None:
    """A server that is away, or a wheel of other bytes, is no matter of logins."""
    with nullcontext() if error is None else pytest.raises(type(error)) as caught, explain_reading(place):
        if error is not None:
            raise error

    assert (caught is not None and SETTING in caught.value.hint) is named
