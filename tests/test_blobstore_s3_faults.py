"""The blobstore on S3 when the server says no, or nothing; and which addresses and keys it is reached with."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.s3_server import MANY, S3Server
from wasicloud_lab.errors import Denied, NotFound, ProviderError, Unavailable
from wasicloud_lab.providers.address import masked
from wasicloud_lab.providers.blobstore.base import CHUNK, fetch, put
from wasicloud_lab.providers.blobstore.s3 import S3Store
from wasicloud_lab.providers.registry import open_blobstore

# --- when the server says no, or nothing -------------------------------------------------------------


def test_a_wrong_key_is_denied_and_not_shown() -> None:
    with S3Server() as server:
        server.request("POST", "/moto-api/reset-auth", b"0", **{"Content-Type": "text/plain"})
        store = open_blobstore(server.url.replace("hush", "s3cret"))
        for operation in (store.ping, lambda: store.create_container("c"), lambda: store.object_info("c", "o")):
            with pytest.raises(Denied, match="check the access and secret key") as caught:
                operation()
            assert "s3cret" not in str(caught.value)
            assert caught.value.__cause__ is None


def test_a_missing_bucket_is_named_with_the_way_to_make_it(s3_server: S3Server) -> None:
    store = open_blobstore(s3_server.url.replace("s3://lab", "s3://nowhere"))
    for operation in (store.ping, store.containers, lambda: store.create_container("c"), lambda: store.read("c", "o")):
        with pytest.raises(NotFound, match="aws s3 mb s3://nowhere --endpoint-url http://"):
            operation()


def test_a_server_that_goes_away_is_unavailable_until_it_is_back() -> None:
    with S3Server() as server:
        store = open_blobstore(server.url)
        store.create_container("c")
        put(store, "c", "o", b"x" * MANY)
        small, large = store.write("c", "small"), store.write("c", "large")
        large.write(b"x" * (MANY + CHUNK))
    with pytest.raises(Unavailable, match=r"does not answer \(connection refused\); is it running"):
        store.ping()
    for operation in (store.containers, lambda: store.object_exists("c", "o"), lambda: fetch(store, "c", "o")):
        with pytest.raises(Unavailable):
            operation()
    for writer in (small, large):
        with pytest.raises(Unavailable):
            writer.commit()
        writer.abort()
    with pytest.raises(Unavailable), store.write("c", "o"):
        pass
    with S3Server(server.port):
        store.create_container("d")
        assert store.containers().items == ["d"]


def test_an_upload_that_breaks_off_is_an_error_for_who_writes_on() -> None:
    with S3Server() as server:
        store = open_blobstore(server.url)
        store.create_container("c")
        writer = store.write("c", "o")
        writer.write(b"x" * MANY)
    with pytest.raises(Unavailable):
        for _ in range(100):
            writer.write(b"x" * CHUNK)
    writer.abort()


def test_a_silent_server_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = S3Store(
            "lab",
            endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
            access_key="someone",
            secret_key="hush",
            timeout=0.2,
        )
        for operation in (store.ping, lambda: store.write("c", "o"), lambda: store.create_container("c")):
            with pytest.raises(Unavailable, match="not in time"):
                operation()


def test_an_answer_that_breaks_off_is_unavailable() -> None:
    date = b"Last-Modified: Tue, 24 Nov 2026 10:00:00 GMT"
    head = b'HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\nETag: "1"\r\n' + date + b"\r\n\r\n"

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(head + b"x" * 2_000_000)
        server.close()

    server = socket.create_server(("127.0.0.1", 0))
    endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    thread = threading.Thread(target=answer)
    thread.start()
    store = S3Store("lab", endpoint=endpoint, access_key="someone", secret_key="hush", timeout=1)
    reader = store.read("c", "o")
    with pytest.raises(Unavailable, match="does not answer"):
        list(reader)
    thread.join()


# --- addresses ---------------------------------------------------------------------------------------


def test_what_the_url_does_not_say_comes_from_the_environment(
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    store = open_blobstore("s3://lab/from-env")
    store.create_container("c")
    assert repr(store) == f"<S3 bucket lab/from-env at 127.0.0.1:{s3_server.port}>"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    assert open_blobstore(f"s3://lab/from-env?endpoint={s3_server.endpoint}").containers().items == ["c"]
    with pytest.raises(Unavailable):
        open_blobstore("s3://lab/from-env").ping()


def test_a_session_token_of_the_environment_does_not_go_with_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    def listen() -> None:
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-somebody-else")
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=listen)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Denied):
            S3Store("lab", endpoint=endpoint, access_key="someone", secret_key="hush").ping()
        thread.join()
    assert b"Credential=someone/" in heard[0]
    assert b"of-somebody-else" not in heard[0]


def test_secrets_in_a_url_are_masked() -> None:
    url = "s3://lab/x?endpoint=http://h:1&region=eu&access_key=AKIA1&secret_key=s3cr%2Bt&session_token=t0k"
    for secret in ("AKIA1", "s3cr", "t0k"):
        assert secret not in masked(url)
        assert secret not in repr(open_blobstore(url))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("s3://", "is no bucket's name"),
        ("s3:///bucket", "is no bucket's name"),
        ("s3://key:s3cret@host:9000/bucket", "does not name a bucket; wanted s3://bucket/prefix"),
        ("s3://lab?access_key=a", "go together"),
        ("s3://lab?access_key=a&secret_key=s3+cret", "write its '\\+' as %2B"),
        ("s3://lab?timeout=0", "not a number of seconds"),
        ("s3://lab?endpoint=127.0.0.1:9000", "is a URL such as"),
        ("s3://lab?endpoint=http://u:s3cret@h", "without a user"),
        ("s3://lab?bucket=x", "does not know; it knows endpoint"),
        ("s3://lab/a//b", "can't be a prefix"),
        ("s3://lab/" + "x" * 200, "can't be a prefix"),
    ],
)
def test_addresses_that_are_refused(wrong: str, words: str) -> None:
    with pytest.raises(ProviderError, match=words) as caught:
        open_blobstore(wrong)
    assert "s3cret" not in str(caught.value)
    assert "s3+cret" not in str(caught.value)
