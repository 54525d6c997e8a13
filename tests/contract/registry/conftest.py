"""Registries for a module: an open one, the same behind a proxy that can misbehave, a client of both; and one with a password."""

from __future__ import annotations

import pytest

from tests.contract.registry.parts import (
    make_client,
)
from tests.sandbox.registry import HTPASSWD, Registry
from tests.sandbox.registry_faults import FaultProxy


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """One registry for the module; each test has its own repository."""
    with Registry.start(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture
def proxy(registry):
    """The same registry behind a proxy that can misbehave."""
    with FaultProxy(registry.host) as started:
        yield started


@pytest.fixture
def client(registry, proxy):
    """A client that may speak to both."""
    made = make_client(registry.host, proxy.host)
    yield made
    made.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A registry that asks for user and password."""
    with Registry.start(tmp_path_factory.mktemp("basic"), htpasswd=HTPASSWD) as started:
        yield started
