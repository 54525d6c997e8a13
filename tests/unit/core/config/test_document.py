"""A config as a document: every key with its value, and which of them the file sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.config.document import Setting, list_settings, make_document, render_duration, render_size
from hublish.core.config.file import parse_config
from hublish.core.config.values import Config
from hublish.core.config.valuetext import parse_duration, parse_size

FULL = b"""\
version: 1
images:
  - name: registry.example.org/team/ts
  - {name: registry.example.org/team/gpu, tags: ["{release}", latest]}
base: registry.example.org/base/python:3.11
python: {dev: true}
system: {apt: [git, curl]}
dockerfile: {args: {A: b}}
s2i: {environment: {C: d}}
resources: {cpu: 0.5, memory: 8Gi}
limits: {time: 1h30m}
"""


def read(body: bytes, path: str = ".hublish.yaml") -> Config:
    parsed = parse_config(body, path=path, repository_name="ts")
    assert parsed.config is not None, parsed.findings
    return parsed.config


def test_document_names_every_key() -> None:
    """Defaults included, in the order of the schema."""
    document = make_document(read(FULL))

    assert document == {
        "images": (
            {"name": "registry.example.org/team/ts", "tags": ("{release}",)},
            {"name": "registry.example.org/team/gpu", "tags": ("{release}", "latest")},
        ),
        "strategy": None,
        "base": "registry.example.org/base/python:3.11",
        "python": {"lock": None, "dev": True, "environment": "venv"},
        "system": {"apt": ("git", "curl")},
        "source": {"path": "/srv/repo"},
        "dockerfile": {"path": None, "context": ".", "target": None, "args": {"A": "b"}},
        "s2i": {"scripts_url": None, "context": ".", "environment": {"C": "d"}, "user": None},
        "resources": {"cpu": 0.5, "memory": "8Gi", "gpu": 0},
        "smoke": {"notebooks": None, "timeout": "5m"},
        "triggers": {
            "release": True,
            "prerelease": False,
            "tag": False,
            "push": (),
            "issue": True,
            "label": None,
            "comment": True,
            "schedule": False,
            "pull_request": False,
            "pull_request_tag": False,
        },
        "approvers": {"owners": False, "teams": ()},
        "hubs": (),
        "limits": {"time": "1h30m", "size": "4Gi"},
    }


def test_settings_tell_what_is_set_and_where() -> None:
    """A key of the file has its line, any other is a default; what has neither value nor default is left out."""
    settings = {setting.key: setting for setting in list_settings(read(FULL), FULL)}
    given_keys = {key: setting.line for key, setting in settings.items() if setting.given}

    assert given_keys == {
        "images[0].name": 3,
        "images[1].name": 4,
        "images[1].tags": 4,
        "base": 5,
        "python.dev": 6,
        "system.apt": 7,
        "dockerfile.args.A": 8,
        "s2i.environment.C": 9,
        "resources.cpu": 10,
        "resources.memory": 10,
        "limits.time": 11,
    }
    assert settings["images[0].tags"] == Setting(key="images[0].tags", value="{release}", given=False)
    assert settings["strategy"].value == "by the files present"
    assert settings["system.apt"].value == "git, curl"
    assert settings["resources.cpu"].value == "0.5"
    assert settings["hubs"].value == "none"
    assert settings["python.dev"].value == "true"
    assert "smoke.notebooks" not in settings


def test_settings_of_the_old_format_are_set_where_they_differ() -> None:
    """Its keys have other names, so that no line is told."""
    body = b"build: {registry-org: team, build-stratergy: Dockerfile}\n"
    settings = list_settings(read(body, ".aicoe-ci.yaml"), body)

    assert [(setting.key, setting.value, setting.line) for setting in settings if setting.given] == [
        ("image.name", "quay.io/team/ts", None),
        ("image.tags", "{release}", None),
        ("strategy", "dockerfile", None),
        ("dockerfile.path", "Dockerfile", None),
        ("dockerfile.context", ".", None),
    ]


def test_settings_of_an_unreadable_file_are_none_set() -> None:
    """A body that is not the config's own gives no lines."""
    assert not any(setting.given for setting in list_settings(read(FULL), b"\xff"))


@pytest.mark.parametrize(
    ("key", "published"),
    [
        ("image.name", True),
        ("images[0].name", True),
        ("images[0].tags", False),
        ("hubs", True),
        ("triggers.tag", True),
        ("approvers.teams", True),
        ("base", False),
    ],
)
def test_published_settings_count_from_the_default_branch(key: str, published: bool) -> None:
    """Names, hubs, triggers and approvers; the rest counts as it is at the commit."""
    assert Setting(key=key, value="", given=True).published is published


@given(seconds=st.integers(min_value=1, max_value=24 * 3600))
def test_durations_are_read_back(seconds: int) -> None:
    """What is written is what was read."""
    assert parse_duration(render_duration(seconds)) == seconds


@given(
    count=st.integers(min_value=1, max_value=1000), unit=st.sampled_from(["k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"])
)
def test_sizes_are_read_back(count: int, unit: str) -> None:
    """What is written is what was read, in the largest unit that fits."""
    size_bytes = parse_size(f"{count}{unit}")

    assert parse_size(render_size(size_bytes)) == size_bytes
