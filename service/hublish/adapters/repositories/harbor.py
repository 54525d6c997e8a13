"""Projects of a Harbor, made by its API; the repositories in a project come with their first push.

No Harbor is at hand for tests: they hold the requests to the description that Harbor publishes of its API.

Source: Harbor API 2.0, "headProject", "createProject".
"""

from __future__ import annotations

import base64
from http import HTTPStatus

from hublish.adapters.repositories.api import JSONAPI
from hublish.adapters.repositories.login import LoginFile
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed

_HEAD = frozenset({HTTPStatus.OK, HTTPStatus.NOT_FOUND})
_MADE = frozenset({HTTPStatus.CREATED, HTTPStatus.CONFLICT})


class HarborProjects:
    """Implements the port RepositoryMaker; the login is `user:password`, of a robot account that may create projects."""

    def __init__(self, api: JSONAPI, login: LoginFile) -> None:
        self._api, self._login = api, login

    def ensure_repository(self, reference: Reference) -> bool:
        """Make the project unless it is there; see the port."""
        project, _, name = reference.repository.partition("/")
        if not name:
            raise RegistryFailed(f"{reference.name}: a repository of Harbor is PROJECT/NAME, and this has no project")
        authorization = f"Basic {base64.b64encode(self._login.load().encode()).decode()}"
        status = self._api.ask(
            "HEAD",
            "/api/v2.0/projects",
            action=f"look for the project of {reference.name}",
            expected=_HEAD,
            authorization=authorization,
            query={"project_name": project},
        )
        if status == HTTPStatus.OK:
            return False
        status = self._api.ask(
            "POST",
            "/api/v2.0/projects",
            action=f"creation of the project of {reference.name}",
            expected=_MADE,
            authorization=authorization,
            body={"project_name": project, "metadata": {"public": "false"}},
        )
        # Somebody else made it in between.
        return status == HTTPStatus.CREATED
