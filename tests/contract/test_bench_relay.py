"""The relay that counts a bench's bytes, against real connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from bench.layers.relay import Relay, Traffic

QUESTION, ANSWER = b"q" * 3_000_000, b"a" * 5_000_000


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    """Reads until the client's end, then answers and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(1 << 16):
                    pass
                connection.sendall(ANSWER)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(timeout=10)


def ask(connection: socket.socket) -> bytes:
    """Send the question and read to the end."""
    connection.sendall(QUESTION)
    connection.shutdown(socket.SHUT_WR)
    answer = b""
    while part := connection.recv(1 << 16):
        answer += part
    return answer


def connect(relay: Relay) -> socket.socket:
    """Connect to a relay."""
    host, port = relay.host.split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def test_bytes_pass_to_a_fixed_target_and_are_counted(server):
    """Both directions arrive whole, and the count is exact."""
    with Relay(server) as relay, connect(relay) as client:
        answer = ask(client)

        assert answer == ANSWER
        assert relay.traffic == Traffic(len(QUESTION), len(ANSWER))


def test_a_client_names_the_target_by_connect(server):
    """What a proxied client sends after CONNECT is passed on and counted."""
    with Relay(None) as relay, connect(relay) as client:
        client.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: x\r\n\r\n" % server[1])
        head = client.recv(1024)
        answer = ask(client)

        assert head == b"HTTP/1.1 200 Connection established\r\n\r\n"
        assert answer == ANSWER
        assert relay.traffic == Traffic(len(QUESTION), len(ANSWER))


def test_a_proxy_refuses_what_is_no_connect():
    """Another request ends the connection without an answer."""
    with Relay(None) as relay, connect(relay) as client:
        client.sendall(b"GET http://example.com/ HTTP/1.1\r\n\r\n")

        assert client.recv(1024) == b""
        assert relay.traffic == Traffic()
