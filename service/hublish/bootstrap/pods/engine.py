"""The engine `tekton` made from the operator's settings. Tekton's client is imported here, after its version is set."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from hublish.bootstrap.pods.files import FindSecrets, MintToken, StepFileMaker
from hublish.bootstrap.pods.wheels import PodWheels
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.layerindex.reported import RecordKeeper
from hublish.core.building import BuildSucceeded, HandedWheel
from hublish.core.plan import Strategy
from hublish.core.podlines import LayerRecords
from hublish.core.ports import ImageReader, ImageWriter, PackageIndex, SourceFetcher
from hublish.engines.runs import BuildRun, find_owner, find_target
from hublish.engines.tekton_run import RunChoices
from hublish.errors import SettingsInvalid

if TYPE_CHECKING:
    from hublish.engines.tekton import TektonCluster, TektonEngine
    from hublish.engines.tekton.parts import PodSystemBuilder, RunPart
    from hublish.settings import Settings

_EXTRA_HINT = "Install hublish[tekton]."


def connect_cluster(settings: Settings) -> TektonCluster:
    """Connect to the cluster that the settings name; nothing is asked yet.

    Raises:
        SettingsInvalid: its kubeconfig is unusable, or the clients are not installed.
    """
    # Tekton's client reads the variable when it is imported, and would speak v1beta1 without it.
    os.environ["TEKTON_VERSION"] = "v1"
    try:
        from hublish.engines.tekton import open_cluster  # noqa: PLC0415 -- an extra, slow, and after the variable
    except ModuleNotFoundError as exc:
        raise SettingsInvalid("the clients of Tekton and Kubernetes are not installed", hint=_EXTRA_HINT) from exc
    return open_cluster(settings.engines.tekton.kubeconfig)


def make_run_choices(settings: Settings) -> dict[Strategy, RunChoices]:
    """What the operator chose for the pods of each strategy that has an image.

    Raises:
        SettingsInvalid: none has.
    """
    chosen = settings.engines.tekton
    containers = chosen.build_image, chosen.namespaces.baseline
    strategies = {
        Strategy.LAYERED: (chosen.image, chosen.namespaces.restricted),
        Strategy.SOURCE: containers,
        Strategy.DOCKERFILE: containers,
    }
    choices = {
        strategy: RunChoices(
            image=image,
            namespace=namespace,
            service_account=chosen.service_account,
            user=chosen.user,
            cpu=chosen.cpu,
            memory=chosen.memory,
            link=settings.public_url,
        )
        for strategy, (image, namespace) in strategies.items()
        if image is not None
    }
    if not choices:
        raise SettingsInvalid(
            "the engine tekton is chosen, and neither engines.tekton.image nor engines.tekton.build_image is set",
            hint="Name the images that the top-level Dockerfile makes, targets `service` and `build`.",
        )
    return choices


def make_tekton(
    settings: Settings,
    *,
    sources: SourceFetcher,
    images: ImageReader,
    output: ImageWriter,
    index: PackageIndex,
    caches: OwnerCaches,
    mint_token: MintToken,
    find_secrets: FindSecrets,
) -> TektonEngine:
    """Make the engine.

    Args:
        settings: the operator's.
        sources: brings source trees, for packages that are built from them.
        images: tells whether an image that a run reports is there.
        output: where layer indexes are written, and files that pods need.
        index: where packages come from whose wheels are built.
        caches: take what pods find out of layers, and sign it.
        mint_token: of the GitHub App.
        find_secrets: what the operator gives a build, id -> bytes.

    Raises:
        SettingsInvalid: no image is named for pods, or see `connect_cluster`.
    """
    chosen = settings.engines.tekton
    choices = make_run_choices(settings)
    cluster = connect_cluster(settings)
    from hublish.engines.tekton import PodTaskRunner, TektonChoices, TektonEngine  # noqa: PLC0415 -- as above

    keeper = RecordKeeper(caches=caches, images=images, output=output)

    def keep(records: LayerRecords, run: BuildRun, outcome: BuildSucceeded) -> None:
        request = run.request
        image = find_target(request).with_digest(outcome.digest)
        keeper.keep(records, request.plan, image=image, owner=find_owner(request), log=run.tell)

    wheels = PodWheels(
        sources=sources, images=images, output=output, index=index, caches=caches, web_url=settings.github.web
    )

    def make_wheels(run: BuildRun, run_part: RunPart, verify_running: Callable[[], None]) -> tuple[HandedWheel, ...]:
        runner = PodTaskRunner(request=run.request, run_part=run_part, images=images, output=output)
        return wheels.make(run, runner, verify_running)

    return TektonEngine(
        TektonChoices(
            runs=choices,
            slots=chosen.slots,
            keep_runs=chosen.keep_runs,
            keep_seconds=chosen.keep_hours * 3600,
            # Beside the logs: the replica that takes a build over goes on where the dead one had stopped.
            folder=settings.log_folder / ".pods",
        ),
        cluster=cluster,
        images=images,
        make_files=StepFileMaker(
            settings=settings, mint_token=mint_token, find_secrets=find_secrets, index_keys=caches.public_keys
        ).make,
        keep_records=keep,
        make_wheels=make_wheels,
    )


def make_pod_system_builder(pods: TektonEngine, *, seconds: float, stopping: threading.Event) -> PodSystemBuilder:
    """Make what installs packages into bases in pods.

    Args:
        pods: the engine, which has an image for container builds.
        seconds: the operator's limit of a build.
        stopping: set once this process ends.
    """
    from hublish.engines.tekton import PodSystemBuilder  # noqa: PLC0415 -- as above

    return PodSystemBuilder(pods=pods, seconds=seconds, stopping=stopping)
