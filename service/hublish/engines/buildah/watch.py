"""What buildah prints, read for people: which instruction it is at, and what it says when it fails."""

from __future__ import annotations

import re
from collections import deque

from hublish.builders.containers.containerrun import ContainerJob
from hublish.builders.containers.stepwatch import StepWatch
from hublish.engines.buildah.confinement import Ended
from hublish.engines.controlgroup import Limits
from hublish.errors import BuildFailed, clip

_STEP = re.compile(r"(?:\[\d+/\d+\] )?STEP (?P<done>\d{1,6})/(?P<total>\d{1,6}): (?P<text>.*)")
_ERROR = re.compile(r"(?i)(?:error: |level=error msg=)(?P<text>.*)")
_AT_STEP = re.compile(r"(?i)building at STEP \".*\": ")


class BuildWatch:
    """Reads what buildah prints: which instruction it is at, and what it says when it fails."""

    def __init__(self, *, job: ContainerJob) -> None:
        self._job = job
        self._steps = StepWatch(job, pattern=_STEP)
        self._errors: deque[str] = deque(maxlen=1)

    def read(self, line: str) -> None:
        """Take one line."""
        self._steps.read(line)
        error = _ERROR.match(line)
        if error is not None:
            self._errors.append(error["text"])

    def make_error(self, ended: Ended, limits: Limits) -> BuildFailed:
        """What went wrong, in words for people."""
        if ended.memory_kills:
            return self._steps.make_memory_error(limits.memory_bytes)
        words = _AT_STEP.sub("", self._errors[-1]) if self._errors else f"exit status {ended.status}"
        return self._steps.make_error(clip(self._job.clean(words)))
