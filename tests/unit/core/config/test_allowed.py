"""What the operator does not allow is told on its line before anything is built."""

from __future__ import annotations

import pytest

from hublish.core.config.allowed import check_allowed, choose_hubs
from hublish.core.config.file import parse_config

NAMESPACES = {"registry.example.org": {"octo": ("team",)}}
GOOD = b"version: 1\nimage: {name: registry.example.org/team/ts}\nhubs: [demo]\n"
SEVERAL = b"""\
version: 1
images:
  - {name: registry.example.org/team/ts}
  - name: registry.example.org/other/gpu
hubs:
  - demo
  - prod
"""


def check(body: bytes, *, path: str = ".hublish.yaml", owner: str = "octo") -> list[tuple[str | None, int | None, str]]:
    config = parse_config(body, path=path, repository_name="ts").config
    assert config is not None
    found = check_allowed(config, body, owner=owner, namespaces=NAMESPACES, hubs={"demo": "org/apps"})
    return [(finding.key, finding.line, finding.message) for finding in found]


def test_what_is_allowed_gives_no_finding() -> None:
    """The owner's own namespace and a hub of the settings."""
    assert check(GOOD) == []


@pytest.mark.parametrize(
    ("body", "owner", "expected"),
    [
        (
            GOOD,
            "eve",
            [("image.name", 2, "eve may not push to registry.example.org/team/ts; allowed for eve: none")],
        ),
        (
            SEVERAL,
            "octo",
            [
                (
                    "images[1].name",
                    4,
                    "octo may not push to registry.example.org/other/gpu; allowed for octo: registry.example.org/team/…",
                ),
                ("hubs", 5, "the hub prod is not in this service's settings; known: demo"),
            ],
        ),
    ],
)
def test_image_of_somebody_else_and_unknown_hub_are_errors(
    body: bytes, owner: str, expected: list[tuple[str, int, str]]
) -> None:
    """A copied config names the image of its first owner."""
    assert check(body, owner=owner) == expected


def test_old_config_of_somebody_else_is_an_error() -> None:
    """Its keys have no line of their own here; the file is meant."""
    body = b"build: {registry: registry.example.org, registry-org: other, registry-project: x}\n"

    assert [(key, line) for key, line, _ in check(body, path=".aicoe-ci.yaml")] == [("image.name", None)]


DEPLOY = b"build: {registry: registry.example.org, registry-org: team}\ndeploy: {project-org: %s, project-name: Apps}\n"


def test_deploy_of_the_old_format_means_the_hub_of_that_repository() -> None:
    """Case does not count, as on GitHub; hubs that are named come first, and none twice."""
    config = parse_config(DEPLOY % b"Org", path=".aicoe-ci.yaml", repository_name="ts").config
    assert config is not None

    assert choose_hubs(config, {"b": "org/apps", "a": "ORG/apps", "other": "org/other"}) == ("a", "b")
    assert check(DEPLOY % b"Org", path=".aicoe-ci.yaml") == []


def test_deploy_without_a_hub_is_a_warning() -> None:
    """Nothing is refused for it; nothing is proposed either."""
    assert check(DEPLOY % b"nobody", path=".aicoe-ci.yaml") == [
        ("deploy", None, "no hub of this service has its list in nobody/Apps, so nothing is proposed there")
    ]
