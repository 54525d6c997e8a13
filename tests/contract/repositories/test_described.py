"""Quay and Harbor: repositories are made by requests that their published API descriptions allow. No such server was asked."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from hublish.adapters.repositories import JSONAPI, HarborProjects, LoginFile, QuayRepositories
from hublish.core.onboarding.ports import RepositoryMaker
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed, SettingsInvalid
from hublish.network import Network, Pools
from tests.contract.repositories.described import DescribedServer

SECRET = "s3cret-token"
TS = Reference(registry="registry.example.org", repository="team/deep/ts")
Make = Callable[[DescribedServer], RepositoryMaker]


@pytest.fixture
def login(tmp_path: Path) -> LoginFile:
    path = tmp_path / "login"
    path.write_text(f"{SECRET}\n")
    return LoginFile(path=path)


def make_quay(server: DescribedServer, login: LoginFile) -> QuayRepositories:
    return QuayRepositories(JSONAPI(url=server.url, pools=Pools(Network(), hint="")), login)


def make_harbor(server: DescribedServer, login: LoginFile) -> HarborProjects:
    return HarborProjects(JSONAPI(url=server.url, pools=Pools(Network(), hint="")), login)


def test_quay_repository_is_made_private_where_it_is_missing(login: LoginFile) -> None:
    """A look, then one request; the next time only the look."""
    expected = {
        "repo_kind": "image", "namespace": "team", "repository": "deep/ts", "visibility": "private",
        "description": "Made by hublish.",
    }  # fmt: skip
    with DescribedServer("quay", {"get": [(404, "{}"), (200, "{}")], "post": [(201, "{}")]}) as server:
        made = [make_quay(server, login).ensure_repository(TS) for _ in range(2)]

    look = ("GET", "/api/v1/repository/team/deep/ts?includeTags=false", None)
    assert (made, server.faults) == ([True, False], [])
    assert server.calls == [look, ("POST", "/api/v1/repository", expected), look]
    assert set(server.authorizations) == {f"Bearer {SECRET}"}


def test_harbor_project_is_made_private_where_it_is_missing(login: LoginFile) -> None:
    """The repository in it comes with its first push; one that somebody else made meanwhile is well."""
    expected = {"project_name": "team", "metadata": {"public": "false"}}
    answers = {"head": [(404, ""), (404, ""), (200, "")], "post": [(201, ""), (409, "{}")]}
    with DescribedServer("harbor", answers) as server:
        made = [make_harbor(server, login).ensure_repository(TS) for _ in range(3)]

    look, post = ("HEAD", "/api/v2.0/projects?project_name=team", None), ("POST", "/api/v2.0/projects", expected)
    assert (made, server.faults) == ([True, False, False], [])
    assert server.calls == [look, post, look, post, look]
    assert set(server.authorizations) == {f"Basic {base64.b64encode(SECRET.encode()).decode()}"}


@pytest.mark.parametrize(("status", "transient"), [(401, False), (403, False), (429, True), (500, True), (503, True)])
def test_refusal_is_told_without_the_login(login: LoginFile, status: int, transient: bool) -> None:
    """What may pass is told apart; a server that repeats the login is quoted without it."""
    with (
        DescribedServer("quay", {"get": [(status, f"no: {SECRET}")]}) as server,
        pytest.raises(RegistryFailed) as caught,
    ):
        make_quay(server, login).ensure_repository(TS)
    error = caught.value

    assert (error.status, error.transient) == (status, transient)
    assert error.message == f"look for the repository {TS.name}: expected 200 or 404, got {status} - no: ***"
    assert SECRET not in f"{error} {error.hint} {login!r}"


def test_password_is_masked_in_every_form(tmp_path: Path) -> None:
    """Encoded as it was sent, whole, and alone."""
    path = tmp_path / "login"
    path.write_text(f"robot:{SECRET}")
    encoded = base64.b64encode(path.read_bytes()).decode()
    answers = {"head": [(404, "")], "post": [(403, f"{encoded} robot:{SECRET} {SECRET}")]}
    with DescribedServer("harbor", answers) as server, pytest.raises(RegistryFailed) as caught:
        make_harbor(server, LoginFile(path=path)).ensure_repository(TS)

    assert caught.value.message.endswith("expected 201 or 409, got 403 - *** *** ***")


def test_redirect_is_not_followed(login: LoginFile) -> None:
    """The login goes to the host that the operator names and to no other."""
    other = DescribedServer("quay", {"get": [(200, "{}")]})
    server = DescribedServer("quay", {"get": [(302, f"{other.url}/api/v1/repository/team/deep/ts")]})
    with other, server, pytest.raises(RegistryFailed, match="got 302"):
        make_quay(server, login).ensure_repository(TS)

    assert other.calls == []


def test_server_that_is_away_may_come_back(login: LoginFile) -> None:
    """No answer at all is transient."""
    with DescribedServer("harbor", {}) as server:
        pass
    with pytest.raises(RegistryFailed) as caught:
        make_harbor(server, login).ensure_repository(TS)

    assert caught.value.transient
    assert caught.value.message.startswith(f"look for the project of {TS.name}: no answer (")


@pytest.mark.parametrize("make", [make_quay, make_harbor])
def test_name_without_a_namespace_is_refused(login: LoginFile, make: Callable[..., RepositoryMaker]) -> None:
    """Neither has a repository at its top; nobody is asked."""
    with DescribedServer("quay", {}) as server, pytest.raises(RegistryFailed, match=r"no (namespace|project)"):
        make(server, login).ensure_repository(Reference(registry="registry.example.org", repository="ts"))

    assert server.calls == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"", "expected one line"),
        (b"a\nb", "expected one line"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_login_that_cannot_be_read_is_told_without_its_text(tmp_path: Path, body: bytes | None, message: str) -> None:
    """The operator's fault, with the path."""
    path = tmp_path / "login"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(SettingsInvalid, match=message):
        LoginFile(path=path).load()

    assert LoginFile(path=None).load() == ""
