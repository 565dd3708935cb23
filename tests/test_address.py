"""Providers' URLs: taken apart, and never shown with their secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasicloud_lab.errors import ProviderError
from wasicloud_lab.providers.address import Address, masked, seconds
from wasicloud_lab.providers.registry import open_blobstore, open_keyvalue, schemes


def test_a_url_is_taken_apart() -> None:
    address = Address.parse("Redis://me:p%40ss@localhost:6380/2/x%20y?layout=hash&timeout=3")
    assert (address.scheme, address.user, address.password) == ("redis", "me", "p@ss")
    assert (address.host, address.port, address.path) == ("localhost", 6380, "/2/x y")
    assert address.take(layout="prefix", timeout="5", other=None) == {"layout": "hash", "timeout": "3", "other": None}
    assert str(address) == "Redis://me:***@localhost:6380/2/x%20y?layout=hash&timeout=3"
    for text in (repr(address), str(address)):
        assert "p%40ss" not in text
        assert "p@ss" not in text


@pytest.mark.parametrize(
    "text",
    [
        "redis://:s3cret@h:6379",
        "redis://:pa/s3cret@h",
        "redis://u:pa@s3cret@h",
        "redis://u:pa?s3cret@h/1",
        "azure://account?account_key=s3cret",
        "azure://account?sv=1&sig=s3cret&se=2",
        "azure://?connection_string=s3cret",
        "s3://b/p?access_key=s3cret&secret_key=s3cret&session_token=s3cret",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=s3cret;EndpointSuffix=x",
        "SharedAccessSignature=s3cret",
        "it said: password=s3cret, and redis://a:s3cret@b does not answer",
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    assert "s3cret" not in masked(text)
    assert "***" in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "redis://localhost:6379/1?layout=hash",
        "sqlite:///visits.db",
        "the key of the map is a=1",
        "file:///srv/blobs",
        "s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


PASSWORDS = st.text(
    st.characters(codec="ascii", exclude_characters="@#?/[]", categories=("L", "N", "P", "S")), min_size=6
)


@given(password=PASSWORDS)
def test_no_error_about_a_url_shows_its_password(password: str) -> None:
    text = f"redis://me:{password}@host:63x79/?a=1&a=2"
    with pytest.raises(ProviderError) as caught:
        Address.parse(text)
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("localhost:6379", "is not a provider's URL; wanted something like redis://"),
        ("", "is not a provider's URL"),
        ("redis://h:port", "not percent-encoded"),
        ("redis://127.0.0.1:99999", "port 99999 of 'redis://127.0.0.1:99999' is out of range (0 to 65535)"),
        ("redis://me:secret@h:65536/1", "port 65536 of 'redis://me:***@h:65536/1' is out of range"),
        ("redis://h?a=1&a=2", "says a twice"),
        ("redis://:pa#ss@h", "write it as %23"),
    ],
)
def test_what_is_no_url_is_refused(text: str, words: str) -> None:
    with pytest.raises(ProviderError) as caught:
        Address.parse(text)
    assert words in str(caught.value)
    assert "pa#ss" not in str(caught.value)


@pytest.mark.parametrize("text", ["redis://:98765/4321@host", "redis://me:98765/@host:1", "redis://:98765?x@host"])
def test_half_a_password_is_not_taken_for_a_port_and_told(text: str) -> None:
    with pytest.raises(ProviderError) as caught:
        Address.parse(text)
    assert "98765" not in str(caught.value)


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    address = Address.parse("redis://h?layuot=hash")
    with pytest.raises(ProviderError, match=r"'layuot' that redis does not know; it knows layout, timeout"):
        address.take(layout="hash", timeout="5")
    with pytest.raises(ProviderError, match="it knows none"):
        address.take()


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon", "", None])
def test_a_timeout_is_a_number_of_seconds_above_zero(text: str | None) -> None:
    with pytest.raises(ProviderError, match="not a number of seconds"):
        seconds(Address.parse("redis://h"), text)
    assert seconds(Address.parse("redis://h"), "0.5") == 0.5


def test_there_is_a_provider_for_each_scheme() -> None:
    assert schemes("keyvalue")[:6] == ["memory", "fakeredis", "redis", "rediss", "sqlite", "nats"]
    assert schemes("blobstore")[:5] == ["memory", "file", "azure", "s3", "nats"]
    with pytest.raises(ProviderError, match=r"no keyvalue provider for s3:// \(it is a blobstore provider's\)"):
        open_keyvalue("s3://bucket")
    with pytest.raises(ProviderError, match=r"no blobstore provider for ftp://; there are memory://"):
        open_blobstore("ftp://h")


def test_another_package_adds_a_provider_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    from wasicloud_lab.providers import registry

    point = metadata.EntryPoint("etcd", "wasicloud_lab.providers.keyvalue.memory:MemoryStore", "wasicloud_lab.keyvalue")
    broken = metadata.EntryPoint("gone", "no.such.module:thing", "wasicloud_lab.keyvalue")

    def entry_points(group: str, name: str | None = None) -> list[metadata.EntryPoint]:
        return [each for each in (point, broken) if each.group == group and name in (None, each.name)]

    monkeypatch.setattr(registry.metadata, "entry_points", entry_points)
    assert "etcd" in schemes("keyvalue")
    assert "etcd" not in schemes("blobstore")
    assert open_keyvalue("etcd://localhost").get("b", "k") is None
    with pytest.raises(ProviderError, match=r"served by no\.such\.module:thing, which can't be loaded"):
        open_keyvalue("gone://localhost")


def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from wasicloud_lab.errors import ToolMissing

    monkeypatch.setitem(sys.modules, "obstore", None)
    for name in [name for name in sys.modules if name.startswith("wasicloud_lab.providers.blobstore.s3")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ToolMissing, match=r"pip install 'wasicloud-lab\[s3\]'"):
        open_blobstore("s3://bucket")
