"""The queue as the settings want it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from hublish.bootstrap.queue import make_queue_limits, make_replica_name, make_rooms
from hublish.core.needs import Need
from hublish.core.queue import QueueLimits, Room
from hublish.settings import Settings

EVERY = ("layered", "source", "dockerfile")


def make_settings(**values: Any) -> Settings:
    github = {"app_id": 1, "private_key_file": "key.pem", "webhook_secret_files": ["secret"]}
    return Settings.model_validate(
        {"github": github, "public_url": "https://h.example.com", "data": Path(), "database": "sqlite:///h", **values}
    )


def test_each_engine_in_use_is_a_room_and_the_rest_does_not_wait() -> None:
    """In the order in which they are asked; what none of them takes starts at once, to end with the reason."""
    engines = {"use": ["buildah", "docker", "local"], "local": {"slots": 3}, "buildah": {"owners": ["Acme"]}}

    assert make_rooms(make_settings(engines=engines, executor_id="a")) == (
        Room(replica="a", strategies=("source", "dockerfile"), slots=1, owners=("acme",)),
        Room(replica="a", strategies=("source", "dockerfile"), slots=1, lacks=(Need.BUILDKIT,)),
        Room(replica="a", strategies=("layered",), slots=3),
        Room(replica="a", strategies=EVERY, slots=None),
    )


def test_pods_execute_what_they_have_an_image_for() -> None:
    """Without one for container builds those do not wait for the cluster."""
    both = {"image": "r.example.org/h/service:1", "build_image": "r.example.org/h/build:1"}

    def find(**images: str) -> tuple[str, ...]:
        return make_rooms(make_settings(engines={"use": ["tekton"], "tekton": images}))[0].strategies

    assert find(**both) == EVERY
    assert find(image=both["image"]) == ("layered",)
    assert find(build_image=both["build_image"]) == ("source", "dockerfile")


def test_rooms_know_what_their_engines_refuse() -> None:
    """Docker what needs BuildKit, pods wheels that go nowhere, `local` wheels of owners that no engine beside it serves."""
    image, build_image = "r.example.org/h/service:1", "r.example.org/h/build:1"

    def find(*use: str, **tekton: str) -> list[tuple[tuple[Need, ...], tuple[str, ...] | None]]:
        engines = {"use": use, "tekton": {"image": image, **tekton}, "buildah": {"owners": ["Acme"]}}
        return [(room.lacks, room.wheel_owners) for room in make_rooms(make_settings(engines=engines))[:-1]]

    assert find("local", "docker") == [((), None), ((Need.BUILDKIT,), None)]
    assert find("local", "buildah") == [((), ("acme",)), ((), None)]
    assert find("local", "tekton") == [((), ()), ((Need.TRIED_WHEELS,), ())]
    assert find("tekton", build_image=build_image) == [((Need.TRIED_WHEELS,), None)]


def test_replica_is_named_by_the_settings_the_file_or_the_machine() -> None:
    """SQLite has one process, whose work must be its own again after it moved to another machine."""
    postgres = "postgresql://h@db.example.com/h"

    assert make_replica_name(make_settings(executor_id="a")) == "a"
    assert make_replica_name(make_settings()) == "local"
    assert make_replica_name(make_settings(database=postgres)) == socket.gethostname()


def test_limits_are_the_operators() -> None:
    """Each under its own name."""
    queue = {"builds": 5, "per_owner": 2, "per_repo": 1, "waiting": 30, "waiting_per_owner": 10}

    assert make_queue_limits(make_settings(limits={"queue": queue})) == QueueLimits(
        builds=5, per_owner=2, per_repo=1, waiting=30, waiting_per_owner=10
    )
