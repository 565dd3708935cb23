"""Real servers beside the lab: they start, answer, keep to themselves, and never outlive who wanted them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.threads import until
from wasicloud_lab.doctor import TOOLS, examine, find_tool
from wasicloud_lab.errors import ServeError, ToolMissing
from wasicloud_lab.providers.keyvalue.redis import RedisStore
from wasicloud_lab.services import Service, Services, free_port, service


@pytest.fixture
def own() -> Iterator[Services]:
    with Services() as made:
        yield made


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def first_line(port: int, send: bytes = b"") -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(send)
        return connection.makefile("rb").readline()


def listening_elsewhere(process: psutil.Process) -> list[str]:
    return [
        each.laddr.ip
        for each in process.net_connections("inet")
        if each.status == psutil.CONN_LISTEN and each.laddr.ip != "127.0.0.1"
    ]


def test_redis_answers_and_is_bound_to_loopback(redis_server: Service) -> None:
    assert first_line(redis_server.port, b"PING\r\n") == b"+PONG\r\n"
    assert redis_server.url == f"redis://127.0.0.1:{redis_server.port}"
    assert listening_elsewhere(psutil.Process(redis_server.pid)) == []


def test_nats_answers_with_jetstream_and_room_for_large_messages(nats_server: Service) -> None:
    hello = first_line(nats_server.port)
    assert hello.startswith(b"INFO ")
    assert b'"jetstream":true' in hello.replace(b" ", b"")
    assert b'"max_payload":33554432' in hello
    assert nats_server.url == f"nats://127.0.0.1:{nats_server.port}"
    assert listening_elsewhere(psutil.Process(nats_server.pid)) == []


def test_azurite_answers_and_its_url_shows_no_key(azurite: Service) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{azurite.port}/devstoreaccount1?comp=list", timeout=30)
    assert "Azurite" in caught.value.headers["Server"]
    caught.value.close()
    assert azurite.url == f"azure://devstoreaccount1@127.0.0.1:{azurite.port}"
    assert listening_elsewhere(psutil.Process(azurite.pid)) == []


def test_asked_again_it_is_the_same_server_and_new_makes_another(own: Services) -> None:
    first = own.redis()
    assert own.redis() is first
    other = own.redis(new=True)
    assert other.port != first.port
    small = own.redis(maxmemory="5mb")
    assert small not in (first, other)
    assert own.redis(maxmemory="5mb") is small
    first.stop()
    other.stop()
    small.stop()
    again = own.redis()
    assert again.running
    assert again.pid not in (first.pid, other.pid, small.pid)


def test_stop_ends_the_server_and_removes_its_folder(own: Services) -> None:
    redis = own.redis()
    assert redis.folder.is_dir()
    redis.stop()
    redis.stop()
    assert gone(redis.pid)
    assert not redis.folder.exists()
    assert not redis.running
    assert "Ready to accept connections" in redis.log()


def test_with_a_folder_the_data_is_there_the_next_time(own: Services, tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    for expected in (None, b"dog"):
        with own.redis(folder=folder) as redis:
            store = RedisStore(redis.url)
            assert store.get("user:ricochet", "animal") == expected
            store.set("user:ricochet", "animal", b"dog")
            store.close()
        assert gone(redis.pid)
    assert folder.is_dir()
    with own.redis(folder=folder) as redis:
        assert own.redis(folder=str(folder)) is redis
        with pytest.raises(ServeError, match="keeps its data in"):
            own.redis(folder=folder, new=True)


def test_a_password_is_in_the_url_but_is_never_shown(own: Services) -> None:
    redis = own.redis(requirepass='gé"heim/#')
    store = RedisStore(redis.url)
    store.ping()
    store.close()
    for shown in (
        repr(redis),
        repr(own),
        own._repr_html_(),
        redis.log(),
        " ".join(psutil.Process(redis.pid).cmdline()),
    ):
        assert "heim" not in shown
    if os.name == "posix":
        assert (redis.folder / "redis.conf").stat().st_mode & 0o077 == 0


def test_a_port_that_is_taken_is_said_and_a_free_one_is_found_again(
    own: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        with pytest.raises(ServeError, match=f"port {taken} is taken"):
            own.nats(port=taken)
        offers = iter([taken, taken, free_port()])
        monkeypatch.setattr(service, "free_port", lambda: next(offers))
        assert own.redis().port not in (taken,)
        assert own.redis().running


def test_a_server_that_does_not_start_is_quoted_and_leaves_nothing(own: Services, tmp_path: Path) -> None:
    with pytest.raises(ServeError, match=r"(?s)redis did not start.*no-such-directive") as caught:
        own.redis(no_such_directive="x")
    assert "Bad directive" in str(caught.value)
    assert repr(own).startswith("<no services")
    (tmp_path / "file").write_text("")
    with pytest.raises(ServeError, match="can't keep its data"):
        own.redis(folder=tmp_path / "file")


def test_a_line_break_makes_no_second_line_of_configuration(own: Services) -> None:
    with pytest.raises(ServeError, match="line break"):
        own.redis(requirepass="a\nprotected-mode no")


def test_a_missing_tool_is_named_with_how_to_get_it(
    own: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, start in {"redis-server": own.redis, "nats-server": own.nats, "azurite": own.azurite}.items():
        monkeypatch.setenv(f"WASICLOUD_LAB_{name.upper().replace('-', '_')}", str(tmp_path / "nothing"))
        with pytest.raises(ToolMissing, match=re.escape(TOOLS[name].get)):
            start()
    assert not examine()["tools"]["azurite"]["found"]


def test_a_tool_is_found_in_npms_folder_of_the_current_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bin_folder = tmp_path / "node_modules" / ".bin"
    bin_folder.mkdir(parents=True)
    name = "azurite-blob.cmd" if os.name == "nt" else "azurite-blob"
    (bin_folder / name).write_text("#!/bin/sh\n")
    (bin_folder / name).chmod(0o755)
    monkeypatch.delenv("WASICLOUD_LAB_AZURITE", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    assert find_tool("azurite") == str(bin_folder / name)


def test_a_server_that_died_is_not_running_and_another_one_is_started(own: Services, patience: float) -> None:
    first = own.redis()
    psutil.Process(first.pid).kill()
    until(lambda: not first.running, patience)
    assert "ended" in repr(first)
    assert first.log()
    second = own.redis()
    assert second is not first
    assert second.running
    own.stop_all()
    assert not first.folder.exists()


def test_a_killed_guard_leaves_the_server_to_be_stopped(own: Services, patience: float) -> None:
    redis = own.redis()
    guard = psutil.Process(redis.pid).parent()
    assert guard is not None
    guard.kill()
    until(lambda: gone(guard.pid), patience)
    assert redis.running
    redis.stop()
    assert gone(redis.pid)
    assert not redis.folder.exists()


def test_a_stopped_guard_stops_its_server(own: Services, patience: float) -> None:
    redis = own.redis()
    guard = psutil.Process(redis.pid).parent()
    assert guard is not None
    guard.terminate()
    until(lambda: gone(redis.pid) and not redis.folder.exists(), patience)


START = """
import os, sys, time
from wasicloud_lab.services import Services
services = Services()
for server in (services.redis(), services.nats(), services.azurite()):
    print(server.pid, server.folder, flush=True)
print("started", flush=True)
{then}
"""


def run(then: str, **how: Any) -> tuple[subprocess.Popen[str], list[tuple[int, Path]]]:
    program = [sys.executable, "-c", START.format(then=then)]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, **how)
    assert process.stdout is not None
    servers = []
    for line in iter(process.stdout.readline, ""):
        if line.strip() == "started":
            break
        pid, folder = line.strip().split(" ", 1)
        servers.append((int(pid), Path(folder)))
    assert len(servers) == 3
    return process, servers


@pytest.mark.parametrize("then", ["time.sleep(600)", "os._exit(1)", "sys.exit()", "raise SystemError"])
def test_however_the_process_ends_its_servers_end_too(then: str, patience: float) -> None:
    process, servers = run(then)
    with process:
        if "sleep" in then:
            assert all(psutil.pid_exists(pid) for pid, _ in servers)
            process.kill()
        process.wait(patience)
        for pid, folder in servers:
            until(lambda pid=pid: gone(pid), patience)
            until(lambda folder=folder: not folder.exists(), patience)


if hasattr(os, "fork"):

    def test_an_interrupt_of_the_whole_process_group_does_not_reach_the_servers(patience: float) -> None:
        waiting = (
            "try:\n    print('ready', flush=True)\n    time.sleep(600)\n"
            "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n    sys.stdin.read()"
        )
        process, servers = run(waiting, stdin=subprocess.PIPE, start_new_session=True)
        assert process.stdout is not None
        with process:
            assert process.stdout.readline() == "ready\n"  # an interrupt before that would end it
            os.killpg(process.pid, signal.SIGINT)
            assert process.stdout.readline() == "interrupted\n"
            assert not any(gone(pid) for pid, _ in servers)
            process.communicate("", patience)
        for pid, _ in servers:
            until(lambda pid=pid: gone(pid), patience)

    def test_a_fork_does_not_keep_the_servers_of_a_killed_parent(patience: float) -> None:
        forks = "child = os.fork()\nif child: print(child, flush=True)\ntime.sleep(600)"
        process, servers = run(forks)
        assert process.stdout is not None
        with process:
            child = int(process.stdout.readline())
            process.kill()
            try:
                for pid, _ in servers:
                    until(lambda pid=pid: gone(pid), patience)
                assert not gone(child)
            finally:
                os.kill(child, signal.SIGKILL)

    def test_a_fork_that_ends_leaves_the_server_of_its_parent_alone(own: Services) -> None:
        redis = own.redis()
        child = os.fork()
        if child == 0:
            redis.stop()
            os._exit(0)
        os.waitpid(child, 0)
        assert redis.running
        assert first_line(redis.port, b"PING\r\n") == b"+PONG\r\n"
