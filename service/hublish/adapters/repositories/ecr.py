"""Repositories of Amazon ECR, made through boto3, which the extra `aws` installs. Those of ECR are private by nature.

Source: Amazon ECR API, "DescribeRepositories", "CreateRepository"; Amazon ECR User Guide, "Making requests over IPv6".
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from hublish.adapters.repositories.login import LoginFile
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed, SettingsInvalid, clip
from hublish.network import Network

TIMEOUT_SECONDS = 30
_ACCOUNT, _REGION = "(?P<account>[0-9]{12})", "(?P<region>[a-z0-9-]{1,40})"
_ENDPOINTS = {
    re.compile(rf"{_ACCOUNT}\.dkr\.ecr(?:-fips)?\.{_REGION}\.(?P<suffix>amazonaws\.com(?:\.cn)?)"): "api.ecr.{}.{}",
    # Those that IPv6 leads to, too.
    re.compile(rf"{_ACCOUNT}\.dkr-ecr(?:-fips)?\.{_REGION}\.on\.(?P<suffix>aws|amazonwebservices\.com\.cn)"): (
        "ecr.{}.api.{}"
    ),
}
"""A registry's host to that of its API, into which region and suffix are put: China's regions have a suffix of their own."""
_THERE = "RepositoryAlreadyExistsException"
_MISSING = "RepositoryNotFoundException"
_MAY_PASS = frozenset(
    {"ServerException", "ThrottlingException", "RequestTimeout", "ServiceUnavailable", "InternalFailure"}
)


def verify_boto3() -> None:
    """Make sure that the extra is installed.

    Raises:
        SettingsInvalid: it is not.
    """
    try:
        import boto3  # type: ignore[import-untyped]  # noqa: F401, PLC0415  # an extra, published without types
    except ImportError as exc:
        raise SettingsInvalid(
            "`create.by: ecr` needs boto3, which is not installed", hint="install the extra: pip install 'hublish[aws]'"
        ) from exc


class ECRRepositories:
    """Implements the port RepositoryMaker; the login is `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, or what AWS gives this machine."""

    def __init__(self, login: LoginFile, *, host: str, network: Network, endpoint: str | None = None) -> None:
        """Nothing is asked yet.

        Args:
            login: where the login lies.
            host: of the registry; account and region stand in it.
            network: proxies and certificate authorities.
            endpoint: another root of the ECR API; None: Amazon's of the region.

        Raises:
            SettingsInvalid: the host is none of ECR.
        """
        self._login, self._network = login, network
        self._account, self._region, found = _parse_host(host)
        self._endpoint = endpoint or found

    def ensure_repository(self, reference: Reference) -> bool:
        """Make the repository unless it is there; see the port."""
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # noqa: PLC0415  # an extra

        client = self._make_client()
        where: dict[str, Any] = {"registryId": self._account}
        try:
            client.describe_repositories(repositoryNames=[reference.repository], **where)
        except ClientError as error:
            if _find_code(error) != _MISSING:
                raise _fail(f"look for the repository {reference.name}", error) from error
        except BotoCoreError as error:
            raise _fail(f"look for the repository {reference.name}", error) from error
        else:
            return False
        try:
            client.create_repository(repositoryName=reference.repository, **where)
        except (ClientError, BotoCoreError) as error:
            if _find_code(error) == _THERE:
                return False
            raise _fail(f"creation of the repository {reference.name}", error) from error
        return True

    def _make_client(self) -> Any:
        import boto3  # noqa: PLC0415  # an extra, published without types
        from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415  # likewise

        key, _, secret = self._login.load().partition(":")
        login = {"aws_access_key_id": key, "aws_secret_access_key": secret} if secret else {}
        return boto3.session.Session(**login).client(
            "ecr",
            region_name=self._region,
            endpoint_url=self._endpoint,
            verify=True if self._network.ca_file is None else str(self._network.ca_file),
            config=Config(
                connect_timeout=TIMEOUT_SECONDS,
                read_timeout=TIMEOUT_SECONDS,
                retries={"total_max_attempts": 1},
                # Never None, by which the environment would be asked.
                proxies=self._find_proxies(),
            ),
        )

    def _find_proxies(self) -> dict[str, str]:
        proxy = self._network.proxies.find(self._endpoint)
        if proxy is None:
            return {}
        login = "" if proxy.login is None else f"{quote(proxy.login, safe=':')}@"
        return {"https": proxy.url.replace("://", f"://{login}", 1)}


def _parse_host(host: str) -> tuple[str, str, str]:
    """Account, region and endpoint of the API of a registry."""
    for pattern, api in _ENDPOINTS.items():
        found = pattern.fullmatch(host)
        if found is not None:
            return found["account"], found["region"], f"https://{api.format(found['region'], found['suffix'])}"
    raise SettingsInvalid(
        f"registries.{host}.create: this host is none of ECR",
        hint="ECR's are ACCOUNT.dkr.ecr.REGION.amazonaws.com and ACCOUNT.dkr-ecr.REGION.on.aws",
    )


def _find_code(error: Exception) -> str:
    """AWS' name of what went wrong; "" where it did not answer."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _fail(action: str, error: Exception) -> RegistryFailed:
    code = _find_code(error)
    return RegistryFailed(
        f"{action}: {clip(redact(str(error)), limit=200)}",
        hint="Check the login in `create.auth_file`, or the role of this machine, and what it may do.",
        # Without an answer it was the way, or a login that is missing; a second try costs little.
        transient=code in _MAY_PASS or not code,
    )
