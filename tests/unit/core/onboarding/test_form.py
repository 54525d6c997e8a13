"""The issue form, held to the rules that GitHub publishes for forms."""

from __future__ import annotations

import re

import yaml

from hublish.core.github.build_issue import is_build_issue, parse_issue_request
from hublish.core.onboarding.form import FORM_PATH, OLD_FORM_PATHS, render_form

FORM = """\
name: Deliver a container image
description: Build the images of this repository at a tag, and push them.
title: Deliver Container Image
body:
- type: input
  id: ref
  attributes:
    label: Ref
    description: The tag to build. A branch or commit is pushed as `branch-commit` and listed in no hub.
    placeholder: v1.2.3
  validations:
    required: true
- type: input
  id: images
  attributes:
    label: Images
    description: 'Names of images, separated by spaces. Empty: all of this repository.'
  validations:
    required: false
"""
TOP_KEYS = {"name", "description", "title", "labels", "assignees", "projects", "type", "body"}
INPUT_KEYS = {"label", "description", "placeholder", "value"}


def test_form_is_written_whole() -> None:
    """The file as it lies in a repository."""
    assert render_form() == FORM


def test_form_is_one_that_github_takes() -> None:
    """Known keys, a name, a description, fields with ids and labels of their own, at least one of them no mere text."""
    form = yaml.safe_load(render_form())
    fields = form["body"]
    ids = [field["id"] for field in fields]
    labels = [field["attributes"]["label"] for field in fields]

    assert set(form) <= TOP_KEYS
    assert all(isinstance(form[key], str) and form[key] for key in ("name", "description"))
    assert [field["type"] for field in fields] == ["input", "input"]
    assert all(set(field) <= {"type", "id", "attributes", "validations"} for field in fields)
    assert all(set(field["attributes"]) <= INPUT_KEYS and set(field["validations"]) == {"required"} for field in fields)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in ids)
    assert (ids, labels) == (["ref", "images"], ["Ref", "Images"])


def test_issue_of_the_form_asks_for_a_build() -> None:
    """By its title; the form lies where GitHub looks for forms, and knows the ancestor's beside it."""
    assert is_build_issue(yaml.safe_load(render_form())["title"])
    assert all(
        re.fullmatch(r"\.github/ISSUE_TEMPLATE/[a-z_]+\.(yml|yaml|md)", path) for path in (FORM_PATH, *OLD_FORM_PATHS)
    )


def test_issue_that_the_form_makes_is_understood() -> None:
    """GitHub renders each field as a heading with its text; one that is left empty says so."""
    labels = [field["attributes"]["label"] for field in yaml.safe_load(render_form())["body"]]
    filled = "".join(f"### {label}\n\n{text}\n\n" for label, text in zip(labels, ("v1.2.3", "ts ts-gpu"), strict=True))
    empty = "".join(
        f"### {label}\n\n{text}\n\n" for label, text in zip(labels, ("v1.2.3", "_No response_"), strict=True)
    )
    requests = [parse_issue_request(body) for body in (filled, empty)]

    assert [(asked.ref, asked.images, asked.problem, asked.notes) for asked in requests] == [
        ("v1.2.3", ("ts", "ts-gpu"), None, ()),
        ("v1.2.3", (), None, ()),
    ]
