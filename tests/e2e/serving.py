"""The service as `hublish serve` starts it, with other ports in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import uvicorn

from hublish.bootstrap.service import make_service
from hublish.settings import load_settings
from hublish.telemetry import configure_logging
from hublish.workflows.services import Services


def serve(wrap: Callable[[Services], Services]) -> None:
    """Serve at the port of the command line; `wrap` is given the ports before anything uses them."""
    port = int(sys.argv[sys.argv.index("--port") + 1])
    configure_logging(json_lines=True)
    service = make_service(load_settings(os.environ), wrap=wrap)
    config = uvicorn.Config(
        service.app, host="127.0.0.1", port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5
    )
    uvicorn.Server(config).run()
