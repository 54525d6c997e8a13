"""The Steps of a part: a base with packages, or files that a script makes. It has no source tree, and so no token.

As for every container build, only `build` runs what a stranger wrote, and it is given nothing.
"""

from __future__ import annotations

from pathlib import Path

from hublish.adapters.layout import OCILayout
from hublish.bootstrap.steps.containers import build_in_pod, fetch_bases, make_backend
from hublish.bootstrap.steps.handover import Handover, store_outcome
from hublish.bootstrap.steps.places import StepPlaces, explain_reading
from hublish.builders.containers.plan import NoFiles
from hublish.builders.containers.taskrun import TaskRunner
from hublish.builders.filebundle import fetch_files, push_files
from hublish.core.building import BuildSucceeded, LayerSummary, PodPart, PodScript
from hublish.core.ports import ContainerTask, ImageReader
from hublish.engines.runs import BuildRun, find_target
from hublish.errors import BuildCancelled, BuildFailed

_FILES_LIMIT_BYTES = 4 << 30


def fetch_part(run: BuildRun, part: PodPart, *, images: ImageReader, places: StepPlaces) -> None:
    """Bring the base, and the files of a script, into the shared folder.

    Raises:
        HublishError: what cannot be fetched, and why.
    """
    fetch_bases(run, NoFiles(), images=images, places=places)
    if part.script is not None:
        with explain_reading(part.script.files):
            found = fetch_files(
                part.script.files,
                places.files,
                images=images,
                limit_bytes=_FILES_LIMIT_BYTES,
                verify_running=lambda: None,
            )
        run.tell(f"files: {', '.join(found)}")


def build_part(run: BuildRun, part: PodPart, places: StepPlaces) -> None:
    """Make the part and leave it for the Step push.

    Raises:
        HublishError: what the builder raises.
    """
    if part.script is None:
        build_in_pod(run, NoFiles(), places)
        return
    runner = TaskRunner(make_backend(places), OCILayout(places.bases), places.work / "tasks")

    def verify() -> None:
        if run.should_stop():
            raise BuildCancelled("the script was stopped")

    made = runner.run_task(
        _make_task(run, part.script, places), places.work / "made", log=run.tell, verify_running=verify
    )
    digest = push_files(
        {path.name: path for path in made}, output=Handover(places.image), target=find_target(run.request)
    )
    store_outcome(places.image, _make_outcome(digest, made))


def _make_task(run: BuildRun, script: PodScript, places: StepPlaces) -> ContainerTask:
    plan = run.request.plan
    if plan.container is None:
        raise BuildFailed("a script needs a base")
    return ContainerTask(
        title=script.title,
        base=plan.container.bases[0].image,
        platform=plan.platform,
        script=script.text,
        files={path.name: path for path in sorted(places.files.iterdir())},
        network=script.network,
        seconds=plan.time_seconds,
        size_bytes=script.find_limit(plan),
        hint=script.hint,
    )


def _make_outcome(digest: str, made: tuple[Path, ...]) -> BuildSucceeded:
    sizes = [(path.name, path.stat().st_size) for path in made]
    return BuildSucceeded(
        digest=digest,
        size_bytes=sum(size for _, size in sizes),
        layers=tuple(LayerSummary(title=name, digest="", size_bytes=size, transfer="written") for name, size in sizes),
        uploaded_bytes=0,
        packages=(),
    )
