"""A process that builds and is killed: `python -m tests.contract.engines.victim FILE`, with what to build as JSON in FILE.

It prints the build's log line by line, and "pushing" instead of ever pushing a blob when the file says `hang`.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from hublish.adapters.registry import RegistryClient
from hublish.core.building import BuildRequest
from hublish.core.codec import parse_value
from hublish.core.reference import parse_reference
from tests.contract.engines.parts import Sources, Yard, wait
from tests.contract.engines.subjects import make_backend, make_engine
from tests.fakes import FakeSource
from tests.sandbox.registry import Registry


class Out:
    """A BuildLog on standard output."""

    def append(self, line: str) -> None:
        print(line, flush=True)


class HangingOutput:
    """Where nothing ever arrives."""

    def __init__(self, client: RegistryClient) -> None:
        self.ensure_manifest = client.ensure_manifest

    def ensure_blob(self, *_: object, **__: object) -> NoReturn:
        print("pushing", flush=True)
        while True:
            time.sleep(60)


def main(spec: dict[str, Any]) -> None:
    request = parse_value(BuildRequest, spec["request"])
    assert request.ref is not None
    source = FakeSource({path: base64.b64decode(body) for path, body in spec["files"].items()})
    registry = Registry(host=spec["registry"], folder=Path(), process=None)  # type: ignore[arg-type]  # another's
    yard = Yard(
        registry=registry,
        base=parse_reference(spec["base"]),
        sources=Sources({request.ref.sha: source}),
        folder=Path(spec["folder"]),
        base_layout=Path(),
    )
    output = HangingOutput(yard.images) if spec["hang"] else yard.images
    engine = make_engine(
        make_backend(spec["kind"], spec["place"]),
        name=spec["kind"],
        folder=Path(spec["folder"]),
        sources=yard.sources,
        images=yard.images,
        output=output,
    )
    engine.start(request, Out())
    print(wait(engine, request.name), flush=True)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
