"""Several images from one repository: what each says of itself, and how a commit's config meets the default branch's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.core.config.file import parse_config
from hublish.core.config.values import Config, DockerfileConfig, ImageConfig, PythonConfig, S2IConfig, merge_configs
from hublish.core.plan import Environment, Strategy
from hublish.core.reference import Reference

HOST = "registry.example.org"
OVERLAYS = """\
version: 1
base: registry.example.org/base/python:3.11
python: {dev: true}
images:
  - name: registry.example.org/team/cpu
  - name: registry.example.org/team/gpu
    strategy: layered
    base: registry.example.org/base/cuda:3.11
    python: {lock: gpu/Pipfile.lock, environment: base}
  - name: registry.example.org/team/web
    strategy: dockerfile
    dockerfile: {path: web/Dockerfile}
  - name: registry.example.org/team/lab
    strategy: source
    s2i: {context: lab}
"""


def read(text: str = OVERLAYS) -> Config:
    parsed = parse_config(text.encode(), path=".hublish.yaml")
    assert parsed.config is not None, parsed.findings
    return parsed.config


def codes(text: str) -> list[tuple[str, int | None, str | None]]:
    findings = parse_config(text.encode(), path=".hublish.yaml").findings
    return [(finding.code, finding.line, finding.key) for finding in findings]


def make_image(name: str, **fields: object) -> ImageConfig:
    return ImageConfig(reference=Reference(registry=HOST, repository=f"team/{name}"), tags=("{release}",), **fields)  # type: ignore[arg-type]


def test_each_image_says_what_it_has_of_its_own() -> None:
    """A block of an image takes the place of the common one as a whole; the rest is common."""
    config = read()
    cpu, gpu, web, lab = config.images
    base = Reference(registry=HOST, repository="base/python", tag="3.11")
    cuda = Reference(registry=HOST, repository="base/cuda", tag="3.11")
    common = PythonConfig(dev=True)
    own = PythonConfig(lock="gpu/Pipfile.lock", environment=Environment.BASE)

    assert cpu == make_image("cpu")
    assert gpu == make_image("gpu", strategy=Strategy.LAYERED, base=cuda, python=own)
    assert web == make_image("web", strategy=Strategy.DOCKERFILE, dockerfile=DockerfileConfig(path="web/Dockerfile"))
    assert lab == make_image("lab", strategy=Strategy.SOURCE, s2i=S2IConfig(context="lab"))
    assert [(one.strategy, one.base, one.python) for one in map(config.for_image, config.images)] == [
        (None, base, common),
        (Strategy.LAYERED, cuda, own),
        (Strategy.DOCKERFILE, base, common),
        (Strategy.SOURCE, base, common),
    ]
    assert config.for_image(web).dockerfile == DockerfileConfig(path="web/Dockerfile")


def test_overlays_without_a_fault_have_no_finding() -> None:
    """A common key that one of them reads is of use."""
    assert codes(OVERLAYS) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "version: 1\nimages:\n  - {name: a.example/x/ts, strategy: source}\n",
            [("KeyMissing", 3, "images[0].strategy")],
        ),
        (
            "version: 1\nimages:\n  - {name: a.example/x/ts, strategy: layered, s2i: {}}\n",
            [("KeyUnused", 3, "images[0].s2i")],
        ),
        (
            "version: 1\nimages:\n  - {name: a.example/x/ts, s2i: {}}\n",
            [("KeyUnused", 3, "images[0].s2i")],
        ),
        (
            "version: 1\nstrategy: source\nimages:\n  - {name: a.example/x/ts}\n  - {name: a.example/x/b, base: 'a.example/b:1'}\n",
            [("KeyMissing", 2, "strategy")],
        ),
        (
            "version: 1\nstrategy: source\nimages:\n  - {name: a.example/x/ts, base: 'a.example/b:1'}\n",
            [],
        ),
        (
            "version: 1\nimage: {name: a.example/x/ts, strategy: layered}\n",
            [("UnknownKey", 2, "image.strategy")],
        ),
    ],
)
def test_what_an_image_lacks_or_does_not_read_is_told_at_the_image(
    text: str, expected: list[tuple[str, int, str]]
) -> None:
    """The single image says it in the common keys."""
    assert codes(text) == expected


def test_names_come_from_the_default_branch_and_the_rest_from_the_commit() -> None:
    """Images are told by their title; the one the commit does not know counts as it is on the default branch."""
    publish = read()
    cpu, gpu, web, lab = publish.images
    elsewhere = Reference(registry=HOST, repository="other/gpu")
    at_commit = replace(publish, images=(replace(gpu, reference=elsewhere, tags=("x",), base=None), cpu))
    merged = merge_configs(publish, at_commit)

    assert merged.images == (cpu, replace(gpu, tags=("x",), base=None), web, lab)
    assert merge_configs(publish, None) == publish


def test_renamed_images_are_told_by_their_order() -> None:
    """A release of before the renaming still says how its image is made."""
    publish = read("version: 1\nimage: {name: registry.example.org/team/new}\n")
    at_commit = read("version: 1\nimage: {name: registry.example.org/team/old, tags: [a]}\n")

    assert merge_configs(publish, at_commit).images == (replace(publish.images[0], tags=("a",)),)
