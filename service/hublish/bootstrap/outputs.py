"""From the name of a place to the writer that puts an image there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hublish.adapters.layout import OCILayout
from hublish.core.building import Progress, Step
from hublish.core.output import Output, OutputKind
from hublish.core.ports import ImageWriter, ProgressSink
from hublish.errors import BuildCancelled, BuildFailed, StrategyUnavailable


def make_writer(
    output: Output,
    *,
    registry: ImageWriter,
    environ: Mapping[str, str],
    progress: ProgressSink,
    cancelled: Callable[[], bool],
) -> ImageWriter:
    """Make the writer of an output.

    Args:
        output: where the image goes.
        registry: the client of registries.
        environ: names the Docker Engine.
        progress: told of bytes while an archive is written or sent.
        cancelled: True once the build is to stop; asked while an archive is written or sent.

    Raises:
        BuildFailed: a layout or an archive without a path.
        StrategyUnavailable: an engine is meant, and its client is not installed.
    """
    if output.kind is OutputKind.REGISTRY:
        return registry

    def tell(done_bytes: int, total_bytes: int) -> None:
        if cancelled():
            raise BuildCancelled("the build was stopped before its image was complete; nothing was published")
        progress(Progress(step=Step.OUTPUT, done=done_bytes, total=total_bytes, label=output.kind.value))

    if output.kind is OutputKind.ENGINE:
        return _make_engine(environ, tell)
    if output.path is None:
        raise BuildFailed(f"an image that goes to {output.kind.value} needs a path")
    if output.kind is OutputKind.LAYOUT:
        return OCILayout(output.path)
    from hublish.adapters.docker.archive import DockerArchive  # noqa: PLC0415 -- start-up time of other builds

    return DockerArchive(output.path, progress=tell)


def _make_engine(environ: Mapping[str, str], tell: Callable[[int, int], None]) -> ImageWriter:
    try:
        from hublish.adapters.docker.engine import DockerEngine  # noqa: PLC0415 -- an extra, and slow to import
    except ModuleNotFoundError as exc:
        raise StrategyUnavailable(
            "the client of Docker Engine is not installed",
            hint="Install hublish[docker], or write a file: `--output docker-archive:FILE` and `docker load -i FILE`.",
        ) from exc
    return DockerEngine(environ, progress=tell)
