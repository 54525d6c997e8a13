"""The project issue: titled "NEW PROJECT ..." or "Onboard Project ...", with which people ask a team to take up a repository.

The forms and templates of the ancestor service's communities are in use; their fields are read by name, and those that
mean nothing here are named in the answer. Decides nothing about who may.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hublish.core.github.consent import make_repository_key
from hublish.core.github.issue_form import choose_fields, note_unread, parse_form, parse_lines
from hublish.core.github.trigger import Project
from hublish.errors import clip

PREFIXES = ("new project", "onboard project")
REPOSITORY, NAME, PEOPLE = "repository", "name", "people"
FIELDS: Mapping[str, str] = {
    "repository": REPOSITORY,
    "repository url": REPOSITORY,
    "github repository": REPOSITORY,
    "github repository associated": REPOSITORY,
    "repository name": NAME,
    "project name": NAME,
    "desired project names": NAME,
    "team name": NAME,
    "users needing access": PEOPLE,
    "userid of users requiring admin access": PEOPLE,
}
"""Fields by their names in lower case, and what they mean."""
_TEXT_LIMIT = 200
_FULL_NAME = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9._-]+")


def is_project_issue(title: str) -> bool:
    """Tell whether an issue's title is that of a project issue; case and doubled spaces do not count."""
    text = f"{' '.join(title.split()).casefold()} "
    return any(text.startswith(prefix) and not text[len(prefix)].isalnum() for prefix in PREFIXES)


def parse_project(body: str | None) -> tuple[Project, tuple[str, ...]] | None:
    """Read a project issue.

    Args:
        body: Markdown as GitHub stores it; None when the issue has no text.

    Returns:
        `(the project, sentences on fields that are not read)`, or None for a text with none of the fields.
    """
    fields = (*parse_form(body), *parse_lines(body, FIELDS))
    if not any(field.key in FIELDS for field in fields):
        return None
    chosen = choose_fields(fields, FIELDS)
    names = chosen.get(NAME, ())
    project = Project(
        repository=_find_repository(chosen.get(REPOSITORY, ())),
        name=clip(names[0].strip("<>"), limit=_TEXT_LIMIT) if names else "",
        people=bool(chosen.get(PEOPLE)),
    )
    return project, note_unread(
        fields, FIELDS, read="Its fields are the repository, the project's name and its people."
    )


def _find_repository(texts: tuple[str, ...]) -> str:
    """The first text that is a repository's address; "" where none is."""
    for text in texts:
        _, _, name = (make_repository_key(text.strip("<>").strip()[:_TEXT_LIMIT]) or "").partition("/")
        if _FULL_NAME.fullmatch(name):
            return name
    return ""
