"""Manifests: both forms of wadm are read, checked with a line for every fault, planned, deployed, written back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import wasicloud_lab as wl
from wasicloud_lab import manifest

COMPONENTS = Path(__file__).resolve().parent.parent / "components"

NEW = """\
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: greeter
  annotations: {version: v0.0.1}
spec:
  components:
    - name: greeter
      type: component
      properties:
        image: file://./greeter.wasm
        config:
          - name: settings
            properties: {tone: warm, loud: true}
      traits:
        - type: spreadscaler
          properties: {instances: 4}
        - type: link
          properties:
            namespace: wasi
            package: keyvalue
            interfaces: [store, atomics]
            target:
              name: kv
              config:
                - name: where
                  properties: {url: "redis://:s3cret@127.0.0.1:6379"}
        - type: link
          properties:
            namespace: wasi
            package: blobstore
            interfaces: [blobstore]
            target: blobs
            target_config:
              - name: root
                properties: {root: ./blobs}
    - name: kv
      type: capability
      properties: {image: "example.com/wasmcloud/keyvalue-redis:0.28.1"}
    - name: blobs
      type: capability
      properties: {image: "example.com/wasmcloud/blobstore-fs:0.10.1"}
    - name: http
      type: capability
      properties: {image: "example.com/wasmcloud/http-server:0.23.0"}
      traits:
        - type: link
          properties:
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            target: greeter
            source_config:
              - name: where
                properties: {address: "127.0.0.1:8080"}
"""

OLD = """\
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: greeter
spec:
  components:
    - name: greeter
      type: actor
      properties:
        image: file://./greeter.wasm
      traits:
        - type: spreadscaler
          properties: {replicas: 4}
        - type: linkdef
          properties:
            target: http
            values: {ADDRESS: "127.0.0.1:8080"}
        - type: linkdef
          properties:
            target: kv
            values: {URL: "redis://:s3cret@127.0.0.1:6379"}
        - type: linkdef
          properties:
            target: blobs
            values: {ROOT: ./blobs}
    - name: http
      type: capability
      properties: {image: "example.com/httpserver:0.19.1", contract: "wasmcloud:httpserver"}
    - name: kv
      type: capability
      properties: {image: "example.com/kvredis:0.22.0", contract: "wasmcloud:keyvalue"}
    - name: blobs
      type: capability
      properties: {image: "example.com/blobstore-fs:0.6.0", contract: "wasmcloud:blobstore"}
"""


@pytest.fixture
def write(tmp_path: Path, dist: Path) -> Callable[[str], Path]:
    """Puts a manifest beside a greeter.wasm that imports both stores."""
    (tmp_path / "greeter.wasm").write_bytes((dist / "gopher.wasm").read_bytes())

    def put(text: str) -> Path:
        path = tmp_path / "wadm.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return put


def refusal(write: Callable[[str], Path], text: str, **options: Any) -> str:
    with pytest.raises(wl.ManifestError) as caught:
        manifest.load(write(text), **options)
    return str(caught.value)


@pytest.mark.parametrize("text", [NEW, OLD], ids=["new", "old"])
def test_both_forms_say_the_same(write: Callable[[str], Path], tmp_path: Path, text: str) -> None:
    plan = manifest.load(write(text))
    assert plan.name == "greeter"
    assert [(app.name, app.source, app.workers) for app in plan.apps] == [("greeter", tmp_path / "greeter.wasm", 4)]
    assert {(link.import_name, link.target, link.provider) for link in plan.links} == {
        ("wasi:keyvalue", "redis://:s3cret@127.0.0.1:6379", "kv"),
        ("wasi:blobstore", f"file://{(tmp_path / 'blobs').resolve().as_posix()}", "blobs"),
    }
    assert plan.addresses == {"greeter": "127.0.0.1:8080"}
    assert "s3cret" not in str(plan)
    assert "greeter → wasi:keyvalue → kv (redis://:***@127.0.0.1:6379)" in str(plan)


def test_settings_reach_the_component_as_text(write: Callable[[str], Path]) -> None:
    assert manifest.load(write(NEW)).apps[0].config == {"tone": "warm", "loud": "true"}


UNKNOWN = NEW.replace('{url: "redis://:s3cret@127.0.0.1:6379"}', "{a: b}").replace("keyvalue-redis", "vault")

FAULTS = {
    "no YAML": ("a: [", "line 1", "expected"),
    "nothing": ("", "no documents"),
    "two documents": ("a: 1\n---\nb: 2\n", "2 documents"),
    "text alone": ("hello\n", "line 1", "a mapping"),
    "a tag": (NEW.replace("  name: greeter\n", "  name: !!python/name:os.system greeter\n", 1), "line 4", "!!python"),
    "another tag": (NEW.replace("{tone: warm,", "{tone: !secret warm,"), "line 14", "!secret"),
    "a value twice": (NEW.replace("kind: Application", "kind: Application\nkind: Application"), "line 3", "twice"),
    "merge keys": (NEW.replace("{tone: warm,", "{<<: {a: b}, tone: warm,"), "line 14", "merge"),
    "a cycle": (NEW.replace("{version: v0.0.1}", "&a {version: *a}"), "line 5", "contains itself"),
    "another kind": (NEW.replace("kind: Application", "kind: Deployment"), "line 2", "'Deployment'", "'Application'"),
    "no name": (NEW.replace("  name: greeter\n", "", 1), "line 4", "metadata", "'name' is missing"),
    "a bad name": (NEW.replace("- name: kv", "- name: ../kv"), "'../kv' is no name"),
    "an unknown type": (NEW.replace("type: component", "type: lambda"), "line 9", "'lambda'", "'component'"),
    "an unknown word": (NEW.replace("image: file", "imgae: file"), "'image' is missing"),
    "an unknown trait": (NEW.replace("type: spreadscaler", "type: sidecar"), "line 16", "'sidecar'"),
    "too few instances": (NEW.replace("instances: 4", "instances: -1"), "line 17", "0 or more"),
    "no interfaces": (NEW.replace("[store, atomics]", "[]"), "line 22", "empty"),
    "an unknown link target": (NEW.replace("name: kv\n              config", "name: vk\n              config"), "'vk'"),
    "a name twice": (NEW.replace("- name: blobs", "- name: kv"), "two parts are called 'kv'"),
    "an unknown contract": (OLD.replace('"wasmcloud:keyvalue"', '"wasmcloud:sql"'), "'wasmcloud:sql'"),
    "a linkdef to a component": (OLD.replace("target: kv", "target: greeter"), "no contract"),
    "a registry's image": (NEW.replace("file://./greeter.wasm", "example.com/greeter:1"), "line 11", "file://./greeter.wasm"),
    "a file that is not there": (NEW.replace("./greeter.wasm", "./gone.wasm"), "line 11", "gone.wasm"),
    "an unknown package": (NEW.replace("package: keyvalue", "package: sql"), "wasi:sql"),
    "a provider nobody knows": (UNKNOWN, "vault", "--provider kv=URL"),
    "a folder left out": (NEW.replace("{root: ./blobs}", "{a: b}"), "root:"),
    "an address that is none": (NEW.replace('"127.0.0.1:8080"', '"8080"'), "'8080'", "HOST:PORT"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line(write: Callable[[str], Path], fault: str) -> None:
    text, *words = FAULTS[fault]
    said = refusal(write, text)
    assert "wadm.yaml" in said
    for word in words:
        assert word in said, said
    assert "s3cret" not in said


def test_two_providers_for_one_interface_are_refused(write: Callable[[str], Path]) -> None:
    other = OLD.replace("    - name: http\n", """\
        - type: linkdef
          properties: {target: kv2, values: {URL: "redis://127.0.0.1:6380"}}
    - name: kv2
      type: capability
      properties: {image: "example.com/kvredis:0.22.0", contract: "wasmcloud:keyvalue"}
    - name: http
""", 1)  # fmt: skip
    said = refusal(write, other)
    assert "two providers for wasi:keyvalue: kv and kv2" in said


def test_aliases_that_multiply_are_refused(write: Callable[[str], Path]) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    assert "more than 20,000 values" in refusal(write, bomb)


def test_ten_megabytes_are_refused_unread(write: Callable[[str], Path]) -> None:
    said = refusal(write, "a: &a x\nb: [" + "*a, " * 2_500_000 + "*a]\n")
    assert "larger than 1 MiB" in said


def test_deep_nesting_is_refused(write: Callable[[str], Path]) -> None:
    assert "nested too deep" in refusal(write, "[" * 100_000)
    assert "levels" in refusal(write, "a: " + "[" * 60 + "]" * 60)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wadm.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01" + bytes(range(256)))
    with pytest.raises(wl.ManifestError, match=r"is no YAML|line 1"):
        manifest.load(path)
    with pytest.raises(wl.ManifestError, match="No such file"):
        manifest.load(tmp_path / "gone.yaml")


def test_names_that_the_manifest_does_not_have_are_refused(write: Callable[[str], Path]) -> None:
    assert "no component 'kv'; it has greeter" in refusal(write, NEW, images={"kv": "hello"})
    assert "no provider 'redis'; it has kv, blobs, http" in refusal(write, NEW, providers={"redis": "memory://"})


def test_azure_needs_only_the_account_in_the_manifest(write: Callable[[str], Path]) -> None:
    azure = NEW.replace("blobstore-fs", "blobstore-azure").replace(
        "{root: ./blobs}", "{storage_account: devstoreaccount1, storage_access_key: c2VjcmV0}"
    )
    plan = manifest.load(write(azure))
    target = next(link.target for link in plan.links if link.import_name == "wasi:blobstore")
    assert target.startswith("azure://devstoreaccount1")
    assert "c2VjcmV0" not in str(plan)


def test_a_deployment_answers_and_stops_without_a_trace(
    own_lab: wl.Lab, write: Callable[[str], Path], free_port: int
) -> None:
    port = free_port
    path = write(NEW.replace("8080", str(port)))
    with own_lab.deploy(path, providers={"kv": "memory://", "blobs": "memory://"}) as deployment:
        assert httpx.get(f"http://127.0.0.1:{port}/nobody").status_code == 404
        link = own_lab.apps["greeter"].links["wasi:keyvalue"]
        link.provider.set("user:ada", "animal", b"dog")
        assert "dog" in httpx.get(f"http://127.0.0.1:{port}/ada").text
        assert own_lab.keyvalue.provider.get("user:ada", "animal") is None
        assert f"127.0.0.1:{port}" in repr(deployment)
    assert own_lab.apps == {}
    assert [link.name for link in own_lab.links] == ["keyvalue", "blobstore"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/")


def test_a_deployment_that_fails_leaves_nothing_behind(
    own_lab: wl.Lab, write: Callable[[str], Path], free_port: int
) -> None:
    path = write(NEW.replace("6379", str(free_port)))
    with pytest.raises(wl.SwapRefused) as caught:
        own_lab.deploy(path)
    assert "does not answer" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert own_lab.apps == {}
    assert len(own_lab.links) == 2


def test_a_lab_writes_itself_as_a_manifest_that_deploys(own_lab: wl.Lab, tmp_path: Path) -> None:
    app = own_lab.load("gopher", config={"tone": "warm"}, workers=3)
    own_lab.link(app, "wasi:keyvalue", f"sqlite:///{(tmp_path / 'visits.db').as_posix()}")
    app.links["wasi:keyvalue"].provider.set("user:ada", "animal", b"cat")
    with own_lab.serve(app, port=0):
        text = own_lab.manifest("greeting")
    path = tmp_path / "wadm.yaml"
    path.write_text(text, encoding="utf-8")
    with wl.Lab() as other:
        deployment = other.deploy(path, serve=False)
        assert deployment.plan.name == "greeting"
        again = other.apps["gopher"]
        assert again.digest == app.digest
        assert again.config == {"tone": "warm"}
        assert again.settings.workers == 3
        assert "cat" in again.get("/ada").text
        assert list(deployment.plan.addresses) == ["gopher"]


def test_a_written_manifest_has_no_secret(own_lab: wl.Lab, free_port: int) -> None:
    app = own_lab.load("gopher")
    from wasicloud_lab.kinds import KEYVALUE
    from wasicloud_lab.links import Link

    app.links["wasi:keyvalue"] = Link(KEYVALUE, f"redis://:s3cret@127.0.0.1:{free_port}", app=app)
    written = own_lab.manifest()
    assert "s3cret" not in written
    assert "***" in written
    assert yaml.safe_load(written)["spec"]["components"][0]["name"] == "gopher"


@pytest.mark.parametrize(
    "path", sorted(COMPONENTS.glob("*/wadm*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_the_manifests_of_the_components_can_be_planned(path: Path) -> None:
    plan = manifest.load(path)
    assert plan.apps
    assert plan.links
    assert plan.addresses


def test_there_are_manifests_to_plan() -> None:
    names = {f"{path.parent.name}/{path.name}" for path in COMPONENTS.glob("*/wadm*.yaml")}
    assert {"gopher/wadm.yaml", "gopher/wadm-old.yaml", "blobby/wadm.yaml", "blobby/wadm-old.yaml"} <= names


def test_the_command_prints_a_plan_and_does_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wasicloud_lab", "deploy", "--dry-run", str(COMPONENTS / "gopher" / "wadm.yaml")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "load   gopher" in done.stdout
    assert "wasi:keyvalue" in done.stdout
    assert "serve  gopher at http://" in done.stdout
    wrong = subprocess.run(
        [sys.executable, "-m", "wasicloud_lab", "deploy", "--dry-run", "gone.yaml"], capture_output=True, text=True
    )
    assert wrong.returncode == 1
    assert len(wrong.stderr.splitlines()) == 1


def test_the_schema_is_a_valid_schema() -> None:
    import jsonschema

    from wasicloud_lab.manifest.schema import SCHEMA

    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
