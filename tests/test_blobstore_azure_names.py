"""What names and URLs become in Azure: reversible, within Azure's rules, and without a secret to be seen."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from azure.storage.blob import BlobServiceClient
from hypothesis import example, given
from hypothesis import strategies as st

from wasicloud_lab.errors import ProviderError
from wasicloud_lab.providers.address import Address
from wasicloud_lab.providers.blobstore.azure import AzureBlobstore, open_azure
from wasicloud_lab.providers.blobstore.azure_address import Account, parse_connection_string
from wasicloud_lab.providers.blobstore.azure_names import (
    LONGEST,
    MAPPED_OBJECTS,
    container_name,
    container_of,
    is_plain_object,
    mapped_object,
    object_name,
)
from wasicloud_lab.providers.registry import open_blobstore

KEY = "c2VjcmV0LWtleS1vZi1hLXRlc3Q+Pz8/cXV4"
SIGNATURE = "aHVzaC1odXNoL3NpZ25hdHVyZQ=="
SAS = f"sv=2024-11-04&ss=b&srt=sco&sp=rwdlac&se=2030-01-01T00:00:00Z&sig={quote(SIGNATURE, safe='')}"
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=lab;AccountKey={KEY};EndpointSuffix=core.windows.net"
CONNECTION_SAS = f"BlobEndpoint=https://lab.blob.core.windows.net/;SharedAccessSignature={SAS}"

texts = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="ab-. /%\\~wl\x00é\ud7ff\ue000\U0001f600", max_size=40),
    st.from_regex(r"[a-z0-9-]{0,70}", fullmatch=True),
)
prefixes = st.from_regex(r"(?:[a-z0-9]-?){0,10}", fullmatch=True)

AZURE_CONTAINER = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


@pytest.fixture(autouse=True)
def no_secrets_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where nobody has set anything up."""
    for name in ("KEY", "SAS_TOKEN", "CONNECTION_STRING"):
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)


# --- names -------------------------------------------------------------------------------------------


@given(texts, prefixes)
@example("😀" * 256, "")
@example("", "a-b-c-d-e-f-g-h-i-j-")
@example("wl-x", "")
def test_a_container_name_comes_back_and_keeps_azures_rules(name: str, prefix: str) -> None:
    stored = container_name(name, prefix)
    assert AZURE_CONTAINER.fullmatch(stored.name), stored
    assert stored.name.startswith(prefix)
    assert all(value.isascii() and value for value in stored.metadata.values())
    assert container_of(stored.name, {**stored.metadata, "others": "too"}, prefix) == name


@given(texts, texts, prefixes)
@example("Files", "files", "")
@example("a b", "a-b", "")
def test_two_containers_never_meet(one: str, other: str, prefix: str) -> None:
    assert (container_name(one, prefix).name == container_name(other, prefix).name) == (one == other)


@given(texts)
@example("😀" * 256)
@example("a/../b")
@example("~wl/name/x")
@example("")
def test_an_object_name_comes_back_and_keeps_azures_rules(name: str) -> None:
    stored, metadata = object_name(name)
    assert 1 <= len(stored.encode("utf-16-le")) // 2 <= 1024
    assert re.fullmatch(r"[^\x00-\x1f\\\x7f-\xa0\ud800-\U0010ffff]+", stored)
    assert not stored.startswith("/")
    assert stored[-1] not in "./ "
    assert not any(segment in ("", ".", "..") or segment.endswith(".") for segment in stored.split("/"))
    assert all(value.isascii() and value for value in metadata.values())
    if stored == name:
        assert is_plain_object(stored)
    else:
        assert stored.startswith(MAPPED_OBJECTS)
        assert not is_plain_object(stored)
        assert mapped_object(stored, metadata) == name


@given(texts, texts)
def test_two_objects_never_meet(one: str, other: str) -> None:
    assert (object_name(one).name == object_name(other).name) == (one == other)


@pytest.mark.parametrize("name", ["dog.txt", "a/b.txt", "日本 1.png", "100%.txt", "q?a=b&c#d", "ünïcode", "~", "..a"])
def test_a_name_that_azure_takes_stays_itself(name: str) -> None:
    assert object_name(name) == (name, {})


@pytest.mark.parametrize("name", ["photos", "t-1", "a1b2", "x" * 63])
def test_a_container_name_that_azure_takes_stays_itself(name: str) -> None:
    assert container_name(name) == (name, {})


def test_a_mapped_name_is_still_recognised_by_people() -> None:
    assert container_name("My Files").name.startswith("wl-my-files-")
    assert object_name("holiday/😀 beach.jpg").name.startswith("~wl/name/holiday-beach.jpg-")


@pytest.mark.parametrize("metadata", [None, {}, {"wlname": ""}, {"wlname": "."}, {"wlname": ".=x"}, {"wlname": "éé"}])
def test_what_others_made_is_not_taken_for_ours(metadata: dict[str, str] | None) -> None:
    assert container_of("wl-abc", metadata) is None
    assert container_of("$web", metadata) is None
    assert mapped_object("~wl/name/abc", metadata) is None


@given(st.dictionaries(st.just("wlname"), st.text(max_size=60)))
def test_any_metadata_of_others_can_be_read(metadata: dict[str, str]) -> None:
    assert container_of("wl-abc", metadata) is None


@pytest.mark.parametrize("name", ["x" * (LONGEST + 1), "é" * LONGEST])
def test_a_name_that_metadata_has_no_room_for_is_refused(name: str) -> None:
    with pytest.raises(ProviderError, match=rf"has {len(name.encode())} bytes"):
        object_name(name)
    with pytest.raises(ProviderError, match="room for names of 4096"):
        container_name(name)


def test_half_a_surrogate_pair_is_no_name() -> None:
    with pytest.raises(ProviderError, match="surrogate"):
        object_name("a\ud800")


@pytest.mark.parametrize("prefix", ["Lab-", "-lab", "a--", "x" * 21, "a_b", "a\n"])
def test_a_prefix_that_no_container_can_have_is_refused(prefix: str) -> None:
    with pytest.raises(ProviderError, match="can't begin a container's name"):
        open_azure(Address.parse(f"azure://devstoreaccount1@127.0.0.1:1?prefix={quote(prefix)}"))


# --- URLs --------------------------------------------------------------------------------------------

FORMS = {
    "account key": f"azure://lab?account_key={quote(KEY, safe='')}",
    "account key, unescaped": f"azure://lab?account_key={KEY.replace('+', '%2B')}",
    "signature": f"azure://lab?sas={quote(SAS, safe='')}",
    "signature with its question mark": f"azure://lab?sas={quote('?' + SAS, safe='')}",
    "signature in parts": f"azure://lab?{SAS}",
    "connection string": f"azure://?connection_string={quote(CONNECTION, safe='')}",
    "connection string, half escaped": "azure://?connection_string=" + quote(CONNECTION, safe=";/"),
    "connection string with a signature": f"azure://?connection_string={quote(CONNECTION_SAS, safe='')}",
}
SECRETS = [KEY, SIGNATURE, quote(KEY, safe=""), quote(SIGNATURE, safe=""), quote(quote(SIGNATURE, safe=""), safe="")]


def show(*things: object) -> str:
    """All that can be printed of some things."""
    return "\n".join(text for thing in things for text in (str(thing), repr(thing)))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_url_means_the_account_and_never_shows_its_secret(form: str) -> None:
    address = Address.parse(FORMS[form])
    store = open_azure(address)
    try:
        assert store.summary() == "Azure Blob account lab"
        shown = show(address, store, store.summary())
        assert not [secret for secret in SECRETS if secret in shown], shown
    finally:
        store.close()


@pytest.mark.parametrize("text", [CONNECTION, CONNECTION_SAS, CONNECTION + ";", " " + CONNECTION.replace(";", " ; ")])
def test_a_connection_string_means_the_same_as_a_url(text: str) -> None:
    account = parse_connection_string(text)
    assert (account.name, account.endpoint) == ("lab", "https://lab.blob.core.windows.net")
    assert (account.key, account.sas) == ((KEY, None) if "AccountKey" in text else (None, SAS))
    assert KEY not in show(account)
    assert SIGNATURE not in show(account)
    with_store = AzureBlobstore.from_connection_string(text)
    assert with_store.summary() == "Azure Blob account lab"
    with_store.close()


def test_a_connection_string_of_the_emulator_needs_no_key() -> None:
    account = parse_connection_string("UseDevelopmentStorage=true")
    client = BlobServiceClient.from_connection_string("UseDevelopmentStorage=true")
    assert account.endpoint == client.url.rstrip("/")
    assert account.key == client.credential.account_key
    client.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "NAME=VALUE"),
        ("", "AccountName"),
        (f"AccountKey={KEY}", "AccountName"),
        ("AccountName=lab", "neither AccountKey nor SharedAccessSignature"),
        (f"AccountName=lab;AccountKey={KEY[:-1]}!", "not base64"),
        (f"AccountName=lab;BlobEndpoint=ftp://x;AccountKey={KEY}", "no http or https URL"),
        (f"AccountName=lab;SharedAccessSignature={SIGNATURE}", "has no sig"),
    ],
)
def test_a_wrong_connection_string_is_refused_without_repeating_it(text: str, said: str) -> None:
    with pytest.raises(ProviderError, match=said) as caught:
        parse_connection_string(text)
    assert KEY[:-1] not in show(caught.value)
    assert SIGNATURE not in show(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("azure://lab", "has no secret"),
        ("azure://", "names no account"),
        (f"azure://lab:{quote(KEY, safe='')}@host", "not an Azure URL"),
        ("azure://lab/container?account_key=AAAA", "not an Azure URL"),
        ("azure://lab?account_key=A", "not base64"),
        (f"azure://lab?sas={SIGNATURE}", "has no sig"),
        (f"azure://lab?account_key={quote(KEY)}&sas=x", "more than one secret"),
        (f"azure://lab?account_key={quote(KEY)}&sig={quote(SIGNATURE)}", "more than one secret"),
        (f"azure://lab?connection_string={quote(CONNECTION)}", "beside a connection string"),
        ("azure://UPPER_CASE?account_key=AAAA", "3 to 24 letters"),
        ("azure://lab:80?account_key=AAAA", "3 to 24 letters"),
        ("azure://lab@?account_key=AAAA", "no host after the @"),
        ("azure://lab@host?account_key=AAAA&endpoint_suffix=x", "one of the two"),
        ("azure://lab?account_key=AAAA&endpoint_suffix=a/b", "no host name"),
        ("azure://lab?account_key=AAAA&colour=red", "option 'colour'"),
        ("azure://lab?account_key=AAAA&timeout=soon", "not a number of seconds"),
    ],
)
def test_a_wrong_url_is_refused_and_says_what_is_wanted(url: str, said: str) -> None:
    with pytest.raises(ProviderError, match=said) as caught:
        open_blobstore(url)
    shown = show(caught.value, caught.value.__cause__, caught.value.__context__)
    assert not [secret for secret in SECRETS if secret in shown], shown


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("azure://devstoreaccount1@127.0.0.1:10000", "http://127.0.0.1:10000/devstoreaccount1"),
        ("azure://devstoreaccount1@azurite:10000", "http://azurite:10000/devstoreaccount1"),
        ("azure://lab@localhost:1?account_key=AAAA", "http://localhost:1/lab"),
        ("azure://lab@[::1]:1?account_key=AAAA", "http://[::1]:1/lab"),
        ("azure://lab@blobs.example.org?account_key=AAAA", "https://blobs.example.org/lab"),
        ("azure://lab?account_key=AAAA", "https://lab.blob.core.windows.net"),
        (
            "azure://lab?account_key=AAAA&endpoint_suffix=core.chinacloudapi.cn",
            "https://lab.blob.core.chinacloudapi.cn",
        ),
    ],
)
def test_http_is_for_emulators_only(url: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Account] = []
    monkeypatch.setattr(AzureBlobstore, "__init__", lambda self, account, **_: made.append(account))
    open_blobstore(url)
    assert made[0].endpoint == endpoint


@pytest.mark.parametrize(
    ("variable", "value", "url"),
    [
        ("AZURE_STORAGE_KEY", KEY, "azure://lab"),
        ("AZURE_STORAGE_SAS_TOKEN", "?" + SAS, "azure://lab"),
        ("AZURE_STORAGE_CONNECTION_STRING", CONNECTION, "azure://lab"),
        ("AZURE_STORAGE_CONNECTION_STRING", CONNECTION_SAS, "azure://"),
    ],
)
def test_the_secret_may_be_in_the_environment(
    variable: str, value: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    store = open_blobstore(url)
    assert store.summary() == "Azure Blob account lab"
    store.close()


def test_anothers_connection_string_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", CONNECTION)
    with pytest.raises(ProviderError, match="has no secret"):
        open_blobstore("azure://other")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=lab")
    with pytest.raises(ProviderError, match=r"AZURE_STORAGE_CONNECTION_STRING has neither"):
        open_blobstore("azure://")
