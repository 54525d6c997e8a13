"""What a hub's list is asked to hold for a delivered image."""

from __future__ import annotations

import pytest

from hublish.catalogs.entry import Entry, Pin
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.reference import parse_reference
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.workflows.prepared import Delivered, PreparedImage
from hublish.workflows.propose import is_list_file, make_branch, make_entry
from hublish.workflows.services import Hub

DIGEST = "sha256:" + "d" * 64
REF = ResolvedRef(name="v1", kind=RefKind.TAG, sha="a" * 40)
HUB = Hub(name="demo", repo="org/apps", branch="main", folder="images", jupyterhub=5, pin="digest", accept=())
TRIGGER = Trigger(
    kind=TriggerKind.RELEASE,
    repository=Repository(id=7, owner="org", name="ts", installation_id=1, default_branch="main"),
    actor="alice",
    actor_is_bot=False,
    semantic_key="release:1",
    ref="v1",
    ref_kind=RefKind.TAG,
    thread=Thread(kind="release", number=1),
    url="https://github.com/org/ts/releases/tag/v1",
)


def deliver(*, tags: tuple[str, ...], kept_tags: tuple[tuple[str, str], ...] = ()) -> Delivered:
    """An image with the release's tag and the floating tags "latest" and "stable" wanted."""
    prepared = PreparedImage(
        title="ts",
        name="registry.example.org/team/ts",
        fixed_tags=("v1",),
        floating_tags=("latest", "stable"),
        build_key="k" * 24,
        python_version="3.11",
        resources="1 CPU",
        line="",
    )
    return Delivered(
        prepared=prepared,
        digest=DIGEST,
        size_bytes=1,
        layers=1,
        uploaded_bytes=None,
        seconds=None,
        tags=tags,
        kept_tags=kept_tags,
        packages=(),
    )


def test_entry_names_the_image_its_release_and_its_source():
    """Everything of the entry comes from the run and the hub's settings."""
    expected = Entry(
        image_name="ts",
        title="ts",
        description="Notebook image of org/ts.",
        source_url="https://github.com/org/ts",
        reference=parse_reference(f"registry.example.org/team/ts@{DIGEST}"),
        release_tag="v1",
        pin=Pin.DIGEST,
        commit="a" * 40,
        floating_tags=("latest", "stable"),
        resources="1 CPU",
        software=(("Python", "3.11"),),
    )

    entry = make_entry(HUB, TRIGGER, REF, deliver(tags=("v1", "latest", "stable")), web_url="https://github.com")

    assert entry == expected


def test_floating_tag_that_stays_at_a_newer_release_stays_there_in_the_list_too():
    """An old release that is built again must not take "latest" back in the hub while the registry keeps it."""
    delivered = deliver(tags=("v1", "stable"), kept_tags=(("latest", "it points at v2, which is newer"),))

    entry = make_entry(HUB, TRIGGER, REF, delivered, web_url="https://github.com")

    assert entry.floating_tags == ("stable",)


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("images/ts.yaml", "images", True),
        ("images/ts.yml", "images", True),
        ("images/Kustomization", "images", True),
        ("images/README.md", "images", False),
        ("images/deeper/ts.yaml", "images", False),
        ("images-2/ts.yaml", "images", False),
        ("ts.yaml", "", True),
        ("images/ts.yaml", "", False),
    ],
)
def test_list_is_the_yaml_of_its_folder_and_its_kustomization(path, folder, expected):
    """A kustomization may go without a suffix; without it a new entry would reach no cluster."""
    assert is_list_file(path, folder=folder) is expected


def test_branches_of_two_repositories_never_meet():
    """A dash in a name is no border: the border is two of them, which no login holds."""
    branches = {make_branch("a-b/c"), make_branch("a/b-c")}

    assert branches == {"hublish/a-b--c", "hublish/a--b-c"}
