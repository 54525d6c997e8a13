"""The container engine of a user's own machine, for what a layered build cannot do alone.

It is chosen, and what it needs is imported, when it is first needed: most builds need none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.bootstrap.options import WorkbenchOptions
from hublish.core.ports import ContainerTask, ImageReader
from hublish.errors import StrategyUnavailable

if TYPE_CHECKING:
    from hublish.builders.containers.containerrun import ContainerBackend


class UserRunner:
    """`hublish.core.ports.ContainerRunner` by buildah or a Docker Engine; safe to share between threads.

    Args:
        options: of the workbench.
        images: where images are read from.
    """

    def __init__(self, options: WorkbenchOptions, images: ImageReader) -> None:
        self._options = options
        self._images = images
        self._lock = threading.Lock()
        self._backend: ContainerBackend | None = None

    def can_run(self) -> bool:
        """Tell whether there is an engine here."""
        try:
            self.open_backend(log=lambda _: None)
        except StrategyUnavailable:
            return False
        return True

    def run_task(
        self, task: ContainerTask, output: Path, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> tuple[Path, ...]:
        """See the port; raises StrategyUnavailable where there is no engine."""
        from hublish.builders.containers.taskrun import TaskRunner  # noqa: PLC0415  # see the module's docstring

        runner = TaskRunner(self.open_backend(log=log), self._images, self._options.cache / "tasks")
        return runner.run_task(task, output, log=log, verify_running=verify_running)

    def open_backend(self, *, log: Callable[[str], None]) -> ContainerBackend:
        """The engine; raises StrategyUnavailable where there is none."""
        from hublish.bootstrap.engines import choose_backend  # noqa: PLC0415  # see the module's docstring

        with self._lock:
            if self._backend is None:
                options = self._options
                self._backend = choose_backend(
                    options.engine, cache=options.cache, environ=options.environ, settings=options.settings, log=log
                )
            return self._backend
