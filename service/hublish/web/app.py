"""The ASGI application: the webhook door, the run's page, the API, health. Wires routes; holds no logic of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from hublish.errors import HublishError
from hublish.telemetry import get_logger

_log = get_logger(__name__)

HealthCheck = Callable[[], dict[str, str]]
"""Name of a part -> "ok" or what is wrong with it; blocks."""


def make_app(
    routers: tuple[APIRouter, ...],
    *,
    start: Callable[[], None],
    stop: Callable[[], None],
    health: HealthCheck,
    mounts: Mapping[str, FastAPI] | None = None,
) -> FastAPI:
    """Make the application.

    Args:
        routers: the routes.
        start: called in a thread before the first request, e.g. to launch the workflows.
        stop: called in a thread after the last one.
        health: asked by `/healthz`.
        mounts: path to an application of its own, with failures that it answers in its own way; None for none.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(start)
        try:
            yield
        finally:
            await run_in_threadpool(stop)

    manage: Callable[[FastAPI], AbstractAsyncContextManager[None]] = lifespan
    app = FastAPI(title="hublish", docs_url=None, redoc_url=None, openapi_url=None, lifespan=manage)
    for router in routers:
        app.include_router(router)
    for path, mounted in (mounts or {}).items():
        app.mount(path, mounted)

    @app.exception_handler(HublishError)
    async def answer_failure(_request: Request, error: Exception) -> Response:
        # What went wrong is for the operator's log; a visitor learns that it may pass.
        _log.error("page failed", error=str(error), kind=type(error).__name__)
        return PlainTextResponse("The page cannot be shown now; try again later.\n", status_code=503)

    @app.get("/healthz")
    async def show_health() -> JSONResponse:
        parts = await run_in_threadpool(health)
        ok = all(state == "ok" for state in parts.values())
        return JSONResponse({"ok": ok, "parts": parts}, status_code=200 if ok else 503)

    return app
