"""Hubs that consent or not, and hubs that cannot be used."""

from __future__ import annotations

import dataclasses

import pytest

from hublish.core.github.consent import HubRule
from hublish.errors import CatalogInvalid, NotAllowed
from tests.fakes import FakeSource
from tests.unit.workflows.parts import Stage
from tests.unit.workflows.proposal_parts import fill_hub, propose


def test_hub_that_did_not_consent_is_not_touched(stage: Stage) -> None:
    """Neither the operator nor the hub's own file names this repository."""
    fill_hub(stage)
    with pytest.raises(NotAllowed) as caught:
        propose(stage, services=stage.with_hub(accept=(HubRule(repo="octo/other"),)))

    assert caught.value.hint == "a maintainer of org/apps can allow it in .hublish-hub.yaml"
    assert stage.hub_repository.state is None


CONSENT = b"accept: [{repo: octo/ts}]\n"


@pytest.mark.parametrize("branch", ["main", "live"])
def test_hub_consents_by_its_own_file(stage: Stage, branch: str) -> None:
    """On its default branch, also when the tarball leaves the file out or the list is on another branch."""
    fill_hub(stage)
    stage.reader.files["org/apps", ".hublish-hub.yaml"] = CONSENT

    assert propose(stage, services=stage.with_hub(accept=(), branch=branch)).ok is True


def test_consent_in_the_tree_is_read_there(stage: Stage) -> None:
    """The list was fetched with it: GitHub is not asked for the file."""
    fill_hub(stage)
    tree = stage.checkouts.sources["org/apps"]
    stage.checkouts.sources["org/apps"] = FakeSource({**tree.bodies, ".hublish-hub.yaml": CONSENT})

    assert propose(stage, services=stage.with_hub(accept=(HubRule(repo="octo/other"),))).ok is True
    assert "fetch_file" not in stage.reader.calls


def test_list_on_another_branch_has_no_say(stage: Stage) -> None:
    """Consent counts on the default branch only."""
    fill_hub(stage)
    tree = stage.checkouts.sources["org/apps"]
    stage.checkouts.sources["org/apps"] = FakeSource({**tree.bodies, ".hublish-hub.yaml": CONSENT})
    with pytest.raises(NotAllowed):
        propose(stage, services=stage.with_hub(accept=(), branch="live"))


def test_consent_that_cannot_be_read_is_no_consent(stage: Stage) -> None:
    """The place of the fault is told to who can mend it; the operator's own rule needs no such file."""
    fill_hub(stage)
    stage.reader.files["org/apps", ".hublish-hub.yaml"] = b"accept: {\n"
    with pytest.raises(NotAllowed, match=r"org/apps has a \.hublish-hub.yaml that cannot be read: .hublish-hub.yaml:"):
        propose(stage, services=stage.with_hub(accept=()))

    assert propose(stage).ok is True


def test_hub_that_is_not_in_the_settings_is_refused(stage: Stage) -> None:
    """With the names that are."""
    with pytest.raises(NotAllowed, match="the hub other is not in this service's settings; known: demo"):
        propose(stage, hub="other")
    policy = dataclasses.replace(stage.services.policy, hubs={})
    with pytest.raises(NotAllowed, match="known: none"):
        propose(stage, services=dataclasses.replace(stage.services, policy=policy))


def test_hub_without_the_app_is_refused(stage: Stage) -> None:
    """Its owner has to install it there."""
    del stage.reader.repositories["org/apps"]
    with pytest.raises(NotAllowed) as caught:
        propose(stage)

    assert caught.value.message == "the App is not installed on org/apps, where the hub demo keeps its list"
    assert caught.value.hint == "an owner of org/apps installs the App there"


def test_list_that_is_not_text_is_refused(stage: Stage) -> None:
    """A YAML file of the folder that is not UTF-8 cannot be read around."""
    fill_hub(stage, latin=b"kind: \xe9\n")
    with pytest.raises(CatalogInvalid, match=r"images/latin.yaml: not UTF-8"):
        propose(stage)
