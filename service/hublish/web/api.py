"""The HTTP API for programs: order a build, read it, list a repository's. An application of its own under `/api/v1`.

Every answer is JSON; every refusal is `application/problem+json` (RFC 9457) with a stable `code` and a `hint`. The
interface's description is made from the models below and served without a token, as it says nothing about anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from hublish.core.access.signing import IDEMPOTENCY_PATTERN, SignedRequest
from hublish.core.access.tokens import Token
from hublish.core.gitref import is_ref_name
from hublish.errors import ApiRefused, HublishError, clip
from hublish.telemetry import get_logger
from hublish.web.apidescription import PROBLEM_TYPE, describe_api, list_refusals
from hublish.web.auth import Doorkeeper
from hublish.workflows.orders import BuildState, Order, Orders

PREFIX = "/api/v1"
RETRY_SECONDS = 30
DEFAULT_LIMIT = 20
LONGEST_LIST = 100
IMAGES_LIMIT = 20
_REPO = r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_log = get_logger(__name__)


class BuildOrder(BaseModel):
    """What is to be built."""

    model_config = ConfigDict(extra="forbid", strict=True)

    repo: str = Field(pattern=_REPO, description="Repository on GitHub, `owner/name`.", examples=["octo/ts"])
    ref: str = Field(
        min_length=1, max_length=200, description="Tag, branch or commit; a tag goes the whole way.", examples=["v1.2"]
    )
    images: list[Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        default=[], max_length=IMAGES_LIMIT, description="Titles of images of its config; none: all of them."
    )
    force: bool = Field(default=False, description="Build anew what was built before.")

    @field_validator("ref")
    @classmethod
    def verify_ref(cls, ref: str) -> str:
        """Refuse what git takes for no ref."""
        if not is_ref_name(ref):
            raise ValueError("it is no name of a tag, branch or commit")  # pydantic wants this kind
        return ref


class ImageView(BaseModel):
    """An image of a build."""

    title: str = Field(description="As the config calls it.")
    name: str | None = Field(description="`registry/repository`; null until it is planned.")
    digest: str | None = Field(description="`sha256:…` of its manifest; null until it is built.")


class BuildView(BaseModel):
    """A build: one request on its way to one answer."""

    id: str = Field(description="Its id; part of its page's address.")
    status: str = Field(
        description="received, planning, building or delivering; in the end delivered, failed, denied, cancelled, skipped or "
        "answered."
    )
    repo: str = Field(description="`owner/name` when it began.")
    ref: str = Field(description="What was asked for.")
    commit: str | None = Field(description="The commit; null until it is known.")
    actor: str = Field(description="Who asked: a login, or the name of a token.")
    images: list[ImageView] = Field(description="Empty until it is known what is built.")
    answer: str | None = Field(description="How it ended, in a sentence; null until then, and the same ever after.")
    url: str = Field(description="Its page, with steps and logs.")
    created_at: datetime = Field(description="When it was asked for.")
    ended_at: datetime | None = Field(description="When it ended; null until then.")


class BuildList(BaseModel):
    """Builds of a repository, the newest first."""

    builds: list[BuildView]


async def _admit(request: Request) -> tuple[Token, SignedRequest]:
    doorkeeper: Doorkeeper = request.app.state.doorkeeper
    return await doorkeeper.admit(request)


# Solved before any parameter is looked at: a request that is not signed learns nothing else.
Admission = Annotated[tuple[Token, SignedRequest], Depends(_admit)]


def make_api(orders: Orders, doorkeeper: Doorkeeper) -> FastAPI:
    """Make the application that is mounted under PREFIX.

    Args:
        orders: the desk.
        doorkeeper: verifies every request but that for the description.
    """
    app = _make_routes()
    app.state.orders, app.state.doorkeeper = orders, doorkeeper
    document = describe()
    app.get("/openapi.json", include_in_schema=False)(lambda: JSONResponse(document, headers=_HEADERS))
    app.add_exception_handler(HublishError, _answer_failure)
    app.add_exception_handler(RequestValidationError, _answer_parameters)
    app.add_exception_handler(HTTPException, _answer_http)
    return app


def describe() -> dict[str, Any]:
    """The description of the interface, as OpenAPI has it."""
    return describe_api(_make_routes(), order=BuildOrder, prefix=PREFIX)


def _make_routes() -> FastAPI:
    app = FastAPI(title="hublish", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.post(
        "/builds",
        status_code=HTTPStatus.ACCEPTED,
        response_model=BuildView,
        responses=list_refusals(400, 401, 403, 404, 408, 413, 422, 429, 503),
        summary="Order a build",
        operation_id="orderBuild",
    )(_order)
    app.get(
        "/builds",
        response_model=BuildList,
        responses=list_refusals(401, 403, 408, 413, 422, 429, 503),
        summary="List a repository's builds",
        operation_id="listBuilds",
    )(_list)
    app.get(
        "/builds/{build_id}",
        response_model=BuildView,
        responses=list_refusals(401, 404, 408, 413, 429, 503),
        summary="Read a build",
        operation_id="readBuild",
    )(_read)
    return app


async def _order(request: Request, admission: Admission) -> Response:
    """Order a build. The same order with the same idempotency key is the same build, and answered with 200."""
    token, signed = admission
    if not IDEMPOTENCY_PATTERN.fullmatch(signed.idempotency_key):
        raise ApiRefused(
            "The header Idempotency-Key has to hold 1 to 100 letters, digits or ._:- characters.",
            status=400,
            reason="IdempotencyKeyInvalid",
            hint="make a new one for each order, e.g. a UUID",
        )
    asked = _parse_order(signed.body)
    order = Order(repo=asked.repo, ref=asked.ref, images=tuple(asked.images), force=asked.force)
    orders: Orders = request.app.state.orders
    state, fresh = await run_in_threadpool(orders.place, order, token=token, idempotency_key=signed.idempotency_key)
    where = {"Location": f"{PREFIX}/builds/{state.id}"}
    return _respond(_make_view(state), status=HTTPStatus.ACCEPTED if fresh else HTTPStatus.OK, headers=where)


async def _list(
    request: Request,
    admission: Admission,
    repo: Annotated[str, Query(description="`owner/name`.", pattern=_REPO)],
    limit: Annotated[int, Query(description="How many at most.", ge=1, le=LONGEST_LIST)] = DEFAULT_LIMIT,
) -> Response:
    """List the newest builds first, whatever asked for them."""
    orders: Orders = request.app.state.orders
    states = await run_in_threadpool(orders.list_builds, repo, token=admission[0], limit=limit)
    return _respond(BuildList(builds=[_make_view(state) for state in states]))


async def _read(request: Request, admission: Admission, build_id: str) -> Response:
    """Read how far a build is, and its answer once it has ended."""
    orders: Orders = request.app.state.orders
    return _respond(_make_view(await run_in_threadpool(orders.read, build_id, token=admission[0])))


def _parse_order(body: bytes) -> BuildOrder:
    try:
        return BuildOrder.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        if any(fault["type"] == "json_invalid" for fault in faults):
            raise ApiRefused("The body is no JSON.", status=400, reason="BodyInvalid") from error
        raise _refuse_values([(fault["loc"], fault["msg"]) for fault in faults]) from error


def _refuse_values(faults: list[tuple[tuple[int | str, ...], str]]) -> ApiRefused:
    said = "; ".join(f"{'.'.join(str(part) for part in place) or 'body'}: {text}" for place, text in faults)
    return ApiRefused(
        clip(said), status=422, reason="ValueInvalid", hint=f"{PREFIX}/openapi.json says what is expected"
    )


def _make_view(state: BuildState) -> BuildView:
    return BuildView.model_validate({**asdict(state), "status": state.status.value})


def _respond(
    view: BaseModel, *, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    return JSONResponse(view.model_dump(mode="json"), status_code=status, headers={**_HEADERS, **(headers or {})})


async def _answer_failure(_request: Request, error: Exception) -> Response:
    if isinstance(error, ApiRefused):
        return _make_problem(error)
    # What went wrong is for the operator's log; a caller learns that it may pass.
    _log.error("API request failed", error=str(error), kind=type(error).__name__)
    return _make_problem(
        ApiRefused(
            "The request cannot be served now.",
            status=503,
            reason="Unavailable",
            hint="send it again later, with the same idempotency key",
            retry_after_seconds=RETRY_SECONDS,
        )
    )


async def _answer_parameters(_request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    return _make_problem(_refuse_values([(tuple(fault["loc"]), str(fault["msg"])) for fault in faults]))


async def _answer_http(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    reason = "MethodNotAllowed" if status == HTTPStatus.METHOD_NOT_ALLOWED else "PathMissing"
    hint = f"{PREFIX}/openapi.json lists what there is"
    return _make_problem(
        ApiRefused(f"{HTTPStatus(status).phrase}.", status=status, reason=reason, hint=hint),
        headers=getattr(error, "headers", None),
    )


def _make_problem(error: ApiRefused, *, headers: Mapping[str, str] | None = None) -> Response:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": int(error.status),
        "detail": error.message,
        "code": error.code,
        "hint": error.hint,
    }
    more = dict(headers or {})
    if error.retry_after_seconds is not None:
        more["Retry-After"] = str(error.retry_after_seconds)
    if error.status == HTTPStatus.UNAUTHORIZED:
        more["WWW-Authenticate"] = "Hublish-HMAC-SHA256"
    return JSONResponse(document, status_code=error.status, headers={**_HEADERS, **more}, media_type=PROBLEM_TYPE)
