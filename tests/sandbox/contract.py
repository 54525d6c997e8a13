"""Checks calls against GitHub's official OpenAPI description.

Written for this purpose because the general validators cannot match GitHub's path parameters that hold slashes, let
misspelt optional keys through, and take seconds to load. `contract/` holds the data, `contract/NOTICE.md` its origin.
"""

from __future__ import annotations

import functools
import gzip
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from tests.sandbox.github_client import Call

DATA = Path(__file__).parent / "contract"
ROOT = "urn:github"
# Path parameters that may hold slashes.
GREEDY = frozenset({"path", "ref", "basehead", "branch", "dir"})
# What is GitHub, but not its REST API.
NOT_REST = re.compile(r"^/_codeload/|/info/refs$|/git-upload-pack$")
OUR_CALLERS = frozenset({"app", "installation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A violation that is let through: of which call, which text, and why that is right."""

    path: str
    text: str
    reason: str


ALLOWANCES: tuple[Allowance, ...] = (
    Allowance(
        path=r"/contents/.*/$",
        text=r"no operation",
        reason="PyGithub ends some content paths with a slash; GitHub takes it",
    ),
    Allowance(
        path=r"/statuses/[0-9a-f]{40}$",
        text=r"no operation GET",
        reason="the address GitHub gives as `statuses_url`, which PyGithub reads; only its newer twin is described",
    ),
    Allowance(
        path=r"^/app/installations$",
        text=r"account: '(name|slug|created_at|updated_at)' is a required property",
        reason="the description of this list wants an account to be a person and an enterprise at once",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """One method of one path of the description; `pointer` leads to it."""

    pattern: re.Pattern[str]
    pointer: str
    definition: Mapping[str, Any]
    order: tuple[int, int]


class Contract:
    """GitHub's description of its API, ready to check calls."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._description = description
        resource = DRAFT4.create_resource(description)
        self._registry: Registry[Any] = Registry().with_resource(ROOT, resource)
        self._validators: dict[str, OAS30Validator] = {}
        self._operations: dict[str, list[_Operation]] = {}
        for path, item in description["paths"].items():
            for method, definition in item.items():
                self._operations.setdefault(method.upper(), []).append(_make_operation(path, method, definition))
        for operations in self._operations.values():
            operations.sort(key=lambda operation: operation.order)

    def check_request(self, method: str, path: str, *, query: str = "", body: object = None) -> list[str]:
        """Everything in a request that the description does not allow; empty when it is right."""
        operation = self._find(method, path)
        if operation is None:
            return [f"no operation {method} {path}"]
        return [*self._check_query(operation, query), *self._check_body(operation, body)]

    def check_response(self, method: str, path: str, *, status: int, body: object) -> list[str]:
        """Everything in an answer that the description does not allow.

        A refusal (400 and above) that is not described is right: GitHub documents few of them.
        """
        operation = self._find(method, path)
        if operation is None:
            return []
        documented = operation.definition["responses"].get(str(status))
        if documented is None:
            return [] if status >= HTTPStatus.BAD_REQUEST else [f"status {status} is not described"]
        pointer = f"{operation.pointer}/responses/{status}"
        if "$ref" in documented:
            pointer = str(documented["$ref"])[1:]
        schema = self._resolve(documented).get("content", {}).get("application/json", {}).get("schema")
        if schema is None or status >= HTTPStatus.BAD_REQUEST:
            return []
        return self._errors(f"{pointer}/content/application~1json/schema", body)

    def _find(self, method: str, path: str) -> _Operation | None:
        candidates = self._operations.get(method, [])
        return next((item for item in candidates if item.pattern.match(path)), None)

    def _check_query(self, operation: _Operation, query: str) -> Iterator[str]:
        parameters = [self._resolve(item) for item in operation.definition.get("parameters", [])]
        described = {item["name"]: item for item in parameters if item["in"] == "query"}
        given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        yield from (f"query: unknown parameter {name}" for name in given if name not in described)
        for name, item in described.items():
            if name not in given:
                if item.get("required"):
                    yield f"query: {name} is missing"
                continue
            schema = self._resolve(item["schema"])
            value = _read_parameter(given[name], schema)
            validator = OAS30Validator(_rebase(schema), registry=self._registry)
            yield from (f"query {name}: {error.message}" for error in validator.iter_errors(value))

    def _check_body(self, operation: _Operation, body: object) -> Iterator[str]:
        if "requestBody" not in operation.definition:
            if body not in (None, {}):
                yield "body: this operation takes none"
            return
        described = self._resolve(operation.definition["requestBody"])
        schema = described.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return
        if body is None:
            if described.get("required"):
                yield "body: is missing"
            return
        pointer = f"{operation.pointer}/requestBody/content/application~1json/schema"
        yield from (f"body {error}" for error in self._errors(pointer, body))
        known = self._known_keys(schema)
        if known and isinstance(body, dict):
            yield from (f"body: unknown key {key}" for key in body if key not in known)

    def _known_keys(self, schema: Mapping[str, Any]) -> frozenset[str]:
        resolved = self._resolve(schema)
        keys = set(resolved.get("properties", {}))
        for combinator in ("oneOf", "anyOf", "allOf"):
            for part in resolved.get(combinator, ()):
                keys |= self._known_keys(part)
        return frozenset(keys)

    def _resolve(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in value:
            target: Any = self._description
            for part in str(value["$ref"])[2:].split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            value = target
        return value

    def _errors(self, pointer: str, value: object) -> list[str]:
        if pointer not in self._validators:
            self._validators[pointer] = OAS30Validator({"$ref": f"{ROOT}#{pointer}"}, registry=self._registry)
        errors = self._validators[pointer].iter_errors(value)
        return [f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:160]}" for error in errors]


def _make_operation(path: str, method: str, definition: Mapping[str, Any]) -> _Operation:
    pieces = re.split(r"\{(\w+)\}", path)
    names = pieces[1::2]
    pattern = "".join(
        re.escape(piece) if index % 2 == 0 else (".+" if piece in GREEDY else "[^/]+")
        for index, piece in enumerate(pieces)
    )
    escaped = path.replace("~", "~0").replace("/", "~1")
    return _Operation(
        pattern=re.compile(f"^{pattern}$"),
        pointer=f"/paths/{escaped}/{method}",
        definition=definition,
        # The most exact path first: /issues/comments/{id} before /issues/{number}/{rest}.
        order=(len(names), -len(path)),
    )


def _read_parameter(text: str, schema: Mapping[str, Any]) -> object:
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if schema.get("type") == "boolean" and text in {"true", "false"}:
        return text == "true"
    return text


def _rebase(value: Any) -> Any:
    """References of a schema taken out of its document, made absolute."""
    if isinstance(value, list):
        return [_rebase(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: f"{ROOT}{item}" if key == "$ref" else _rebase(item) for key, item in value.items()}


def _mend(value: Any) -> None:
    """Mend two habits of the description that would call right answers wrong.

    Nullable enums list their values without null, though OpenAPI 3.0 asks for it; and some discriminators tell arrays
    from objects by a property, which arrays do not have.
    """
    if isinstance(value, list):
        for item in value:
            _mend(item)
    elif isinstance(value, dict):
        if isinstance(value.get("discriminator"), dict) and "mapping" in value["discriminator"]:
            del value["discriminator"]
        if value.get("nullable") is True and isinstance(value.get("enum"), list) and None not in value["enum"]:
            value["enum"].append(None)
        for item in value.values():
            _mend(item)


@functools.cache
def load_contract() -> Contract:
    """GitHub's description, loaded once."""
    description = json.loads(gzip.decompress((DATA / "openapi.json.gz").read_bytes()))
    _mend(description)
    return Contract(description)


def check_calls(calls: Iterable[Call], *, callers: frozenset[str] = OUR_CALLERS) -> tuple[str, ...]:
    """Everything wrong in recorded calls, one line each; empty when all of them keep to the contract.

    Args:
        calls: as `GitHubSandbox.calls` returns them.
        callers: whose calls are checked; by default those of our App.
    """
    contract = load_contract()
    lines: list[str] = []
    for call in calls:
        if call.caller not in callers or NOT_REST.search(call.path):
            continue
        found = [
            *(
                f"request {text}"
                for text in contract.check_request(call.method, call.path, query=call.query, body=call.request_body)
            ),
            *(f"response {text}" for text in _check_answer(contract, call)),
        ]
        lines.extend(f"{call.method} {call.path}: {text}" for text in found if not _is_allowed(call, text))
    return tuple(dict.fromkeys(lines))


def _check_answer(contract: Contract, call: Call) -> list[str]:
    if call.status is None or call.status == HTTPStatus.NOT_MODIFIED or call.faulted:
        return []
    return contract.check_response(call.method, call.path, status=call.status, body=call.response_body)


def _is_allowed(call: Call, text: str) -> bool:
    return any(re.search(item.path, call.path) and re.search(item.text, text) for item in ALLOWANCES)
