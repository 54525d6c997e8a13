"""The ASGI application: the webhook door, the run's page, health. Wires routes; holds no logic of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

HealthCheck = Callable[[], dict[str, str]]
"""Name of a part -> "ok" or what is wrong with it; blocks."""


def make_app(
    routers: tuple[APIRouter, ...], *, start: Callable[[], None], stop: Callable[[], None], health: HealthCheck
) -> FastAPI:
    """Make the application.

    Args:
        routers: the routes.
        start: called in a thread before the first request, e.g. to launch the workflows.
        stop: called in a thread after the last one.
        health: asked by `/healthz`.
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

    @app.get("/healthz")
    async def show_health() -> JSONResponse:
        parts = await run_in_threadpool(health)
        ok = all(state == "ok" for state in parts.values())
        return JSONResponse({"ok": ok, "parts": parts}, status_code=200 if ok else 503)

    return app
