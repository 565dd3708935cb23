"""gopher: greets users from a key-value store, with pictures from a blob store, whatever these are."""

from __future__ import annotations

import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import wasicloud_lab as wl
from wasicloud_lab.providers.blobstore.base import BlobstoreProvider, ensure_container, put
from wasicloud_lab.providers.blobstore.memory import MemoryBlobstore
from wasicloud_lab.providers.blobstore.wrappers import Troubled
from wasicloud_lab.providers.keyvalue.base import KeyValueProvider
from wasicloud_lab.services import Services

JSON = {"accept": "application/json"}
MIB = 1 << 20


@pytest.fixture
def gopher(own_lab: wl.Lab) -> wl.App:
    """gopher on an empty key-value and an empty blob store."""
    return own_lab.load("gopher")


@pytest.fixture
def keys(own_lab: wl.Lab, gopher: wl.App) -> KeyValueProvider:
    """The key-value store, with the two users of the talk."""
    store: KeyValueProvider = own_lab.keyvalue.provider
    for name, language, animal in (("ricochet", b"en-US", b"dog"), ("mossaka", b"zh-CN", b"cat")):
        store.set(f"user:{name}", "accept-language", language)
        store.set(f"user:{name}", "animal", animal)
    return store


@pytest.fixture
def blobs(own_lab: wl.Lab, gopher: wl.App) -> BlobstoreProvider:
    """The blob store, with a container for pictures."""
    store: BlobstoreProvider = own_lab.blobstore.provider
    ensure_container(store, "animals")
    return store


def user(keys: KeyValueProvider, name: str, **values: bytes) -> str:
    """Makes a user; answers their path."""
    for key, value in values.items():
        keys.set(f"user:{name}", key.replace("_", "-"), value)
    return "/" + quote(name, safe="")


# --- greetings ---------------------------------------------------------------------------------------


def test_the_users_of_the_talk_are_greeted_in_their_language_with_their_animal(
    gopher: wl.App, keys: KeyValueProvider
) -> None:
    response = gopher.get("/ricochet")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert response.headers["content-language"] == "en"
    assert response.text == "Hello, ricochet!\nYour favourite animal: dog.\nThis is visit number 1.\n"
    assert gopher.get("/mossaka").text == "你好，mossaka！\n你最喜欢的动物：猫。\n这是第 1 次来访。\n"


def test_the_same_in_json(gopher: wl.App, keys: KeyValueProvider, blobs: BlobstoreProvider) -> None:
    put(blobs, "animals", "cat.txt", b' /\\_/\\\n( o"o )\n')
    response = gopher.get("/mossaka", headers=JSON)
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "user": "mossaka",
        "language": "zh",
        "greeting": "你好，mossaka！",
        "animal": "cat",
        "animal_name": "猫",
        "visits": 1,
        "picture": ' /\\_/\\\n( o"o )\n',
    }


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("en", "en"),
        ("zh-Hant-TW", "zh"),
        ("es-MX", "es"),
        ("fr", "fr"),
        ("DE-at", "de"),
        ("ja_JP", "ja"),
        ("tlh", "en"),
        ("*", "en"),
        ("", "en"),
        ("de;q=0.5, fr;q=0.9, es;q=0.1", "fr"),
        ("fr;q=0.25, ja;q=0.250, de;q=0.249", "fr"),
        ("es;q=0, de;q=0.001", "de"),
        ("pt, ja;q=0.8", "ja"),
        ("de;q=7, es;q=nonsense, fr;q=0.3", "fr"),
        (",;q=1,-,;;", "en"),
    ],
)
def test_the_language_most_wanted_of_those_gopher_speaks(
    gopher: wl.App, keys: KeyValueProvider, wanted: str, language: str
) -> None:
    path = user(keys, "polyglot", accept_language=wanted.encode())
    assert gopher.get(path, headers=JSON).json()["language"] == language


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", ["¡Hola, x!", "perro"]),
        ("fr", ["Bonjour, x", "chien"]),
        ("de", ["Hallo, x!", "Hund"]),
        ("ja", ["こんにちは、xさん！", "犬"]),
    ],
)
def test_every_language_has_its_greeting_and_its_animals(
    gopher: wl.App, keys: KeyValueProvider, language: str, words: list[str]
) -> None:
    text = gopher.get(user(keys, "x", accept_language=language.encode(), animal=b"Dog")).text
    assert all(word in text for word in words)


def test_an_unknown_animal_keeps_its_name(gopher: wl.App, keys: KeyValueProvider) -> None:
    path = user(keys, "x", accept_language=b"fr", animal="quokka à poils".encode())
    assert gopher.get(path, headers=JSON).json()["animal_name"] == "quokka à poils"


def test_one_of_the_two_keys_makes_a_user(gopher: wl.App, keys: KeyValueProvider) -> None:
    assert gopher.get(user(keys, "a", accept_language=b"de"), headers=JSON).json()["animal"] is None
    assert gopher.get(user(keys, "b", animal=b"owl"), headers=JSON).json()["language"] == "en"


@pytest.mark.parametrize("name", ["a b", "a/b", "Jürgen", "猫", "per%cent", "q?uestion", 'quote"s\\', "..", "visits"])
def test_a_name_is_any_text(gopher: wl.App, keys: KeyValueProvider, name: str) -> None:
    response = gopher.get(user(keys, name, animal=b"dog"), headers=JSON)
    assert (response.status_code, response.json()["user"]) == (200, name)
    assert keys.get("visits", name) == b"1"


@pytest.mark.parametrize("path", ["/%zz", "/%4", "/%", "/%ff", "/%c3%28"])
def test_a_path_that_is_no_encoded_text_is_refused(gopher: wl.App, path: str) -> None:
    assert gopher.get(path).status_code == 400
    assert "percent-encoded" in gopher.get(path, headers=JSON).json()["error"]


@pytest.mark.parametrize(
    ("accept", "json_wanted"),
    [
        ("*/*", False),
        ("text/html, */*;q=0.8", False),
        ("Application/JSON", True),
        ("application/json, text/plain, */*", True),
        ("application/json;q=0.5, text/plain", False),
        ("application/json;q=0", False),
        ("text/plain;q=0.5, application/json;q=0.6", True),
    ],
)
def test_json_is_for_those_who_ask_for_it(gopher: wl.App, accept: str, json_wanted: bool) -> None:
    response = gopher.get("/", headers={"accept": accept})
    assert (response.headers["content-type"] == "application/json") is json_wanted
    assert response.headers["vary"] == "accept"


# --- visits ------------------------------------------------------------------------------------------


def test_visits_are_counted_in_a_bucket_of_their_own(gopher: wl.App, keys: KeyValueProvider) -> None:
    assert [gopher.get("/ricochet", headers=JSON).json()["visits"] for _ in range(3)] == [1, 2, 3]
    assert keys.get("visits", "ricochet") == b"3"


def test_a_head_has_the_headers_and_is_no_visit(gopher: wl.App, keys: KeyValueProvider) -> None:
    head = gopher.head("/ricochet")
    assert (head.status_code, head.content, keys.get("visits", "ricochet")) == (200, b"", None)
    assert head.headers == gopher.get("/ricochet").headers


def test_no_visit_is_lost_where_many_come_at_once(gopher: wl.App, keys: KeyValueProvider) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: gopher.get("/ricochet", headers=JSON).json()["visits"], range(80)))
    assert sorted(answers) == list(range(1, 81))


def test_the_front_page_names_who_has_been_here(gopher: wl.App, keys: KeyValueProvider) -> None:
    for path in ("/ricochet", "/mossaka", "/ricochet"):
        gopher.get(path)
    assert "    mossaka  1\n    ricochet  2\n" in gopher.get("/").text
    users = [{"name": "mossaka", "visits": 1}, {"name": "ricochet", "visits": 2}]
    assert gopher.get("/", headers=JSON).json() == {"greeting": "Hello from gopher!", "users": users}


def test_the_front_page_of_an_empty_store_says_how_to_fill_it(gopher: wl.App) -> None:
    assert "redis-cli HSET user:ricochet accept-language en-US animal dog" in gopher.get("/").text
    assert gopher.get("/", headers=JSON).json()["users"] == []


def test_the_front_page_goes_through_all_pages_of_keys(gopher: wl.App, keys: KeyValueProvider) -> None:
    names = [f"user {n:04}" for n in range(3500)]
    keys.set_many("visits", [(name, b"7") for name in names])
    users = gopher.get("/", headers=JSON).json()["users"]
    assert users == [{"name": name, "visits": 7} for name in names]


def test_a_count_that_is_none_is_shown_as_unknown(gopher: wl.App, keys: KeyValueProvider) -> None:
    keys.set("visits", "odd", b"many")
    assert "    odd  ?\n" in gopher.get("/").text
    assert gopher.get("/", headers=JSON).json()["users"] == [{"name": "odd", "visits": None}]


# --- pictures ----------------------------------------------------------------------------------------


def test_a_picture_follows_the_greeting(gopher: wl.App, keys: KeyValueProvider, blobs: BlobstoreProvider) -> None:
    put(blobs, "animals", "dog.txt", b"  __\no-''|\\_____/)")
    assert gopher.get("/ricochet").text.endswith("This is visit number 1.\n\n  __\no-''|\\_____/)\n")
    assert "\n\n" not in gopher.get("/mossaka").text


def test_no_container_no_picture(gopher: wl.App, keys: KeyValueProvider) -> None:
    assert gopher.get("/ricochet", headers=JSON).json()["picture"] is None


def test_an_empty_picture_is_none(gopher: wl.App, keys: KeyValueProvider, blobs: BlobstoreProvider) -> None:
    put(blobs, "animals", "dog.txt", b"")
    assert gopher.get("/ricochet", headers=JSON).json()["picture"] is None


def test_a_picture_may_have_64_kib(gopher: wl.App, keys: KeyValueProvider, blobs: BlobstoreProvider) -> None:
    put(blobs, "animals", "dog.txt", b"x" * 65536)
    assert gopher.get("/ricochet", headers=JSON).json()["picture"] == "x" * 65536


def test_a_longer_picture_is_cut_between_characters(
    gopher: wl.App, keys: KeyValueProvider, blobs: BlobstoreProvider
) -> None:
    put(blobs, "animals", "dog.txt", b"x" + "é".encode() * MIB)
    picture = gopher.get("/ricochet", headers=JSON).json()["picture"]
    shown, note = picture.split("\n", 1)
    assert (shown, "64 KiB" in note) == ("x" + "é" * 32767, True)


def test_a_blob_store_that_fails_costs_the_picture_alone(
    own_lab: wl.Lab, gopher: wl.App, keys: KeyValueProvider
) -> None:
    store = Troubled(MemoryBlobstore())
    ensure_container(store, "animals")
    put(store, "animals", "dog.txt", b"woof")
    own_lab.blobstore.swap(store)
    assert gopher.get("/ricochet", headers=JSON).json()["picture"] == "woof"
    store.down = True
    response = gopher.get("/ricochet", headers=JSON)
    assert (response.status_code, response.json()["picture"]) == (200, None)


# --- who is not known, what is not allowed -------------------------------------------------------------


def test_an_unknown_user_is_told_how_to_become_one(gopher: wl.App, keys: KeyValueProvider) -> None:
    response = gopher.get("/nobody")
    line = "redis-cli HSET user:nobody accept-language en-US animal dog"
    assert response.status_code == 404
    assert f"\n    {line}\n" in response.text
    told = gopher.get("/nobody", headers=JSON)
    assert (told.status_code, told.json()["create"]) == (404, line)
    assert keys.get("visits", "nobody") is None


@pytest.mark.parametrize("name", ["it's", "a b", "$(reboot)", "`reboot`", "a;b", "ü", '"', "!", "*", "a\\b", "-x"])
def test_the_line_means_the_same_to_a_shell(gopher: wl.App, name: str) -> None:
    line = gopher.get("/" + quote(name, safe=""), headers=JSON).json()["create"]
    assert shlex.split(line) == ["redis-cli", "HSET", f"user:{name}", *"accept-language en-US animal dog".split()]


def test_control_characters_reach_no_terminal(gopher: wl.App, keys: KeyValueProvider) -> None:
    text = gopher.get("/a%1b%5b31m%0d%0a%00%7f%c2%9bb").text
    assert not [c for c in text if c != "\n" and not c.isprintable()]
    path = user(keys, "c\x1b", animal=b"d\x07g\r\nSet-Cookie: x")
    assert "c!\nYour favourite animal: dgSet-Cookie: x.\n" in gopher.get(path).text
    assert gopher.get(path, headers=JSON).json()["user"] == "c\x1b"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_another_method_is_refused(gopher: wl.App, keys: KeyValueProvider, method: str) -> None:
    response = gopher.request(method, "/ricochet")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
    assert keys.get("visits", "ricochet") is None


def test_values_that_are_no_text_are_shown_as_well_as_can_be(gopher: wl.App, keys: KeyValueProvider) -> None:
    path = user(keys, "odd", accept_language=b"\xff\xfe", animal=b"d\xffg")
    assert gopher.get(path, headers=JSON).json()["animal"] == "d\ufffdg"


@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_a_long_value_is_no_trap(gopher: wl.App, keys: KeyValueProvider, size: int) -> None:
    path = user(keys, "long", accept_language=b"x" * size, animal=b"y" * size)
    animal = gopher.get(path, headers=JSON).json()["animal"]
    assert animal == "y" * 256 + "…"


# --- a store that fails ------------------------------------------------------------------------------


def test_a_store_that_has_gone_is_a_503_in_its_own_words(own_lab: wl.Lab, gopher: wl.App, services: Services) -> None:
    redis = services.redis(new=True)
    own_lab.keyvalue.swap(redis.url)
    assert gopher.get("/").status_code == 200
    redis.stop()
    for path in ("/", "/ricochet"):
        text = gopher.get(path)
        assert (text.status_code, text.text.startswith("The key-value store failed: Redis at ")) == (503, True)
        told = gopher.get(path, headers=JSON)
        assert (told.status_code, "Redis at " in told.json()["error"]) == (503, True)


def test_a_count_that_is_none_can_t_be_raised(gopher: wl.App, keys: KeyValueProvider) -> None:
    keys.set("visits", "ricochet", b"many")
    response = gopher.get("/ricochet")
    assert (response.status_code, "not a counter" in response.text) == (503, True)


@pytest.mark.parametrize(("case", "words"), [("no-such-store", "no such store"), ("access-denied", "access denied")])
def test_the_cases_of_the_error_are_told_apart(own_lab: wl.Lab, case: str, words: str) -> None:
    class Bucket:
        pass

    @wl.interface("wasi:keyvalue/store@0.2.0-draft")
    class Refusing:
        Bucket: Any

        def open(self, identifier: str) -> Any:
            raise wl.Err(wl.Variant(case))

    class RefusedBucket:
        def get(self, key: str) -> Any: ...

        def list_keys(self, cursor: Any) -> Any: ...

    @wl.interface("wasi:keyvalue/atomics@0.2.0-draft")
    class Atomics:
        def increment(self, bucket: Any, key: str, delta: int) -> int:
            return delta

    Refusing.Bucket = RefusedBucket
    app = own_lab.load("gopher", providers=[Refusing(), Atomics()])
    response = app.get("/ricochet")
    assert (response.status_code, response.text) == (503, f"The key-value store failed: {words}\n")


# --- in front of another component -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/files", "/files/", "/files/a/b?c=d", "/files/%2F"])
def test_what_is_below_files_is_answered_by_the_next_component(own_lab: wl.Lab, gopher: wl.App, path: str) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("echo"))
    assert gopher.get(path).text == "No such route; GET / lists them.\n"  # which only echo says


def test_all_of_a_request_reaches_the_next_component(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("blobby", config={"mount": "/files"}))
    data = bytes(range(256)) * 4096
    stored = gopher.put("/files/a%20b.bin?container=c", content=iter([data, data]))
    assert (stored.status_code, stored.headers["location"]) == (201, "/files/a%20b.bin?container=c")
    assert (
        gopher.get("/files/a%20b.bin?container=c", headers={"range": "bytes=1048575-1048577"}).content
        == b"\xff\x00\x01"
    )
    assert gopher.get("/files?container=c").text == "a b.bin\n"
    assert gopher.delete("/files/a%20b.bin?container=c").status_code == 204


def test_only_what_is_below_files_is_handed_on(own_lab: wl.Lab, gopher: wl.App) -> None:
    own_lab.link(gopher, "wasi:http/incoming-handler", own_lab.load("echo"))
    assert [gopher.get(path).status_code for path in ("/filesystem", "/file", "/x/files/", "/FILES/")] == [404] * 4
    assert "redis-cli" in gopher.get("/filesystem").text


def test_with_nothing_behind_it_the_trap_says_so(gopher: wl.App) -> None:
    with pytest.raises(wl.GuestTrap, match="wasi:http/incoming-handler"):
        gopher.get("/files/x")
    assert gopher.get("/").status_code == 200


# --- its manifests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["wadm.yaml", "wadm-old.yaml", "wadm-composed.yaml"])
def test_its_manifests_say_what_the_readme_says(own_lab: wl.Lab, tmp_path: Path, free_port: int, file: str) -> None:
    source = Path(__file__).resolve().parent.parent / "components" / "gopher" / file
    moved = source.read_text("utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{free_port}")
    moved = moved.replace("file://../dist", f"file://{source.parent.parent.as_posix()}/dist")
    (tmp_path / file).write_text(moved, "utf-8")
    stores: dict[str, Any] = {"redis": "memory://", "blobstore": "memory://"}
    deployment = own_lab.deploy(tmp_path / file, providers=stores)
    with deployment:
        gopher = deployment.apps["gopher"]
        assert json.loads(gopher.get("/", headers=JSON).text)["users"] == []
        assert list(deployment.servers) == ["gopher"]
        if file == "wadm-composed.yaml":
            assert gopher.get("/files/").status_code == 200
