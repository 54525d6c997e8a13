"""The tags of a repository of images, page by page as registries give them.

Source: OCI distribution-spec v1.1, "Listing Tags".
"""

from __future__ import annotations

import json
import re

from hublish.adapters.registry.endpoint import Endpoint
from hublish.adapters.registry.transport import Transport
from hublish.core.reference import is_tag
from hublish.errors import RegistryFailed

PAGE = 1000
PAGES_LIMIT = 10
"""Ten thousand tags: what comes after is not looked at."""
PAGE_LIMIT_BYTES = 1024 * 1024
_FOUND = 200
_FOUND_OR_NOT = frozenset({_FOUND, 404})
_NEXT = re.compile(r"<[^>]*[?&]last=([^&>]+)[^>]*>; *rel=\"?next\"?")


def list_tags(transport: Transport, endpoint: Endpoint) -> tuple[str, ...]:
    """List the tags of a repository, in the registry's order; empty when there is no such repository.

    Raises:
        RegistryFailed: refused, failed, or an answer that is no list of tags.
    """
    tags: list[str] = []
    query = {"n": str(PAGE)}
    for _ in range(PAGES_LIMIT):
        request = endpoint.make_request("GET", "tags/list", action="list of tags", query=query)
        answer = transport.call(request, expected=_FOUND_OR_NOT, limit=PAGE_LIMIT_BYTES)
        if answer.status != _FOUND:
            break
        tags += _parse_page(answer.body, subject=request.purpose.subject)
        # Only the place to go on at is taken from the link: where it leads is the registry's word.
        if _NEXT.search(answer.headers.get("link", "")) is None or not tags:
            break
        query = {"n": str(PAGE), "last": tags[-1]}
    return tuple(dict.fromkeys(tags))


def _parse_page(body: bytes, *, subject: str) -> list[str]:
    try:
        listed = json.loads(body)["tags"] or []
        return [tag for tag in listed if isinstance(tag, str) and is_tag(tag)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RegistryFailed(f"{subject}: expected a list of tags, got something else.") from error
