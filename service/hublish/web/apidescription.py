"""The description of the HTTP API as OpenAPI: what FastAPI finds, and what it cannot see, as the body that is read by hand.

It says what the service does and nothing more: the framework's own answer to bad parameters is never given, so it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from hublish.core.access.signing import IDEMPOTENCY_PATTERN, WINDOW_SECONDS

PROBLEM_TYPE = "application/problem+json"
_FRAMEWORK = ("HTTPValidationError", "ValidationError")
_REASONS: Mapping[int, str] = {
    400: "The body is no JSON, or the idempotency key is missing",
    401: "Not signed, not now, or by a token that has ended",
    403: "The token has no such scope",
    404: "The App cannot see the repository, or there is no such build for this token",
    408: "The body came too slowly",
    413: "The body is too large",
    422: "A value is missing or wrong, or the idempotency key was used for another order",
    429: "Too many requests; Retry-After says when",
    503: "GitHub or the database is away; Retry-After says when",
}
_SIGNED = (
    "`sha256=` and the HMAC-SHA256 in hex, keyed by the token's secret, of five lines joined by newlines: method, path with "
    "query, timestamp, idempotency key (empty without one), SHA-256 of the body in hex."
)
_HEADERS: Mapping[str, tuple[str, str]] = {
    "token": ("X-Hublish-Token", "The token's id."),
    "timestamp": ("X-Hublish-Timestamp", f"Seconds since 1970, at most {WINDOW_SECONDS} from the service's time."),
    "signature": ("X-Hublish-Signature", _SIGNED),
}


class Problem(BaseModel):
    """A refusal, as RFC 9457 has it."""

    type: str = Field(description="Always about:blank: `code` says which problem it is.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The status.")
    detail: str = Field(description="What was expected and what came.")
    code: str = Field(description="Stable name of the problem, CamelCase.")
    hint: str = Field(description='What to do; "" where there is nothing.')


def list_refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation, as FastAPI wants them."""
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _REASONS[status], "content": content} for status in statuses}


def describe_api(app: FastAPI, *, order: type[BaseModel], prefix: str) -> dict[str, Any]:
    """Describe the application.

    Args:
        app: its routes.
        order: model of the body of an order.
        prefix: where it is mounted.
    """
    document = get_openapi(
        title="hublish",
        version=app.version,
        summary="Order builds of images and read their answers.",
        routes=app.routes,
        servers=[{"url": prefix}],
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FRAMEWORK:
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    schemas[order.__name__] = order.model_json_schema()
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = {
        name: {"type": "apiKey", "in": "header", "name": header, "description": description}
        for name, (header, description) in _HEADERS.items()
    }
    document["security"] = [{name: [] for name in _HEADERS}]
    for operations in document["paths"].values():
        for method, operation in operations.items():
            _correct(operation, takes=order if method == "post" else None)
    return document


def _correct(operation: dict[str, Any], *, takes: type[BaseModel] | None) -> None:
    responses = operation["responses"]
    for status in [status for status, answer in responses.items() if "HTTPValidationError" in str(answer)]:
        del responses[status]
    for status in ("429", "503"):
        responses[status]["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    operation["responses"] = dict(sorted(responses.items()))
    if takes is None:
        return
    body = {"schema": {"$ref": f"#/components/schemas/{takes.__name__}"}}
    operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    operation["responses"] = {
        "200": {**responses["202"], "description": "The same order came before: its build as it is now"},
        **operation["responses"],
        "202": {
            **responses["202"],
            "description": "The build is ordered",
            "headers": {"Location": {"description": "Where to read it.", "schema": {"type": "string"}}},
        },
    }
    operation["parameters"] = [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "Made anew for each order; the same one with the same order is the same build.",
            "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_PATTERN.pattern}$"},
        }
    ]
