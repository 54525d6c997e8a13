"""The App comes to repositories: which ones a delivery brings. Whether anything is proposed to them is decided later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hublish.core.github.payloads import BriefRepository, InstallationDelivery, InstallationRepositoriesDelivery
from hublish.core.onboarding.ports import Newcomer

_NOTHING = "the App was given no repository"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Repositories that the App was just given, each once."""

    newcomers: tuple[Newcomer, ...]


def read_installation(payload: dict[str, object], _: object) -> Installed | str:
    """Read an installation that was just made."""
    delivery = InstallationDelivery.model_validate(payload)
    return _make_installed(delivery.installation.id, delivery.repositories)


def read_added_repositories(payload: dict[str, object], _: object) -> Installed | str:
    """Read repositories that an installation was given later."""
    delivery = InstallationRepositoriesDelivery.model_validate(payload)
    return _make_installed(delivery.installation.id, delivery.repositories_added)


def _make_installed(installation_id: int, listed: Iterable[BriefRepository]) -> Installed | str:
    found = {
        brief.id: Newcomer(repo_id=brief.id, installation_id=installation_id, full_name=brief.full_name)
        for brief in listed
    }
    return Installed(newcomers=tuple(found.values())) if found else _NOTHING
