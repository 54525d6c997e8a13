"""Repositories of a Quay, made by its API.

No Quay is at hand for tests: they hold the requests to the description that Quay publishes of its API.

Source: Red Hat Quay 3 API, "getRepo", "createRepo".
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from hublish.adapters.repositories.api import JSONAPI
from hublish.adapters.repositories.login import LoginFile
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed

DESCRIPTION = "Made by hublish."


class QuayRepositories:
    """Implements the port RepositoryMaker; the login is an OAuth access token with `repo:create`."""

    def __init__(self, api: JSONAPI, login: LoginFile) -> None:
        self._api, self._login = api, login

    def ensure_repository(self, reference: Reference) -> bool:
        """Make the repository unless it is there; see the port."""
        if "/" not in reference.repository:
            raise RegistryFailed(f"{reference.name}: a repository of Quay is NAMESPACE/NAME, and this has no namespace")
        authorization = f"Bearer {self._login.load()}"
        if self._is_there(reference, authorization):
            return False
        try:
            self._create(reference, authorization)
        except RegistryFailed as error:
            # Quay says the same of a name that it does not take and of one that somebody else made a moment ago.
            if error.status != HTTPStatus.BAD_REQUEST or not self._is_there(reference, authorization):
                raise
            return False
        return True

    def _is_there(self, reference: Reference, authorization: str) -> bool:
        namespace, _, name = reference.repository.partition("/")
        status = self._api.ask(
            "GET",
            f"/api/v1/repository/{quote(namespace, safe='')}/{quote(name, safe='/')}",
            action=f"look for the repository {reference.name}",
            expected=frozenset({HTTPStatus.OK, HTTPStatus.NOT_FOUND}),
            authorization=authorization,
            query={"includeTags": "false"},
        )
        return status == HTTPStatus.OK

    def _create(self, reference: Reference, authorization: str) -> None:
        namespace, _, name = reference.repository.partition("/")
        body = {
            "repo_kind": "image",
            "namespace": namespace,
            "repository": name,
            "visibility": "private",
            "description": DESCRIPTION,
        }
        self._api.ask(
            "POST",
            "/api/v1/repository",
            action=f"creation of the repository {reference.name}",
            expected=frozenset({HTTPStatus.CREATED}),
            authorization=authorization,
            body=body,
        )
