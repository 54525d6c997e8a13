"""Bases that move under a running service: the release is built again once, or a pull request moves the pin."""

from __future__ import annotations

from typing import Any

import pytest

from hublish.core.reference import Reference
from tests.e2e.answers import commit_and_release, wait_for_ref, wait_until
from tests.fakes import TINY_BASE, FakeImages, make_tar
from tests.sandbox.rows import read_rows
from tests.sandbox.town import ENDED, SOURCE_REPO, Town, make_reference

pytestmark = [pytest.mark.github, pytest.mark.registry]


def move_base(town: Town, text: str) -> str:
    """Push another image under the base's tag; returns its digest."""
    fake = FakeImages()
    base = Reference(registry=town.registry.host, repository="base/python", tag="3.11")
    digest = fake.add_image(base, [make_tar({**TINY_BASE, "/etc/motd": text.encode()})])
    client = town.make_registry()
    for (_, blob), body in fake.blobs.items():
        client.ensure_blob(base, digest=blob, size_bytes=len(body), open_body=lambda body=body: _open(body))
    manifest = fake.manifests[base.name, "3.11"]
    assert client.ensure_manifest(base, body=manifest.body, media_type=manifest.media_type) == digest
    return digest


def _open(body: bytes) -> Any:
    import io

    return io.BytesIO(body)


def read_scheduled(town: Town) -> list[tuple[str, str]]:
    """Key and state of the runs that nobody asked for, the oldest first."""
    rows = read_rows(town.database, "select key, state from runs where key like '%:schedule%' order by seq")
    return [(str(key), str(state)) for key, state in rows]


def settle(town: Town, **config: Any) -> None:
    """Look at bases every few seconds, and switch the schedule on."""
    base = town.settings["bases"]["3.11"]
    town.write_settings(base=base, schedule={"bases_seconds": 2})
    files = town.make_source_files(triggers={"schedule": True}, **config)
    town.github.commit_files(SOURCE_REPO, files, message="follow the base")


def test_moved_base_is_one_rebuild_through_a_kill(quiet_town: Town) -> None:
    """The service dies while it is at work: the release stands on the new base all the same, by one run."""
    town = quiet_town
    settle(town)
    town.start_service()
    commit_and_release(town, "v1.0")
    wait_for_ref(town, "v1.0")
    client = town.make_registry()
    before = client.fetch_digest(make_reference(town, "v1.0"))
    digest = move_base(town, "second")
    wait_until(lambda: len(read_scheduled(town)) == 1)
    town.kill_service()
    town.start_service()
    wait_until(lambda: all(state in ENDED for _, state in read_scheduled(town)))
    after = client.fetch_digest(make_reference(town, "v1.0"))
    again = move_base(town, "third")
    wait_until(lambda: [state in ENDED for _, state in read_scheduled(town)] == [True, True])
    keys = [key.partition(":")[2] for key, _ in read_scheduled(town)]

    assert [state for _, state in read_scheduled(town)] == ["delivered", "delivered"]
    assert keys == [f"schedule:{digest}", f"schedule:{again}"]
    assert len({before, after, client.fetch_digest(make_reference(town, "v1.0"))}) == 3
    assert client.fetch_digest(make_reference(town, "latest")) == client.fetch_digest(make_reference(town, "v1.0"))


def test_pinned_base_is_moved_by_a_pull_request(quiet_town: Town) -> None:
    """From one branch, with nothing else changed; nothing is built."""
    town = quiet_town
    base = town.settings["bases"]["3.11"]
    old = town.make_registry().fetch_digest(
        Reference(registry=town.registry.host, repository="base/python", tag="3.11")
    )
    settle(town, base=f"{base}@{old}")
    town.start_service()
    commit_and_release(town, "v1.0")
    wait_for_ref(town, "v1.0")
    config = str(town.github.file_text(SOURCE_REPO, ".hublish.yaml"))
    digest = move_base(town, "second")
    wait_until(lambda: [state in ENDED for _, state in read_scheduled(town)] == [True])

    assert [state for _, state in read_scheduled(town)] == ["answered"]
    assert town.github.file_text(SOURCE_REPO, ".hublish.yaml", ref="hublish/base") == config.replace(str(old), digest)
    assert town.github.file_text(SOURCE_REPO, ".hublish.yaml") == config
