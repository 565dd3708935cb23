"""Which providers can be chosen for a link."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import wasicloud_lab as wl
from wasicloud_lab.choices import Choice, Choices, objection
from wasicloud_lab.services.service import HOST


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is on this machine."""
    for name in ("REDIS_SERVER", "NATS_SERVER", "AZURITE", "NODE"):
        monkeypatch.setenv(f"WASICLOUD_LAB_{name}", "there-is-no-such-program")


@pytest.fixture
def default_redis_port() -> Iterator[None]:
    """Something listens where Redis usually does; where something does already, that is it."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, 6379))
            listening.listen()
        except OSError:
            pass
        yield


def labels(choices: Choices, lab: wl.Lab, link: wl.Link) -> list[str]:
    return [choice.label for choice in choices.of(lab, link)]


def test_before_anybody_has_looked_around_there_are_the_embedded_ones(own_lab: wl.Lab) -> None:
    choices = Choices()
    assert [choice.url for choice in choices.of(own_lab, own_lab.keyvalue)] == [
        "memory://",
        "fakeredis://",
        "sqlite:///keyvalue.db",
    ]
    assert [choice.url for choice in choices.of(own_lab, own_lab.blobstore)] == ["memory://", "file://./blobs"]


def test_a_choice_is_named_as_what_it_is_once_plugged_in(own_lab: wl.Lab) -> None:
    own_lab.keyvalue.swap("fakeredis://")
    name = own_lab.keyvalue.summary().partition(",")[0]
    assert labels(Choices(), own_lab, own_lab.keyvalue)[:2] == ["memory, a new one", f"{name} (fakeredis)"]


def test_every_embedded_choice_is_a_provider_that_answers(
    own_lab: wl.Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for link in (own_lab.keyvalue, own_lab.blobstore):
        for choice in Choices().of(own_lab, link):
            link.swap(choice.target(own_lab))
            assert link.url == choice.url


def test_a_server_that_is_installed_can_be_started(own_lab: wl.Lab) -> None:
    choices = Choices()
    choices.look()
    start = next(choice for choice in choices.of(own_lab, own_lab.keyvalue) if choice.service == "redis")
    assert start.label == "start a redis-server"
    assert start.code() == "lab.services.redis().url"
    url = start.target(own_lab)
    own_lab.keyvalue.swap(url)
    own_lab.keyvalue.provider.set("default", "a", b"1")
    # Now it is one that runs, and starting another is not offered.
    assert url in [choice.url for choice in choices.of(own_lab, own_lab.keyvalue)]
    assert start.label not in labels(choices, own_lab, own_lab.keyvalue)


def test_a_server_of_another_kind_is_not_offered(own_lab: wl.Lab) -> None:
    choices = Choices()
    choices.look()
    own_lab.services.redis()
    assert not [label for label in labels(choices, own_lab, own_lab.blobstore) if "edis" in label]


def test_what_is_not_installed_can_not_be_started(own_lab: wl.Lab, nothing_installed: None) -> None:
    choices = Choices()
    choices.look()
    for link in (own_lab.keyvalue, own_lab.blobstore):
        assert not [choice for choice in choices.of(own_lab, link) if choice.service]


def test_a_server_at_its_usual_port_is_found(own_lab: wl.Lab, default_redis_port: None) -> None:
    choices = Choices()
    choices.look()
    found = next(c for c in choices.of(own_lab, own_lab.keyvalue) if c.label == f"Redis at {HOST}:6379, found here")
    assert found.target(own_lab) == f"redis://{HOST}:6379"


def test_a_url_used_before_can_be_chosen_again_and_does_not_show_its_secret(own_lab: wl.Lab) -> None:
    choices = Choices()
    choices.remember("keyvalue", "redis://:hunter2@db:6379")
    choice = choices.of(own_lab, own_lab.keyvalue)[-1]
    assert choice.label == "redis://:***@db:6379 (used before)"
    assert choice.target(own_lab) == "redis://:hunter2@db:6379"
    assert choice.code() == "'redis://:***@db:6379'"
    assert "hunter2" not in repr(choices.of(own_lab, own_lab.keyvalue))
    assert choice.label not in labels(choices, own_lab, own_lab.blobstore)


def test_of_two_urls_that_look_the_same_the_later_counts(own_lab: wl.Lab) -> None:
    choices = Choices()
    for secret in ("old", "new"):
        choices.remember("keyvalue", f"redis://:{secret}@db:6379")
    used = [choice for choice in choices.of(own_lab, own_lab.keyvalue) if "used before" in choice.label]
    assert [choice.url for choice in used] == ["redis://:new@db:6379"]


def test_an_embedded_url_used_before_is_there_once(own_lab: wl.Lab) -> None:
    choices = Choices()
    choices.remember("keyvalue", "fakeredis://")
    assert [choice.url for choice in choices.of(own_lab, own_lab.keyvalue)].count("fakeredis://") == 1


def test_a_handler_can_be_any_other_app_that_answers_requests(own_lab: wl.Lab) -> None:
    gopher, blobby = own_lab.load("gopher"), own_lab.load("blobby", config={"mount": "/files"})
    own_lab.load("hello")
    link = own_lab.link(gopher, "wasi:http/incoming-handler", blobby)
    found = Choices().of(own_lab, link)
    assert [choice.label for choice in found] == ["blobby", "hello"]
    assert found[0].target(own_lab) is blobby
    assert found[0].code() == "lab.apps['blobby']"
    own_lab.unload("hello")
    with pytest.raises(wl.LinkError, match="hello"):
        found[1].target(own_lab)


def test_what_is_wrong_with_a_url_is_said_before_it_is_used() -> None:
    assert objection("keyvalue", "redis://:hunter2@localhost:6379") is None
    assert objection("blobstore", "file:///tmp/blobs") is None
    assert "like redis://localhost:6379" in (objection("keyvalue", "  ") or "")
    assert "'nonsense' is not a provider's URL" in (objection("keyvalue", "nonsense") or "")
    assert "no keyvalue provider for http://; there are memory://" in (objection("keyvalue", "http://x") or "")
    assert "no blobstore provider for redis://" in (objection("blobstore", "redis://x") or "")


def test_an_objection_shows_no_secret() -> None:
    for url in ("redis://:hunter2@localhost:port", "what://:hunter2@x", "redis://:hun#ter2@x", "x?password=hunter2"):
        words = objection("keyvalue", url)
        assert words
        assert "hunter2" not in words
        assert "ter2" not in words


def test_the_mask_is_not_taken_for_a_secret() -> None:
    assert "type the URL anew" in (objection("keyvalue", "redis://:***@localhost:6379") or "")


def test_a_choice_shows_no_secret() -> None:
    assert "hunter2" not in repr(Choice("other", "redis://:hunter2@localhost"))
