"""Builds of Dockerfiles and source-to-image at the command line, by the container engine of this machine."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hublish.bootstrap.engines import choose_backend, load_secret_files
from hublish.bootstrap.options import WorkbenchOptions
from hublish.builders.containers.containerrun import ContainerTools, build_container
from hublish.core.building import BuildSucceeded
from hublish.core.plan import Plan, make_build_key
from hublish.core.ports import ImageReader, ImageWriter, ProgressSink, Source
from hublish.core.reference import Reference
from hublish.errors import BuildFailed


def build_by_engine(
    plan: Plan,
    source: Source,
    *,
    options: WorkbenchOptions,
    images: ImageReader,
    output: ImageWriter,
    target: Reference,
    log: Callable[[str], None],
    progress: ProgressSink,
    cancelled: Callable[[], bool],
) -> BuildSucceeded:
    """Build a plan that needs containers.

    Args:
        plan: of the strategy source or dockerfile.
        source: the folder.
        options: which engine, which secrets, where things are kept.
        images: where bases are read from.
        output: where the image goes.
        target: its name there.
        log: told what happens.
        progress: told how far it is.
        cancelled: True once the build is to stop.

    Raises:
        StrategyUnavailable: no engine works here, or the chosen one cannot do what the Dockerfile needs.
        HublishError: what the build raises.
    """
    name = f"build-{make_build_key(plan)}"
    secrets = load_secret_files(options.build_secrets)
    with _hold(options.cache / "builds", name):
        backend = choose_backend(
            options.engine,
            cache=options.cache,
            environ=options.environ,
            settings=options.settings,
            log=log,
        )
        return build_container(
            plan,
            name=name,
            source=source,
            target=target,
            tools=ContainerTools(
                backend=backend,
                images=images,
                output=output,
                folder=options.cache / "builds",
                secrets=secrets,
                log=log,
                progress=progress,
                cancelled=cancelled,
            ),
        )


@contextmanager
def _hold(folder: Path, name: str) -> Iterator[None]:
    """One build of a plan at a time: both would be the engine's one image of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise BuildFailed(
                "another hublish builds this very plan here", hint="Wait for it, then ask again."
            ) from exc
        yield
