"""The issue form that asks for a build: GitHub shows its fields, and the issue holds them as headings with their text.

The title is the one that makes an issue a build issue, so that a form which somebody edited still asks for a build.

Source: GitHub's "Syntax for issue forms" and "Syntax for GitHub's form schema".
"""

from __future__ import annotations

from typing import Any

import yaml

from hublish.core.github.build_issue import BUILD_ISSUE_TITLE

FORM_PATH = ".github/ISSUE_TEMPLATE/deliver.yml"
OLD_FORM_PATHS = (".github/ISSUE_TEMPLATE/redeliver_container_image.md", ".github/ISSUE_TEMPLATE/deliver.yaml")
"""Forms for the same title that a repository may have; one beside them would ask everything twice."""
_WIDTH = 120


def render_form() -> str:
    """Render the form; it fits every repository."""
    form: dict[str, Any] = {
        "name": "Deliver a container image",
        "description": "Build the images of this repository at a tag, and push them.",
        "title": BUILD_ISSUE_TITLE,
        "body": [
            _make_input(
                "ref", "Ref", "The tag to build. A branch or commit is pushed as `branch-commit` and listed in no hub.",
                placeholder="v1.2.3", required=True,
            ),
            _make_input(
                "images", "Images", "Names of images, separated by spaces. Empty: all of this repository.",
                placeholder="", required=False,
            ),
        ],
    }  # fmt: skip
    return yaml.safe_dump(form, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _make_input(name: str, label: str, description: str, *, placeholder: str, required: bool) -> dict[str, Any]:
    attributes = {"label": label, "description": description, **({"placeholder": placeholder} if placeholder else {})}
    field: dict[str, Any] = {"type": "input", "id": name, "attributes": attributes}
    return {**field, "validations": {"required": required}}
