"""The commands with stores: `serve` and `request` on a provider's URL, `deploy` until it is told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx

from wasicloud_lab.providers.keyvalue.sqlite import SqliteStore

COMMAND = [sys.executable, "-m", "wasicloud_lab"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120)


def test_request_reads_what_another_process_has_stored(tmp_path: Path) -> None:
    path = (tmp_path / "store.db").as_posix()
    store = SqliteStore(path)
    store.set("user:ada", "animal", b"dog")
    store.close()
    url = f"sqlite:///{path}"
    assert "visit number 1" in run("request", "gopher", "GET", "/ada", "--keyvalue", url).stdout
    assert "visit number 2" in run("request", "gopher", "GET", "/ada", "--keyvalue", url).stdout


def test_request_stores_objects_in_a_folder(tmp_path: Path) -> None:
    url = f"file://{tmp_path.as_posix()}"
    done = run("request", "blobby", "PUT", "/a.txt", "-d", "hello", "-i", "--blobstore", url)
    assert done.stdout.startswith("HTTP/1.1 201")
    assert (tmp_path / "default" / "a.txt").read_text() == "hello"
    assert run("request", "blobby", "GET", "/a.txt", "--blobstore", url).stdout == "hello"


def test_a_store_that_is_not_there_is_said_in_one_line(free_port: int) -> None:
    done = run("request", "gopher", "GET", "/", "--keyvalue", f"redis://:s3cret@127.0.0.1:{free_port}")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "does not answer" in done.stderr
    assert "s3cret" not in done.stderr
    assert run("request", "gopher", "GET", "/", "--keyvalue", "nonsense").returncode == 1


def test_deploy_serves_until_it_is_told_to_stop(tmp_path: Path, free_port: int, dist: Path) -> None:
    manifest = tmp_path / "wadm.yaml"
    manifest.write_text(
        f"""\
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {{name: blobby}}
spec:
  components:
    - name: blobby
      type: actor
      properties: {{image: "file://{(dist / "blobby.wasm").as_posix()}"}}
      traits:
        - type: linkdef
          properties: {{target: http, values: {{ADDRESS: "127.0.0.1:{free_port}"}}}}
        - type: linkdef
          properties: {{target: blobs, values: {{ROOT: "{tmp_path.as_posix()}"}}}}
    - name: http
      type: capability
      properties: {{image: "example.com/httpserver:1", contract: "wasmcloud:httpserver"}}
    - name: blobs
      type: capability
      properties: {{image: "example.com/blobstore:1", contract: "wasmcloud:blobstore"}}
""",
        encoding="utf-8",
    )
    process = subprocess.Popen([*COMMAND, "deploy", str(manifest)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = ""
        while "Ctrl-C stops" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        assert f"http://127.0.0.1:{free_port}" in said
        assert httpx.put(f"http://127.0.0.1:{free_port}/x", content=b"y").status_code == 201
        assert (tmp_path / "default" / "x").read_bytes() == b"y"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_deploy_takes_other_files_and_providers_by_name(dist: Path) -> None:
    manifest = dist.parent / "gopher" / "wadm.yaml"
    done = run("deploy", str(manifest), "--dry-run", "--image", f"gopher={dist / 'hello.wasm'}")
    assert "hello.wasm" in done.stdout
    wrong = run("deploy", str(manifest), "--dry-run", "--provider", "nobody=memory://")
    assert wrong.returncode == 1
    assert "no provider 'nobody'" in wrong.stderr
    assert run("deploy", str(manifest), "--dry-run", "--image", "gopher").returncode == 2
