"""What the tests of the stages share: services over fakes of GitHub and real records in a folder."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from hublish.adapters.archive import DiskArchive
from hublish.adapters.store import (
    BaseWatchStore,
    BuildStore,
    CancelStore,
    DeliveryStore,
    ImageStore,
    NewcomerStore,
    QueueStore,
    ReplicaStore,
    RunStore,
    StepStore,
    TokenStore,
    ensure_schema,
    hold,
    open_database,
)
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.core.codec import render_value
from hublish.core.github.consent import HubRule
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.plan import Strategy
from hublish.core.ports import Engine
from hublish.core.records import Run
from hublish.core.repository import Permission, RefKind, Repository, ResolvedRef
from hublish.core.status import RunState
from hublish.workflows.services import Hub, Policy, Services
from tests.fakes import TINY_BASE, FakeImages, FakeLocker, FakeSource, make_tar
from tests.github_fakes import (
    FakeChanges,
    FakeCheckouts,
    FakeConversation,
    FakeDeliveryLog,
    FakeDigests,
    FakeHubRepository,
    FakePushProbe,
    FakeReader,
    FakeRepositoryMaker,
    FakeStandings,
)
from tests.sandbox.wheels import make_lock
from tests.unit.builders.samples import BASE

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SHA = "0123456789" * 4
RUN_ID = "r1"
REPLICA = "a"
NAME = "registry.example.org/team/ts"
CONFIG = f'version: 1\nimage: {{name: {NAME}, tags: ["{{release}}", latest]}}\nhubs: [demo]\n'
REPOSITORY = Repository(id=7, owner="octo", name="ts", installation_id=70, default_branch="main")
HUB_REPOSITORY = Repository(id=8, owner="org", name="apps", installation_id=80, default_branch="main")
TAG = ResolvedRef(name="v1", kind=RefKind.TAG, sha=SHA)
RELEASE = Trigger(
    kind=TriggerKind.RELEASE,
    repository=REPOSITORY,
    actor="octocat",
    actor_is_bot=False,
    semantic_key="release:1",
    ref="v1",
    ref_kind=RefKind.TAG,
    thread=Thread(kind="release", number=1),
    url="https://github.com/octo/ts/releases/1",
)
COMMENT = dataclasses.replace(
    RELEASE,
    kind=TriggerKind.COMMENT,
    ref="main",
    ref_kind=None,
    thread=Thread(kind="issue", number=5, comment_id=50),
)
PUSHED = dataclasses.replace(
    RELEASE,
    kind=TriggerKind.TAG,
    sha=SHA,
    thread=Thread(kind="commit", number=0, sha=SHA),
    semantic_key=f"tag:v1:{SHA}",
)
ISSUE = dataclasses.replace(RELEASE, kind=TriggerKind.ISSUE, thread=Thread(kind="issue", number=5))
HUB = Hub(
    name="demo",
    repo="org/apps",
    branch="main",
    folder="images",
    jupyterhub=None,
    pin="digest",
    accept=(HubRule(repo="octo/ts"),),
)


def make_run(trigger: Trigger = RELEASE) -> Run:
    """A run of a trigger that was just received."""
    return Run(
        id=RUN_ID, key="7:release:1", attempt=1, state=RunState.RECEIVED, repository="octo/ts", ref=trigger.ref or "",
        actor=trigger.actor, sha=None, trigger=render_value(trigger), message="", created_at=AT, ended_at=None,
    )  # fmt: skip


def make_source(
    config: str | None = CONFIG, *, files: dict[str, bytes] | None = None, packages: dict[str, str] | None = None
) -> FakeSource:
    """A repository with a lock of one package; `config` is its config file at the commit."""
    packages = {"jupyterhub": "5.0", "jupyterlab": "4.0"} if packages is None else packages
    hashes = {name: [f"sha256:{number:064x}"] for number, name in enumerate(sorted(packages))}
    pipfile, lock = make_lock(packages, hashes=hashes)
    tree: dict[str, bytes] = {"Pipfile": pipfile.encode(), "Pipfile.lock": lock.encode(), **(files or {})}
    if config is not None:
        tree[".hublish.yaml"] = config.encode()
    return FakeSource(tree, commit=SHA)


class Stage:
    """The ports of one service, and the service itself."""

    def __init__(self, folder: Path) -> None:
        self.database = open_database(f"sqlite:///{folder / 'test.sqlite'}")
        ensure_schema(self.database)
        self.reader = FakeReader(
            refs={
                "v1": TAG,
                "main": ResolvedRef(name="main", kind=RefKind.BRANCH, sha=SHA),
                "7": ResolvedRef(name="7", kind=RefKind.PULL_REQUEST, sha=SHA, fork=True),
                "8": ResolvedRef(name="8", kind=RefKind.PULL_REQUEST, sha=SHA),
            },
            files={("octo/ts", ".hublish.yaml"): CONFIG.encode()},
            permissions={"octocat": Permission.WRITE},
            repositories={"octo/ts": REPOSITORY, "org/apps": HUB_REPOSITORY},
        )
        self.changes = FakeChanges(self.reader)
        self.conversation = FakeConversation()
        self.delivery_log = FakeDeliveryLog()
        self.hub_repository = FakeHubRepository()
        self.locker = FakeLocker()
        self.digests = FakeDigests()
        self.newcomers = NewcomerStore(self.database)
        self.standings, self.push_probe = FakeStandings(self.reader), FakePushProbe()
        self.repository_maker = FakeRepositoryMaker()
        self.images = FakeImages()
        self.images.add_image(BASE, [make_tar(TINY_BASE)])
        self.checkouts = FakeCheckouts({"octo/ts": make_source(), "org/apps": FakeSource({"images/README": b""})})
        self.runs, self.builds = RunStore(self.database), BuildStore(self.database)
        self.image_records = ImageStore(self.database)
        self.queue, self.replicas = QueueStore(self.database), ReplicaStore(self.database, REPLICA)
        policy = Policy(
            public_url="https://hublish.example.com",
            web_url="https://github.com",
            namespaces={"registry.example.org": {"octo": ("team",)}},
            bases={"3.11": BASE},
            hubs={"demo": HUB},
            build_seconds=600,
            image_bytes=1 << 30,
        )
        self.services = Services(
            reader=self.reader,
            changes=self.changes,
            conversation=self.conversation,
            hub_repository=self.hub_repository,
            sources=self.checkouts,
            images=self.images,
            output=self.images,
            engine=cast(Engine, SimpleNamespace(strategies=frozenset({Strategy.LAYERED}), verify_plan=lambda _: None)),
            archive=DiskArchive(folder / "logs"),
            deliveries=DeliveryStore(self.database),
            delivery_log=self.delivery_log,
            runs=self.runs,
            steps=StepStore(self.database),
            builds=self.builds,
            image_records=self.image_records,
            cancels=CancelStore(self.database),
            tokens=TokenStore(self.database),
            base_watches=BaseWatchStore(self.database),
            fetch_digest=self.digests.get_digest,
            list_tags=self.digests.list_tags,
            queue=self.queue,
            newcomers=self.newcomers,
            standings=self.standings,
            push_probe=self.push_probe,
            repository_maker=self.repository_maker,
            replicas=self.replicas,
            replica=REPLICA,
            hold_duty=self.replicas.hold_duty,
            hold=partial(hold, self.database),
            caches=OwnerCaches(folder / "layers"),
            locker=self.locker,
            policy=policy,
            now=lambda: AT,
            make_run_id=lambda: RUN_ID,
        )

    def receive(self, trigger: Trigger = RELEASE) -> Run:
        """Store the run of a trigger."""
        return self.runs.ensure_run(make_run(trigger))

    def with_hub(self, **changes: object) -> Services:
        """The services with another hub."""
        hub = dataclasses.replace(HUB, **changes)
        return dataclasses.replace(self.services, policy=dataclasses.replace(self.services.policy, hubs={"demo": hub}))
