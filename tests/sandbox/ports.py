"""Ports of loopback for servers that a test starts later, or kills and starts again: nobody else is given them meanwhile."""

from __future__ import annotations

import socket
import weakref


class Port:
    """A port that the kernel chose; it is anybody's again once this value is gone.

    A socket is bound to it and never listens. The kernel then hands the port out to nobody who asks for a free one, and
    still lets a server bind it by its number, as long as that server sets SO_REUSEADDR (uvicorn and PostgreSQL do).
    """

    def __init__(self) -> None:
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        self.number = int(holder.getsockname()[1])
        weakref.finalize(self, holder.close)
