"""Amazon ECR through boto3, against moto's server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from hublish.adapters.repositories import ECRRepositories, LoginFile
from hublish.core.proxy import Proxies, parse_proxy
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed, SettingsInvalid
from hublish.network import Network

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
TS = Reference(registry=HOST, repository="team/ts")
SECRET = "s3cret-key"
MISSING = "RepositoryNotFoundException"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def login(tmp_path: Path) -> LoginFile:
    path = tmp_path / "login"
    path.write_text(f"AKIAEXAMPLE:{SECRET}\n")
    return LoginFile(path=path)


def list_repositories(endpoint: str) -> list[tuple[str, str]]:
    client = boto3.client(
        "ecr", region_name="eu-west-1", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b"
    )
    listed = client.describe_repositories()["repositories"]
    return [(repository["registryId"], repository["repositoryName"]) for repository in listed]


def test_repository_is_made_where_it_is_missing(endpoint: str, login: LoginFile) -> None:
    """Once; the next time it is found."""
    maker = ECRRepositories(login, host=HOST, network=Network(), endpoint=endpoint)
    made = [maker.ensure_repository(TS) for _ in range(2)]

    assert made == [True, False]
    assert list_repositories(endpoint) == [("123456789012", "team/ts")]


def test_host_that_is_none_of_ecr_is_refused(login: LoginFile) -> None:
    """Account and region stand in the name."""
    with pytest.raises(SettingsInvalid, match=r"registries\.registry\.example\.org\.create: this host is none of ECR"):
        ECRRepositories(login, host="registry.example.org", network=Network())


def test_ecr_that_is_away_may_come_back_and_no_login_is_told(login: LoginFile) -> None:
    """Nothing listens at this port, which is the proxy's here."""
    proxies = Proxies(https=parse_proxy("http://user:hidden@127.0.0.1:1", name="proxy"))
    maker = ECRRepositories(login, host=HOST, network=Network(proxies=proxies))
    with pytest.raises(RegistryFailed) as caught:
        maker.ensure_repository(TS)
    error = caught.value

    assert error.transient
    assert error.message.startswith(f"look for the repository {TS.name}: ")
    assert all(word not in f"{error} {error.hint}" for word in (SECRET, "hidden", "AKIAEXAMPLE"))


@pytest.mark.parametrize(("code", "transient"), [("AccessDeniedException", False), ("ThrottlingException", True)])
@pytest.mark.parametrize("before", [(), (MISSING,)])
def test_refusals_of_ecr_are_told_by_its_words(
    login: LoginFile, code: str, before: tuple[str, ...], transient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the refusal of a look or a creation, and whether it may pass."""
    with pytest.raises(RegistryFailed) as caught:
        make_refused(login, [*before, code], monkeypatch).ensure_repository(TS)

    assert (caught.value.transient, code in caught.value.message) == (transient, True)


def test_repository_that_somebody_else_made_meanwhile_is_well(
    login: LoginFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two builds may begin at once."""
    maker = make_refused(login, [MISSING, "RepositoryAlreadyExistsException"], monkeypatch)

    assert maker.ensure_repository(TS) is False


def make_refused(login: LoginFile, codes: list[str], monkeypatch: pytest.MonkeyPatch) -> ECRRepositories:
    """A maker whose ECR refuses call after call; moto has no such moods."""

    class Client:
        def describe_repositories(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": codes.pop(0), "Message": "no"}}, "DescribeRepositories")

        def create_repository(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": codes.pop(0), "Message": "no"}}, "CreateRepository")

    maker = ECRRepositories(login, host=HOST, network=Network())
    monkeypatch.setattr(maker, "_make_client", Client)
    return maker
