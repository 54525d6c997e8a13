"""Which instruction of its Dockerfile a container build is at, from what its engine prints; and the words of its failure."""

from __future__ import annotations

import re

from hublish.builders.containers.containerrun import ContainerJob
from hublish.errors import BuildFailed, clip


class StepWatch:
    """Logs what an engine prints, and notes the instructions.

    Args:
        job: whose log and progress are told.
        pattern: a whole line that begins an instruction, with the groups `done`, `total` and `text`.
    """

    def __init__(self, job: ContainerJob, *, pattern: re.Pattern[str]) -> None:
        self._job = job
        self._pattern = pattern
        self._step = ""

    def read(self, line: str) -> None:
        """Take one line."""
        self._job.log(line)
        step = self._pattern.fullmatch(line)
        if step is not None:
            done, total = int(step["done"]), int(step["total"])
            self._step = f"step {done} of {total}, {clip(self._job.clean(step['text']), limit=200)}"
            self._job.progress(done - 1, total, step["text"])

    def make_error(self, words: str) -> BuildFailed:
        """Say that the instruction failed; `words` are clean."""
        return BuildFailed(f"the build failed at {self._at}: {words}", hint="The log has the whole story.")

    def make_memory_error(self, limit_bytes: int) -> BuildFailed:
        """Say that the instruction was killed for want of memory."""
        return BuildFailed(
            f"the build needed more memory than {limit_bytes >> 20} MiB at {self._at}",
            hint="Build with less at once, or ask the operator for more.",
        )

    @property
    def _at(self) -> str:
        return self._step or "before its first step"
