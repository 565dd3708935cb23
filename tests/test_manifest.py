"""Manifests: both forms of wadm are read, checked with a line for every fault, planned, deployed, written back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
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
    assert "s3cret" not in repr(plan)
    assert "s3cret" not in repr(manifest.read(tmp_path / "wadm.yaml"))


def test_settings_reach_the_component_as_text(write: Callable[[str], Path]) -> None:
    assert manifest.load(write(NEW)).apps[0].config == {"tone": "warm", "loud": "true"}


@pytest.mark.parametrize(
    "written", ["yes", "0644", "1.10", "12:30:45", "True", "0x10", "1_000", ".nan", "2024-03-19", "ünï", "8080"]
)
def test_a_setting_is_the_text_that_stands_there(write: Callable[[str], Path], written: str) -> None:
    plan = manifest.load(write(NEW.replace("tone: warm", f"tone: {written}")))
    assert plan.apps[0].config["tone"] == written


def test_numbers_and_names_mean_what_they_mean_to_wadm(write: Callable[[str], Path]) -> None:
    text = NEW.replace("instances: 4", "instances: 010").replace("  name: greeter\n", "  name: yes\n", 1)
    plan = manifest.load(write(text))
    assert (plan.name, plan.apps[0].workers) == ("yes", 10)
    (whole,) = manifest.load(write(NEW.replace("instances: 4", "instances: 4.0"))).apps
    assert repr(whole.workers) == "4"
    (unsaid,) = manifest.load(write(NEW.replace("{instances: 4}", "{spread: }"))).apps
    assert unsaid.workers is None


@pytest.mark.parametrize("encoded", ["crlf", "bom", "utf-16", "an anchor", "a daemonscaler", "a link's name"])
def test_a_manifest_may_be_written_in_other_ways(write: Callable[[str], Path], encoded: str) -> None:
    texts = {
        "crlf": NEW.replace("\n", "\r\n").encode(),
        "bom": b"\xef\xbb\xbf" + NEW.encode(),
        "utf-16": NEW.encode("utf-16"),
        "an anchor": NEW.replace("- name: where", "- name: &where where", 1)
        .replace("- name: root", "- name: *where", 1)
        .encode(),
        "a daemonscaler": NEW.replace(
            "type: spreadscaler\n          properties: {instances: 4}",
            "type: daemonscaler\n          properties: {replicas: 4, spread: [{name: eu, requirements: {zone: eu}}]}",
        ).encode(),
        "a link's name": NEW.replace("package: keyvalue", "package: keyvalue\n            name: cache").encode(),
    }
    path = write(NEW)
    wanted = str(manifest.load(path))
    path.write_bytes(texts[encoded])
    assert texts[encoded] != NEW.encode()
    assert str(manifest.load(path)) == wanted


def test_what_is_left_empty_is_left_out(write: Callable[[str], Path]) -> None:
    text = (
        NEW.replace("annotations: {version: v0.0.1}", "annotations:\n  labels:")
        .replace("spec:\n", "spec:\n  policies:\n")
        .replace("            properties: {tone: warm, loud: true}\n", "            properties:\n")
        + "    - name: idle\n      type: capability\n"
        + "      properties: {image: x, id: , config: , secrets: }\n      traits:\n"
    )
    assert manifest.load(write(text)).apps[0].config == {}


def test_ports_may_be_numbers_or_text_and_the_host_left_out(write: Callable[[str], Path]) -> None:
    for written in (
        '{port: "8080"}',
        "{port: 8080}",
        "{PORT: 8080}",
        '{address: ":8080"}',
        '{address: "127.0.0.1:08080"}',
    ):
        plan = manifest.load(write(NEW.replace('{address: "127.0.0.1:8080"}', written)))
        assert plan.addresses == {"greeter": "127.0.0.1:8080"}, written


LINK = """\
        - type: link
          properties: {{namespace: {0}, package: {1}, interfaces: [{2}], target: other}}
    - name: other
      type: capability
      properties: {{image: "example.com/other:1"}}
    - name: kv
"""


def test_what_the_lab_has_itself_needs_no_provider(write: Callable[[str], Path]) -> None:
    for words in (("wasi", "logging", "logging"), ("wasi", "http", "outgoing-handler"), ("wasi", "config", "store")):
        plan = manifest.load(write(NEW.replace("    - name: kv\n", LINK.format(*words), 1)))
        assert len(plan.links) == 2
        assert f"greeter → {words[0]}:{words[1]}" in plan.own[0]
        assert plan.own[0] in str(plan)
    said = refusal(
        write,
        NEW.replace("    - name: kv\n", LINK.format("wasmcloud", "messaging", "consumer"), 1),
        providers={"other": object()},
    )
    assert "no provider here serves wasmcloud:messaging" in said


def test_a_provider_that_another_application_shares_is_known_by_its_name(write: Callable[[str], Path]) -> None:
    shared = NEW.replace(
        'image: "example.com/wasmcloud/http-server:0.23.0"', "application: {name: all, component: http-server}"
    )
    assert manifest.load(write(shared)).addresses == {"greeter": "127.0.0.1:8080"}


def test_one_provider_is_linked_once_with_one_group_of_settings(write: Callable[[str], Path]) -> None:
    def twice(config: str) -> str:
        more = f"properties: {{namespace: wasi, package: keyvalue, interfaces: [batch], {config}}}"
        return NEW.replace("- type: link", f"- type: link\n          {more}\n        - type: link", 1)

    def target(text: str) -> str:
        found: str = next(each.target for each in manifest.load(write(text)).links if each.provider == "kv")
        return found

    assert target(twice("target: kv")) == "redis://:s3cret@127.0.0.1:6379"
    same = "target: {name: kv, config: [{name: a, properties: {url: 'redis://:s3cret@127.0.0.1:6379'}}]}"
    assert target(twice(same)) == "redis://:s3cret@127.0.0.1:6379"
    said = refusal(write, twice(same.replace("6379", "6380")))
    assert "line 22" in said  # the later of the two
    assert "kv twice, with other settings" in said


def test_nats_servers_are_read_as_wadm_users_write_them(write: Callable[[str], Path]) -> None:
    for written in (
        "cluster_uri: nats://10.0.0.1:4222",
        "cluster_uris: '10.0.0.1:4222,10.0.0.2'",
        "url: 10.0.0.1:4222",
    ):
        text = NEW.replace('{url: "redis://:s3cret@127.0.0.1:6379"}', f"{{{written}}}").replace("-redis:", "-nats:")
        links = manifest.load(write(text)).links
        assert next(each.target for each in links if each.provider == "kv") == "nats://10.0.0.1:4222"


def test_files_are_found_on_every_system(write: Callable[[str], Path], tmp_path: Path) -> None:
    from wasicloud_lab.manifest.plan import folder_url, local_path

    for image in ("file:///C:/a b/x.wasm", "file://C:/a b/x.wasm"):
        assert local_path(image, windows=True) == "C:/a b/x.wasm"
    assert local_path(r"file://C:\x.wasm", windows=True) == r"C:\x.wasm"
    assert local_path("file:///C:/x.wasm", windows=False) == "/C:/x.wasm"
    assert local_path("file://./x.wasm", windows=True) == "./x.wasm"
    assert folder_url(PureWindowsPath(r"C:\blobs\a b")) == "file:///C:/blobs/a%20b"
    assert folder_url(PurePosixPath("/tmp/a#b?")) == "file:///tmp/a%23b%3F"

    write(NEW)
    (tmp_path / "a b%20c").mkdir()
    (tmp_path / "greeter.wasm").rename(tmp_path / "a b%20c" / "x.wasm")
    for image in ("a b%20c/x.wasm", "a%20b%2520c/x.wasm"):
        plan = manifest.load(write(NEW.replace("./greeter.wasm", f"./{image}")))
        assert plan.apps[0].source == tmp_path / "a b%20c" / "x.wasm"
    plan = manifest.load(write(NEW.replace("file://./greeter.wasm", "https://me:s3cret@example.com/x.wasm")))
    assert plan.apps[0].source == "https://me:s3cret@example.com/x.wasm"
    assert "s3cret" not in str(plan) + repr(plan)


UNKNOWN = NEW.replace('{url: "redis://:s3cret@127.0.0.1:6379"}', "{a: b}").replace("keyvalue-redis", "vault")

TWO = f"""\
{NEW}
    - name: second
      type: component
      properties: {{image: file://./greeter.wasm}}
{NEW[NEW.index("    - name: http") :].replace("name: http", "name: http2").replace("greeter", "second")}
"""

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
    "a port that is none": (NEW.replace("127.0.0.1:8080", "127.0.0.1:²"), "line 49", "HOST:PORT"),
    "a tag on a name": (NEW.replace("{tone: warm,", "{!!python/name:os.system tone: warm,"), "line 14", "!!python"),
    "a truth that is none": (NEW.replace("tone: warm", "tone: !!bool perhaps"), "line 14", "'perhaps'"),
    "nothing for a setting": (NEW.replace("tone: warm", "tone: ~"), "line 14", "nothing should be text"),
    "a tab": (NEW.replace("    - name: kv", "\t- name: kv"), "line 37", "'\\t'"),
    "a secret in the wrong place": (
        NEW.replace('{url: "redis://:s3cret@127.0.0.1:6379"}', "'redis://:s3cret@h'"), "line 27", "redis://:***@h",
    ),
    "a secret for a name": (NEW.replace("target: blobs", "target: 'redis://:s3cret@h'"), "line 33", "redis://:***@h"),
    "a URL of no store": (NEW.replace("redis://:s3cret", "http://:s3cret"), "line 20", "no keyvalue provider for 'http://:***@"),
    "settings in a store of secrets": (
        NEW.replace("target: blobs\n", "target: {name: blobs, secrets: [{name: key}]}\n"),
        "line 30", "--provider blobs=URL",
    ),
    "an id twice": (
        NEW.replace('0.28.1"}', '0.28.1", id: x}').replace('0.10.1"}', '0.10.1", id: x}'),
        "line 42", "'blobs' has the id 'x'",
    ),
    "one address for two": (TWO, "line 66", "second and greeter would both be served at 127.0.0.1:8080"),
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


def test_a_megabyte_is_read_no_further_than_a_manifest_can_go(write: Callable[[str], Path]) -> None:
    assert "line 1: with its aliases" in refusal(write, "[" + "[]," * 300_000 + "a: b: c")


def test_deep_nesting_is_refused(write: Callable[[str], Path]) -> None:
    assert "50 levels" in refusal(write, "[" * 100_000)
    assert "levels" in refusal(write, "a: " + "[" * 60 + "]" * 60)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wadm.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01" + bytes(range(256)))
    with pytest.raises(wl.ManifestError, match=r"is no YAML|line 1"):
        manifest.load(path)
    with pytest.raises(wl.ManifestError, match="No such file"):
        manifest.load(tmp_path / "gone.yaml")
    with pytest.raises(wl.ManifestError, match="null byte"):
        manifest.load("\0")


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


def test_what_is_served_is_not_deployed_over(own_lab: wl.Lab, write: Callable[[str], Path], free_port: int) -> None:
    path = write(NEW.replace("8080", str(free_port)))
    stores = {"kv": "memory://", "blobs": "memory://"}
    deployment = own_lab.deploy(path, providers=stores)
    with pytest.raises(wl.ManifestError, match=f"serves one at http://127.0.0.1:{free_port}; stop that first"):
        own_lab.deploy(path, providers=stores)
    assert httpx.get(f"http://127.0.0.1:{free_port}/nobody").status_code == 404
    deployment.stop()
    with own_lab.deploy(path, providers=stores):
        assert httpx.get(f"http://127.0.0.1:{free_port}/nobody").status_code == 404


def test_any_names_and_servers_are_written_so_that_they_deploy(own_lab: wl.Lab, tmp_path: Path) -> None:
    apps = [own_lab.load("gopher", name=name) for name in ("keyvalue", "my app", "my-app", "ünï", "…")]
    for app in apps[1:3]:
        own_lab.link(app, "wasi:keyvalue", "memory://")
    own_lab.link(apps[0], "wasi:http/incoming-handler", apps[1])
    with own_lab.serve(apps[1], port=0) as first, own_lab.serve(apps[1], port=0):
        (tmp_path / "wadm.yaml").write_text(own_lab.manifest("all of it"), encoding="utf-8")
    plan = manifest.load(tmp_path / "wadm.yaml")
    assert [app.name for app in plan.apps] == ["keyvalue", "my-app", "my-app-2", "n", "part"]
    assert plan.addresses == {"my-app": f"127.0.0.1:{first.port}"}
    assert len(plan.links) == 11
    assert [link.target for link in plan.links if link.import_name.startswith("wasi:http")] == ["my-app"]


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
    app = own_lab.load("gopher", config={"api_token": "s3cret", "tone": "warm", "at": "redis://:s3cret@h"})
    from wasicloud_lab.kinds import KEYVALUE
    from wasicloud_lab.links import Link

    app.links["wasi:keyvalue"] = Link(KEYVALUE, f"redis://:s3cret@127.0.0.1:{free_port}", app=app)
    written = own_lab.manifest()
    assert "s3cret" not in written
    assert "***" in written
    gopher = yaml.safe_load(written)["spec"]["components"][0]
    assert gopher["name"] == "gopher"
    assert gopher["properties"]["config"][0]["properties"] == {
        "api_token": "***",
        "tone": "warm",
        "at": "redis://:***@h",
    }


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
