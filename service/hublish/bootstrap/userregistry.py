"""The registries of a user's own machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.bootstrap.clients import make_registry_rules
from hublish.bootstrap.options import WorkbenchOptions
from hublish.network import Network


def make_user_registry(options: WorkbenchOptions, network: Network) -> RegistryClient:
    """Make the client of registries by the settings' rules, the options, and what this user has logged in to."""
    rules = make_registry_rules(options.settings) if options.settings else {}
    for host in options.plain_http:
        rules[host] = replace(rules.get(host, RegistryRule()), plain_http=True)
    home = Path(options.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker")))
    return RegistryClient(
        rules=rules,
        default_auth_files=(home / "config.json",),
        allowed_hosts=None,
        # A person at their own machine may name any registry and has set up their own credential helpers.
        allow_private=True,
        allow_helpers=True,
        network=network,
    )
