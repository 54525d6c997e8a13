"""Who makes a repository of images that is not there yet: by registry, as the operator's settings say."""

from __future__ import annotations

from collections.abc import Mapping

from hublish.adapters.repositories import (
    JSONAPI,
    ECRRepositories,
    HarborProjects,
    LoginFile,
    QuayRepositories,
    verify_boto3,
)
from hublish.bootstrap.clients import make_network
from hublish.core.onboarding.ports import RepositoryMaker
from hublish.core.reference import Reference
from hublish.network import Network, Pools
from hublish.registrysettings import RegistrySettings
from hublish.settings import Settings


class RepositoryMakers:
    """The port RepositoryMaker over those of each registry."""

    def __init__(self, makers: Mapping[str, RepositoryMaker]) -> None:
        """Take the makers by `host[:port]`."""
        self._makers = makers

    def ensure_repository(self, reference: Reference) -> bool:
        """Make the repository where its registry has a maker; True when it was made."""
        maker = self._makers.get(reference.registry)
        return False if maker is None else maker.ensure_repository(reference)


def make_repository_makers(settings: Settings) -> RepositoryMakers:
    """Make the makers that the settings name; nothing is asked yet.

    Raises:
        SettingsInvalid: a registry is none of the kind that `create.by` says.
    """
    network = make_network(settings)
    made = ((host, _make_maker(host, registry, network)) for host, registry in settings.registries.items())
    return RepositoryMakers({host: maker for host, maker in made if maker is not None})


def _make_maker(host: str, registry: RegistrySettings, network: Network) -> RepositoryMaker | None:
    create = registry.create
    login = LoginFile(path=create.auth_file)
    if create.by == "ecr":
        verify_boto3()
        return ECRRepositories(login, host=host, network=network, endpoint=create.api)
    url = create.api or f"{'http' if registry.plain_http else 'https'}://{host}"
    # The operator names the address: it is not refused for being private.
    api = JSONAPI(url=url, pools=Pools(network, hint=""))
    if create.by == "quay":
        return QuayRepositories(api, login)
    return HarborProjects(api, login) if create.by == "harbor" else None
