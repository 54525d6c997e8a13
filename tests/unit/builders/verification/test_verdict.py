"""What an image claims, and when a rebuild could say nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.verification.verdict import (
    Claims,
    Doubt,
    find_plan_doubt,
    find_source_doubt,
    open_image,
    pin_base,
    render_git_commands,
)
from hublish.builders.wheels.bytecode import name_compiler
from hublish.core.reference import parse_reference
from hublish.errors import ImageInvalid
from tests.fakes import FakeImages, FakeSource
from tests.unit.builders.samples import TARGET, Bench

DIGEST = "sha256:" + "b" * 64
COMMIT = "a" * 40
CLAIMS = Claims(
    builder="layered-3",
    base_digest=DIGEST,
    base_name="registry.example.org/base/python:3.11",
    commit=COMMIT,
    source_name="ts",
)
LABELS = {
    "io.github.hublish.builder": "layered-3",
    "org.opencontainers.image.base.digest": DIGEST,
    "org.opencontainers.image.base.name": "registry.example.org/base/python:3.11",
    "org.opencontainers.image.revision": COMMIT,
}
ENTRYPOINT = ("/usr/bin/python3", "-I", "/opt/hublish/entrypoint.py", "/srv/repo", "ts")


def open_with(labels: dict[str, str], *, entrypoint: tuple[str, ...] = ENTRYPOINT) -> Claims:
    images = FakeImages()
    images.add_image(TARGET, [], spec={"labels": tuple(sorted(labels.items())), "entrypoint": entrypoint})
    return open_image(images, TARGET, platform="linux/amd64").claims


def test_labels_and_entry_point_are_the_claims():
    """Builder, base, commit and the source's name."""
    assert open_with(LABELS) == CLAIMS


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"org.opencontainers.image.revision": "main; rm -rf /"}, replace(CLAIMS, commit=None)),
        ({"org.opencontainers.image.base.name": "no reference!"}, replace(CLAIMS, base_name=None)),
        ({"org.opencontainers.image.base.name": "oci-layout.invalid/layout-1"}, replace(CLAIMS, base_name=None)),
        ({"io.github.hublish.builder": "a\nb"}, replace(CLAIMS, builder="a b")),
    ],
)
def test_claim_that_is_not_what_it_should_be_is_none(changes, expected):
    """A label can hold anything: text for a shell, a name that means a folder of this machine, line ends."""
    assert open_with({**LABELS, **changes}) == expected


@pytest.mark.parametrize("entrypoint", [(), ("sh",), (*ENTRYPOINT[:-1], "../x"), (*ENTRYPOINT[:-1], ".ssh")])
def test_source_without_a_plain_name_has_none(entrypoint):
    """A hidden folder or a way out is no name of a repository."""
    assert open_with(LABELS, entrypoint=entrypoint).source_name is None


@pytest.mark.parametrize("label", ["io.github.hublish.builder", "org.opencontainers.image.base.digest"])
def test_image_that_hublish_did_not_build_is_refused(label):
    """Without these labels there is nothing to go by."""
    labels = {name: value for name, value in LABELS.items() if name != label}

    with pytest.raises(ImageInvalid, match=f"has no label {label}: it was not built by hublish's strategy layered"):
        open_with(labels)


def test_base_digest_that_is_none_is_refused():
    """It would be asked of a registry."""
    with pytest.raises(ImageInvalid, match="expected a digest in the label"):
        open_with({**LABELS, "org.opencontainers.image.base.digest": "latest"})


def test_missing_image_is_told():
    """A tag with a typing error."""
    with pytest.raises(ImageInvalid, match=r"there is no image registry\.example\.org/team/ts:build-1"):
        open_image(FakeImages(), TARGET, platform="linux/amd64")


def test_base_is_pinned_to_the_digest_of_the_image():
    """The tag may have moved since."""
    assert str(pin_base(CLAIMS)) == f"registry.example.org/base/python:3.11@{DIGEST}"
    with pytest.raises(ImageInvalid, match="does not say where its base"):
        pin_base(replace(CLAIMS, base_name=None))


@pytest.mark.parametrize(
    ("claimed", "found", "expected"),
    [
        (COMMIT, COMMIT, None),
        (None, None, None),
        (None, COMMIT, None),
        (
            COMMIT,
            None,
            Doubt(
                reason=f"the image was built from commit {COMMIT}; the folder is no git checkout, or has changes",
                hint="Verify a clean checkout of that commit: git clone REPOSITORY, then "
                f"git -C 'my folder' checkout {COMMIT}",
            ),
        ),
        (
            COMMIT,
            "c" * 40,
            Doubt(
                reason=f"the image was built from commit {COMMIT}; the folder is at {'c' * 40}",
                hint=f"Check out the image's commit: git -C 'my folder' checkout {COMMIT}",
            ),
        ),
    ],
)
def test_folder_of_another_commit_cannot_say(claimed, found, expected):
    """What differs then would be no fault of the image."""
    tree = FakeSource({}, commit=found).tree

    assert find_source_doubt(replace(CLAIMS, commit=claimed), tree, folder="my folder") == expected


def test_builder_and_base_must_be_the_images(tmp_path: Path):
    """Another builder, another patch release of the compiler, another base: each with what to do."""
    bench = Bench(tmp_path)
    bench.add_base()
    plan = replace(bench.plan(), bytecode=True)
    own = f"layered-3 {name_compiler()}"
    claims = replace(CLAIMS, base_digest=plan.base.digest, builder=own)

    assert name_compiler() == "python-" + sys.version.split()[0]
    assert find_plan_doubt(claims, plan) is None
    assert find_plan_doubt(replace(claims, builder="layered-1"), plan) == Doubt(
        reason=f"the image was built by layered-1; this hublish builds by {own}",
        hint="CHANGELOG.md says which release of hublish has which builder; verify with one that has the image's.",
    )
    assert find_plan_doubt(replace(claims, builder="layered-3 python-3.1.0"), plan) == Doubt(
        reason=f"the image was built by layered-3 python-3.1.0; this hublish builds by {own}",
        hint="Run this hublish on Python 3.1.0: byte-code may differ between patch releases.",
    )
    assert find_plan_doubt(claims, replace(plan, base=None)) == Doubt(
        reason=f"the image was built on the base {plan.base.digest}; the plan has none",
        hint="Give the image's own base by --base, or leave --base out.",
    )
    assert find_plan_doubt(CLAIMS, plan) is not None


@pytest.mark.parametrize(
    ("repository", "claims", "expected"),
    [
        (
            "team/ts",
            CLAIMS,
            f"git clone https://github.com/team/ts ts\ngit -C ts checkout {COMMIT}\nhublish verify example.com/x:1 ts",
        ),
        (
            "https://github.com/team/t s.git",
            replace(CLAIMS, commit=None, source_name=None),
            "git clone 'https://github.com/team/t s.git' 't s'\nhublish verify example.com/x:1 't s'",
        ),
        (
            "git@github.com:team/ts",
            replace(CLAIMS, source_name=None),
            f"git clone git@github.com:team/ts ts\ngit -C ts checkout {COMMIT}\nhublish verify example.com/x:1 ts",
        ),
    ],
)
def test_commands_fetch_the_commit_and_verify(repository, claims, expected):
    """They can be pasted as they are, whatever the names hold."""
    assert render_git_commands(repository, claims, image="example.com/x:1") == expected


def test_pinned_base_is_a_reference():
    """What is printed can be given to --base."""
    assert parse_reference(str(pin_base(CLAIMS))) == pin_base(CLAIMS)
