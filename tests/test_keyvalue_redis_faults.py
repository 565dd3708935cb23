"""The Redis provider with servers that are ill, gone or not to be trusted."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import redis

from tests import redis_corner
from tests.threads import together
from wasicloud_lab.errors import LabError, ProviderError, Unavailable
from wasicloud_lab.providers.keyvalue.redis import RedisStore
from wasicloud_lab.services import Service, Services

own = redis_corner.own
raw = redis_corner.raw


@contextmanager
def answering(reply: bytes | None) -> Iterator[int]:
    """Something on a port that answers anything with `reply`, or accepts and never says a word."""
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while said := connection.recv(65536):
                    if reply is not None:
                        connection.sendall(reply * max(1, said.count(b"*")))
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=accept)]
        threads[0].start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            threads[0].join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


# --- what servers do that are ill, or none -----------------------------------------------------------


def test_a_server_that_never_answers_is_given_up(patience: float) -> None:
    with answering(None) as port, closing(RedisStore(f"redis://127.0.0.1:{port}?timeout=0.2")) as store:
        for call in (store.ping, lambda: store.increment("b", "k"), lambda: store.compare_and_swap("b", "k", b"", b"")):
            with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port} does not answer within 0\.2 s"):
                call()


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", Unavailable, "still loading"),
        (b"-BUSY Redis is busy running a script.\r\n", Unavailable, "can't serve now: BUSY"),
        (b"-CLUSTERDOWN Hash slot not served\r\n", Unavailable, "can't serve now"),
        (b"-MISCONF Redis is configured to save RDB snapshots, but can't\r\n", ProviderError, "MISCONF"),
        (b"-MOVED 3999 10.0.0.1:6381\r\n", ProviderError, "one node of a cluster"),
        (b"-ERR max number of clients reached\r\n", Unavailable, "max number of clients"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Unavailable, "not as a Redis does"),
    ],
)
def test_what_other_states_of_a_server_are_called(reply: bytes, kind: type[LabError], words: str) -> None:
    with answering(reply) as port, closing(RedisStore(f"redis://127.0.0.1:{port}")) as store:
        with pytest.raises(ProviderError, match=words) as caught:
            store.get("b", "k")
        assert type(caught.value) is kind


def test_a_server_that_quotes_the_password_is_not_quoted() -> None:
    reply = b"-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n"
    with answering(reply) as port, closing(RedisStore(f"redis://:hunter2@127.0.0.1:{port}")) as store:
        with pytest.raises(ProviderError, match=r"unknown command 'AUTH'.*\*\*\*") as caught:
            store.ping()
        assert "hunter2" not in str(caught.value)


def test_a_server_that_is_not_there(free_port: int) -> None:
    with closing(RedisStore(f"redis://127.0.0.1:{free_port}")) as store:
        with pytest.raises(
            Unavailable, match=rf"Redis at 127\.0\.0\.1:{free_port} does not answer \(connection refused\)"
        ):
            store.ping()
    with closing(RedisStore("redis://nowhere.invalid")) as store:
        with pytest.raises(Unavailable, match="no host of that name"):
            store.ping()


def test_a_server_that_hangs_and_wakes_up(own: Services, patience: float) -> None:
    server = own.redis()
    with closing(RedisStore(server.url, timeout=0.3)) as store:
        store.set("b", "k", b"v")
        process = psutil.Process(server.pid)
        process.suspend()
        try:
            with pytest.raises(Unavailable, match="within"):
                store.get("b", "k")
        finally:
            process.resume()
        assert store.get("b", "k") == b"v"


def test_a_server_that_dies_in_the_middle_and_comes_back(own: Services, tmp_path: Path, patience: float) -> None:
    server = own.redis(folder=tmp_path)
    with closing(RedisStore(server.url, timeout=patience)) as store:
        together(4, lambda n: store.set("b", f"k{n}", b"v"))
        process = psutil.Process(server.pid)
        process.suspend()  # so that the request is under way when it dies
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(store.get, "b", "k0")
            process.kill()
            with pytest.raises(Unavailable, match="does not answer"):
                asked.result(patience)
        server.stop()
        with pytest.raises(Unavailable, match="connection refused"):
            store.set("b", "k9", b"")
        own.redis(folder=tmp_path, port=server.port)
        assert together(4, lambda n: store.get("b", f"k{n}")) == [b"v"] * 4


def test_a_restart_between_two_requests_goes_unnoticed(own: Services, tmp_path: Path) -> None:
    server = own.redis(folder=tmp_path)
    with closing(RedisStore(server.url)) as store:
        assert store.increment("b", "n") == 1
        assert store.compare_and_swap("b", "k", None, b"1")
        server.stop()
        own.redis(folder=tmp_path, port=server.port)
        assert store.increment("b", "n") == 2
        assert store.compare_and_swap("b", "k", b"1", b"2")


def test_an_increment_whose_answer_is_lost_is_not_sent_again(redis_server: Service, raw: redis.Redis) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def lossy() -> None:
            """Passes everything on, but hangs up instead of answering HINCRBY and EXEC."""
            for _ in range(2):
                client, _ = listener.accept()
                with client, socket.create_connection(("127.0.0.1", redis_server.port)) as server:
                    while said := client.recv(65536):
                        server.sendall(said)
                        answer = server.recv(65536)
                        if b"HINCRBY" in said or b"EXEC" in said:
                            break
                        client.sendall(answer)

        thread = threading.Thread(target=lossy)
        thread.start()
        with closing(RedisStore(f"redis://127.0.0.1:{listener.getsockname()[1]}/1")) as store:
            with pytest.raises(Unavailable):
                store.increment("b", "n")
            raw.hset("b", "k", "old")
            # Stored or not is not known: a false or a true would be a guess.
            with pytest.raises(Unavailable):
                store.compare_and_swap("b", "k", b"old", b"new")
        thread.join()
    assert raw.hget("b", "n") == b"1"
    assert raw.hget("b", "k") == b"new"


# --- TLS ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of its own for localhost, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        ["openssl", *words.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_tls_with_a_checked_certificate(own: Services, certificate: tuple[Path, Path], free_port: int) -> None:
    cert, key = certificate
    own.redis(
        tls_port=free_port, tls_cert_file=str(cert), tls_key_file=str(key), tls_ca_cert_file=str(cert),
        tls_auth_clients="no",
    )  # fmt: skip
    with closing(RedisStore(f"rediss://localhost:{free_port}?ca={cert}")) as store:
        store.set("b", "k", b"x" * 1_000_000)
        assert store.get("b", "k") == b"x" * 1_000_000
        assert together(8, lambda n: store.increment("b", "n"))
        assert "TLS" in store.summary()
    for url, words in (
        (f"rediss://localhost:{free_port}", "its certificate is not trusted: self.signed"),
        (f"rediss://127.0.0.1:{free_port}?ca={cert}", "its certificate is not trusted: .*mismatch"),
        (f"redis://localhost:{free_port}", "Redis at localhost"),
    ):
        with closing(RedisStore(url, timeout=3)) as store:
            with pytest.raises(Unavailable, match=words):
                store.ping()


def test_tls_to_a_server_without_it() -> None:
    with answering(b"-ERR what?\r\n") as port, closing(RedisStore(f"rediss://127.0.0.1:{port}")) as store:
        with pytest.raises(Unavailable, match="no TLS there"):
            store.ping()
