"""The images of the top-level Dockerfile run in the build namespaces, hold no secret and stay small."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

import hublish
from hublish.adapters.index import read_pip_configuration
from tests.cluster.cluster import BASELINE
from tests.cluster.program_images import make_program_archive
from tests.cluster.runs import run_script

SERVICE_BYTES = 450_000_000
"""What target `service` may unpack to, its base included; measured: see the test's output with -s."""
BUILD_BYTES = 650_000_000

# The first test of a session builds the images.
pytestmark = pytest.mark.timeout(900)


def read_config(archive: Path) -> dict:
    """The config of the one image in a docker archive."""
    with tarfile.open(archive) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))
        return json.load(tar.extractfile(manifest["Config"]))


def list_paths(archive: Path) -> list[str]:
    """Names of everything in the layers of a docker archive."""
    paths = []
    with tarfile.open(archive) as outer:
        for layer in [member for member in outer if member.name.endswith(".tar")]:
            with tarfile.open(fileobj=outer.extractfile(layer), mode="r:") as tar:
                paths += tar.getnames()
    return paths


@pytest.mark.network
def test_service_image_runs_in_the_restricted_namespace(cluster, service_image):
    """Without root, capabilities or a writable home the program starts and names its version."""
    outcome = run_script(cluster, "#!/bin/sh\nhublish --version\nid -u\n", image=service_image)

    assert (outcome.succeeded, outcome.log) == (True, f"hublish {hublish.__version__}\n1000\n")


@pytest.mark.network
def test_build_image_has_buildah_and_the_program(cluster, build_image):
    """The image of Dockerfile builds runs as UID 0 where `baseline` is enforced, with buildah and the same program."""
    script = "#!/bin/sh\nhublish --version\nbuildah --version | cut -d ' ' -f 1,2\nid -u\n"
    outcome = run_script(cluster, script, image=build_image, namespace=BASELINE, root=True)

    assert (outcome.succeeded, outcome.log) == (True, f"hublish {hublish.__version__}\nbuildah version\n0\n")


@pytest.mark.network
@pytest.mark.parametrize(
    ("target", "user", "most_bytes"), [("service", "1000:0", SERVICE_BYTES), ("build", "", BUILD_BYTES)]
)
def test_images_are_small_and_their_user_is_as_promised(base, target, user, most_bytes):
    """The service's image names a user without rights; both stay below their bounds."""
    archive = make_program_archive(target, base=base)
    print(f"{target}: {archive.stat().st_size} bytes unpacked, base included")

    assert read_config(archive)["config"].get("User", "") == user
    assert archive.stat().st_size < most_bytes


@pytest.mark.network
def test_no_layer_holds_the_index_or_its_login(base):
    """What pip was given for the build is in no layer and not in the image's history."""
    configuration = read_pip_configuration(os.environ, python=sys.executable)
    archive = make_program_archive("service", base=base)

    paths = list_paths(archive)

    assert configuration is not None
    assert configuration.index_url not in json.dumps(read_config(archive))
    assert [path for path in paths if path.startswith("run/secrets/") or path.endswith("pip.conf")] == []
