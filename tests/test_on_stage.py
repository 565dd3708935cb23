"""What the talk shows, typed as on stage: real redis-cli and curl against what the lab serves."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import wasicloud_lab as wl
from wasicloud_lab.services import Service, Services

COMPONENTS = Path(__file__).resolve().parent.parent / "components"


@pytest.fixture
def typed(tool: Callable[[str], str]) -> Callable[[str], str]:
    """Types a line into a shell; answers what it printed."""

    def run(line: str) -> str:
        program, *words = shlex.split(line)
        done = subprocess.run([tool(program), *words], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip()

    return run


def test_gopher_greets_whom_two_lines_in_redis_cli_have_made_known(
    own_lab: wl.Lab, services: Services, typed: Callable[[str], str]
) -> None:
    with services.redis(new=True, maxmemory="50mb") as redis:
        assert (
            typed(f"redis-cli -h 127.0.0.1 -p {redis.port} HSET user:ricochet accept-language en-US animal dog") == "2"
        )
        assert (
            typed(f"redis-cli -h 127.0.0.1 -p {redis.port} HSET user:mossaka accept-language zh-CN animal cat") == "2"
        )
        own_lab.keyvalue.swap(redis.url)
        with own_lab.serve(own_lab.load("gopher"), port=0) as server:
            english, chinese = (typed(f"curl -s {server.url}/{name}") for name in ("ricochet", "mossaka"))
            assert english.startswith("Hello, ricochet!")
            assert "dog" in english
            assert chinese.startswith("你好，mossaka！")
            assert "猫" in chinese
        assert typed(f"redis-cli -p {redis.port} HGET visits ricochet") == "1"
        own_lab.keyvalue.swap("memory://")


def test_redis_cli_works_on_the_embedded_one_too(own_lab: wl.Lab, typed: Callable[[str], str]) -> None:
    own_lab.keyvalue.swap("fakeredis://?port=0")
    where = own_lab.keyvalue.provider.url
    assert typed(f"redis-cli -u {where} HSET user:ricochet accept-language en-US animal dog") == "2"
    assert "dog" in own_lab.load("gopher").get("/ricochet").text


@pytest.mark.parametrize("place", ["file", "azurite"])
def test_blobbys_walk_by_curl(
    own_lab: wl.Lab, azurite: Service, tmp_path: Path, place: str, typed: Callable[[str], str]
) -> None:
    own_lab.blobstore.swap(azurite.url if place == "azurite" else tmp_path.as_uri())
    name = f"on-stage-{place}.txt"
    with own_lab.serve(own_lab.load("blobby"), port=0) as server:
        curl = "curl -s -w '%{http_code}'"
        assert typed(f"{curl} -X POST --data 'hello' {server.url}/{name}").endswith("201")
        assert typed(f"{curl} {server.url}/{name}") == "hello200"
        assert typed(f"{curl} -X POST --data 'hello again' {server.url}/{name}").endswith("200")
        assert typed(f"{curl} {server.url}/{name}") == "hello again200"
        assert name in typed(f"curl -s {server.url}/")
        assert typed(f"{curl} -X DELETE {server.url}/{name}") == "204"
        assert typed(f"{curl} {server.url}/{name}").endswith("404")


def test_gopher_in_front_of_blobby_answers_by_curl(own_lab: wl.Lab, typed: Callable[[str], str]) -> None:
    front = own_lab.load("gopher")
    own_lab.link(front, "wasi:http/incoming-handler", own_lab.load("blobby", config={"mount": "/files"}))
    own_lab.keyvalue.provider.set("user:ada", "animal", b"dog")
    with own_lab.serve(front, port=0) as server:
        assert typed(f"curl -s -o /dev/null -w '%{{http_code}}' -X PUT --data woof {server.url}/files/dog.txt") == "201"
        assert typed(f"curl -s {server.url}/files/dog.txt") == "woof"
        assert typed(f"curl -s {server.url}/ada").startswith("Hello, ada!")
