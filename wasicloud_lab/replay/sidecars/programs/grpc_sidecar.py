"""A sidecar that speaks gRPC: `python grpc_sidecar.py PORT STORE-URL`, then the unary method `/lab.Store/Get`.

Real grpcio, its threaded server (on one connection the faster of its two). A request is `bucket/key`, an answer the
value, both as bare bytes: without protobuf, which would add to its time. NOT_FOUND for no such key, UNAVAILABLE with
the store's words.
"""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from wasicloud_lab.errors import ProviderError
from wasicloud_lab.providers.registry import open_keyvalue


def main(port: int, url: str) -> None:
    """Serves until the process is stopped."""
    store = open_keyvalue(url)

    def get(request: bytes, context: Any) -> Any:
        bucket, _, key = request.decode().partition("/")
        try:
            value = store.get(bucket, key)
        except ProviderError as error:
            return context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        if value is None:
            return context.abort(grpc.StatusCode.NOT_FOUND, "no such key")
        return value

    # Two servers on one port are an error here, as they are for the other programs.
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    methods = {"Get": grpc.unary_unary_rpc_method_handler(get)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("lab.Store", methods),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    gc.freeze()
    print("ready", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
