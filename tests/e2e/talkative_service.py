"""The service at its most talkative, every logger at DEBUG: `python -m tests.e2e.talkative_service serve --port N`."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from hublish.bootstrap.service import make_service
from hublish.settings import load_settings
from hublish.telemetry import configure_logging


def main() -> None:
    port = int(sys.argv[sys.argv.index("--port") + 1])
    configure_logging(json_lines=True, level="DEBUG")
    for name in ("github", "urllib3", "httpx"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    service = make_service(load_settings(os.environ))
    uvicorn.Server(uvicorn.Config(service.app, host="127.0.0.1", port=port, log_config=None)).run()


if __name__ == "__main__":
    main()
