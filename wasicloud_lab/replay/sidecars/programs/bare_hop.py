"""Another process and nothing more: `python bare_hop.py PORT`. Asked for a number of bytes, it sends that many.

No HTTP, no gRPC, no store: the least that a sidecar on loopback can cost in any language, or close to it.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading

#: A request: how many bytes are wanted.
REQUEST = struct.Struct("!I")


def _serve(client: socket.socket) -> None:
    bytes_of: dict[bytes, bytes] = {}
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while request := client.recv(REQUEST.size):
            answer = bytes_of.get(request)
            if answer is None:
                answer = bytes_of[request] = bytes(REQUEST.unpack(request)[0])
            client.sendall(answer)


def main(port: int) -> None:
    """Serves until the process is stopped."""
    with socket.create_server(("127.0.0.1", port)) as server:
        print("ready", flush=True)
        while True:
            client, _ = server.accept()
            threading.Thread(target=_serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
