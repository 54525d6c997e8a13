"""The seam to DBOS: effects that run as durable steps, and the engine's start and stop.

What must hold (each was seen to matter): the application version is a constant kept by hand, so that a changed line
does not orphan the runs of the old process; a changed order of steps goes through `DBOS.patch`; only plain versioned
JSON crosses a step; a step raises only to be tried again and otherwise returns a fault; every effect looks up before
it creates, because a step runs at least once.

Source: DBOS Transact 3.4, "Workflows and steps".
"""

from __future__ import annotations

import asyncio
import functools
import json
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from hublish.core.codec import parse_value, render_value
from hublish.core.redact import redact
from hublish.errors import GitHubFailed, HublishError, clip
from hublish.telemetry import get_logger

WORKFLOW_VERSION = "1"
"""Changed only when running workflows of the old version must not be taken on; see the module's first paragraph."""

EFFECT_ATTEMPTS = 8
"""Tries of one effect, 1 s to 64 s apart: a little over two minutes of outage are waited out."""

LONGEST_WAIT_SECONDS = 3700.0
"""A little over the hour after which GitHub's count of requests begins anew; nobody is believed who asks for more."""

HISTORY_SUFFIX = "-workflows"
"""What the name of the engine's SQLite file has more than ours."""

Value = TypeVar("Value")

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why an effect did not happen.

    Attributes:
        code: the error's code.
        message: what was expected, what came, where.
        hint: what to do.
    """

    code: str
    message: str
    hint: str


def make_fault(error: Exception) -> Fault:
    """Turn an exception into data; of an unexpected one only the class is shown."""
    if isinstance(error, HublishError):
        return Fault(code=error.code, message=redact(error.message), hint=error.hint)
    return Fault(
        code="Unexpected",
        message=f"hublish met an error it does not know: {type(error).__name__}",
        hint="This is a fault of hublish; its log at this time says more.",
    )


async def run_effect(
    name: str,
    kind: type[Value],
    call: Callable[[], Value],
    *,
    attempts: int = EFFECT_ATTEMPTS,
) -> Value | Fault:
    """Run a blocking call as one durable step, in a thread, with retries while its errors are transient.

    Args:
        name: the step's name; part of the workflow's history.
        kind: what `call` returns: a dataclass of core, str, int, bool, None's type, or a tuple of such.
        call: idempotent; it may run again after a crash.
        attempts: tries while its errors are transient; 1 for what a run can do without.
    Returns:
        What the call returned, from the history if it ended before a crash; or why it did not.
    """
    return await run_async_effect(name, kind, functools.partial(asyncio.to_thread, call), attempts=attempts)


async def run_async_effect(
    name: str,
    kind: type[Value],
    call: Callable[[], Awaitable[Value]],
    *,
    attempts: int = EFFECT_ATTEMPTS,
    preemptible: bool = False,
) -> Value | Fault:
    """Run a coroutine as one durable step; `preemptible` ends it at once when its workflow is cancelled."""

    async def step() -> str:
        try:
            return render_value(await call(), kind)
        except Exception as error:  # the boundary of a workflow: everything becomes data here
            if _may_try_again(error, attempts):
                await wait_as_asked(error)
                raise
            if not isinstance(error, HublishError):
                _log.exception("effect failed unexpectedly", effect=name, workflow=DBOS.workflow_id)
            else:
                _log.warning("effect failed", effect=name, workflow=DBOS.workflow_id, code=error.code, error=str(error))
            return json.dumps({"fault": render_value(make_fault(error))})

    text = await DBOS.run_step_async(
        {
            "name": name,
            "retries_allowed": attempts > 1,
            "max_attempts": attempts,
            "interval_seconds": 1.0,
            "backoff_rate": 2.0,
            "preemptible": preemptible,
        },
        step,
    )
    wrapped = json.loads(text)
    if "fault" in wrapped:
        return parse_value(Fault, wrapped["fault"])
    return parse_value(kind, text)


async def wait_as_asked(error: Exception, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Wait for as long as GitHub asked to, so that an hour without requests costs one try and not all of them."""
    if isinstance(error, GitHubFailed) and error.retry_after_seconds is not None:
        await sleep(min(error.retry_after_seconds, LONGEST_WAIT_SECONDS))


def _may_try_again(error: Exception, attempts: int) -> bool:
    if not isinstance(error, HublishError) or not error.transient:
        return False
    status = DBOS.step_status
    attempt = 0 if status is None or status.current_attempt is None else status.current_attempt
    _log.info("effect will be tried again", attempt=attempt, code=error.code, error=clip(str(error)))
    return attempt + 1 < attempts


def make_workflow_database(url: str) -> str:
    """Where the engine keeps its history: beside our SQLite file, or in the same PostgreSQL database.

    A file of its own, because the engine's transactions would otherwise stand in the way of incoming webhooks.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database is None:
        return url
    file = Path(parsed.database)
    return parsed.set(database=str(file.with_name(f"{file.stem}{HISTORY_SUFFIX}{file.suffix}"))).render_as_string()


def prepare_workflows(*, database_url: str, executor_id: str) -> None:
    """Construct the engine. Workflow objects are made after this and before `launch_workflows`."""
    config: DBOSConfig = {
        "name": "hublish",
        "system_database_url": make_workflow_database(database_url),
        "application_version": WORKFLOW_VERSION,
        "executor_id": executor_id,
        "log_level": "WARNING",
        "serializer": DBOSPortableJSONSerializer(),
        "notification_listener_polling_interval_sec": 0.2,
    }
    if not sa.event.contains(sa.Engine, "handle_error", _wait_for_room):
        sa.event.listen(sa.Engine, "handle_error", _wait_for_room, retval=True)
    DBOS(config=config)


def _wait_for_room(context: sa.ExceptionContext) -> Exception | None:
    """Make the engine wait when the disk of its SQLite file is full, as it waits when the file is locked.

    It would end the workflow otherwise and could not even write that down: the run would stand still until the next
    start. PostgreSQL's full disk is waited out by the engine itself.
    """
    database = "" if context.engine is None else context.engine.url.database or ""
    if HISTORY_SUFFIX not in Path(database).name or "disk is full" not in str(context.original_exception):
        return None
    orig = sqlite3.OperationalError("database is locked: its disk is full")
    return sa.exc.OperationalError(context.statement, None, orig)


def launch_workflows() -> None:
    """Launch the engine: what a crash interrupted goes on now."""
    DBOS.launch()


def recover_workflows(replica: str) -> None:
    """Let whoever is free go on with what a dead replica was working on; a second call finds nothing."""
    # The engine's public way would move everything, finished waiting included, to a queue without limits; see its issue
    # on failover, which only its paid service does.
    DBOS._recover_pending_workflows([replica])  # noqa: SLF001  # there is no public call; kept by a test with kill -9


def find_state(workflow_id: str) -> str | None:
    """The engine's state of a workflow; None when it knows none."""
    status = DBOS.get_workflow_status(workflow_id)
    return None if status is None else status.status


def stop_workflows() -> None:
    """Stop the engine; what is at work goes on at the next launch."""
    DBOS.destroy(workflow_completion_timeout_sec=0)


class Interrupted(BaseException):
    """A workflow was left because the process ends; no Exception, which the engine would record as the workflow's end."""


def workflow(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate an async method as a durable workflow under a stable name; it survives the stop of its process."""
    register = cast("Callable[[Callable[..., Any]], Callable[..., Any]]", DBOS.workflow(name=name))

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        async def guarded(*arguments: Any) -> Any:
            try:
                return await method(*arguments)
            except asyncio.CancelledError as error:
                # The engine's loop cancels its tasks when it stops. Passed on as it is, the error comes out of a future
                # in a thread, where it is an Exception like any other, and the run would be over.
                raise Interrupted(name) from error

        return register(guarded)

    return decorate
