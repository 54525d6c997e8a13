"""Hubs made from the operator's settings, for the service's workflows."""

from __future__ import annotations

from hublish.core.github.consent import HubRule
from hublish.settings import HubSettings
from hublish.workflows.services import Hub


def make_hub(name: str, hub: HubSettings) -> Hub:
    """One hub of the settings."""
    rules = tuple(HubRule(repo=rule.repo, images=tuple(rule.images), file=rule.file) for rule in hub.accept)
    return Hub(
        name=name,
        repo=hub.repo,
        branch=hub.branch,
        folder=hub.folder.strip("/").removeprefix("./") if hub.folder != "." else "",
        jupyterhub=hub.jupyterhub,
        pin=hub.pin,
        accept=rules,
    )
