"""Who makes repositories: by registry, as the settings say."""

from __future__ import annotations

import sys

import pytest

from hublish.adapters.repositories import ECRRepositories, HarborProjects, QuayRepositories
from hublish.bootstrap.repositories import RepositoryMakers, make_repository_makers
from hublish.core.reference import Reference
from hublish.errors import SettingsInvalid
from hublish.settings import Settings

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def make_settings(registries: dict[str, object]) -> Settings:
    github = {"app_id": 1, "private_key_file": "k", "webhook_secret_files": ["s"]}
    return Settings.model_validate(
        {
            "github": github, "public_url": "https://hublish.example.org", "data": "d", "database": "sqlite:///x",
            "registries": registries,
        }
    )  # fmt: skip


def test_each_registry_has_the_maker_that_its_settings_name() -> None:
    """By default none: the registry makes what is missing at the first push."""
    makers = make_repository_makers(
        make_settings(
            {
                ECR: {"create": {"by": "ecr"}},
                "quay.example.org": {"create": {"by": "quay", "auth_file": "token"}},
                "harbor.example.org": {
                    "create": {"by": "harbor", "api": "https://api.example.org"},
                    "plain_http": True,
                },
                "plain.example.org": {},
            }
        )
    )

    assert {host: type(maker) for host, maker in makers._makers.items()} == {
        ECR: ECRRepositories,
        "quay.example.org": QuayRepositories,
        "harbor.example.org": HarborProjects,
    }
    assert makers.ensure_repository(Reference(registry="plain.example.org", repository="team/ts")) is False


def test_wrong_kind_is_told_at_the_start() -> None:
    """Before anything is built."""
    with pytest.raises(SettingsInvalid, match="none of ECR"):
        make_repository_makers(make_settings({"quay.example.org": {"create": {"by": "ecr"}}}))


def test_missing_extra_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SettingsInvalid, match="needs boto3") as caught:
        make_repository_makers(make_settings({ECR: {"create": {"by": "ecr"}}}))

    assert caught.value.hint == "install the extra: pip install 'hublish[aws]'"


def test_maker_is_asked_for_its_registry_only() -> None:
    """By host and port."""
    asked: list[str] = []

    class Maker:
        def ensure_repository(self, reference: Reference) -> bool:
            asked.append(reference.name)
            return True

    makers = RepositoryMakers({"a.example.org": Maker()})
    made = [
        makers.ensure_repository(Reference(registry=host, repository="ts"))
        for host in ("a.example.org", "b.example.org")
    ]

    assert (made, asked) == ([True, False], ["a.example.org/ts"])
