"""A Python program inside a component: what it does with files and sockets goes through WASI.

`run("copy", ["a", "b"])` calls the command; `run("python", ["…"])` runs a piece of Python, whose variable
`answer` is the result. What goes wrong comes back as the error, as text.
"""

import encodings.idna  # noqa: F401  (the socket module asks for it by name)
import errno
import glob
import json
import os
import random
import secrets
import shutil
import socket
import stat
import sys
import tempfile
import time
import traceback
from datetime import datetime

import wit_world
from componentize_py_types import Err
from wit_world.imports import (
    environment, insecure, insecure_seed, instance_network, ip_name_lookup, logging, monotonic_clock, network, poll, preopens,
    store, streams, tcp, tcp_create_socket, types, udp, udp_create_socket, wall_clock,
)


def copy(source, target):
    shutil.copyfile(source, target)
    return str(os.stat(target).st_size)


def tree(folder):
    found = []
    for path, folders, files in os.walk(folder):
        folders.sort()
        found += [os.path.join(path, name) + "/" for name in folders]
        found += [os.path.join(path, name) for name in sorted(files)]
    return json.dumps(found)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        return str(file.write(text))


def append(path, text):
    with open(path, "a", encoding="utf-8") as file:
        return str(file.write(text))


def tcp_exchange(host, port, text):
    """Sends a text, ends sending, and answers with all that came back."""
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while True:
            data = connection.recv(65536)
            if not data:
                return received.decode()
            received += data


def udp_exchange(host, port, text):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(text.encode(), (host, int(port)))
        data, sender = sock.recvfrom(65536)
        return f"{data.decode()} from {sender[0]}:{sender[1]}"


def arguments():
    return json.dumps({"arguments": environment.get_arguments(), "environment": dict(environment.get_environment())})


def python(source, *args):
    scope = {**globals(), "args": args}
    exec(source, scope)
    return str(scope.get("answer"))


class WitWorld(wit_world.WitWorld):
    def run(self, command, args):
        try:
            return globals()[command](*args)
        except Err as error:
            raise Err(f"{type(error.value).__name__}: {error.value}") from error
        except OSError as error:
            name = errno.errorcode.get(error.errno, str(error.errno))
            raise Err(f"{name}: {error}") from error
        except Exception as error:
            raise Err(traceback.format_exc()) from error
