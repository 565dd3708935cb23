"""Names in NATS, and what a nats:// URL says."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.nats_corner import ODD
from wasicloud_lab.errors import ProviderError
from wasicloud_lab.providers.address import Address
from wasicloud_lab.providers.blobstore.nats import open_nats as open_blobs
from wasicloud_lab.providers.keyvalue.nats import NatsStore
from wasicloud_lab.providers.keyvalue.nats import open_nats as open_keys
from wasicloud_lab.providers.nats_names import (
    bucket_from_nats,
    bucket_to_nats,
    key_from_nats,
    key_to_nats,
    object_from_nats,
    object_to_nats,
)

NAMES = st.text(max_size=12) | st.text(alphabet="-=_.:a3AF\0", max_size=8) | st.sampled_from(ODD)


@given(NAMES, NAMES)
@settings(deadline=None)
def test_names_come_back_and_no_two_are_one(first: str, second: str) -> None:
    for there, back in [
        (key_to_nats, key_from_nats),
        (lambda name: object_to_nats(name)[1], object_from_nats),
    ]:
        assert back(there(first)) == first
        assert (there(first) == there(second)) == (first == second)
    assert bucket_from_nats(*bucket_to_nats(first)) == first
    assert (bucket_to_nats(first)[0] == bucket_to_nats(second)[0]) == (first == second)


@pytest.mark.parametrize("plain", ["animal", "a-b_C9", "my--bucket"])
def test_a_plain_name_stays_as_it_is(plain: str) -> None:
    assert bucket_to_nats(plain) == (plain, None)
    assert key_to_nats(f"{plain}/a.b=c") == f"{plain}/a.b=c"


def test_a_url_says_all_there_is_to_say() -> None:
    with closing(open_keys(Address.parse("nats://[::1]:1?timeout=1"))) as store:
        assert store.summary() == "NATS at [::1]:1, key-value"
    with closing(open_blobs(Address.parse("nats://user:secret@example.org"))) as blobs:
        assert repr(blobs) == "<NATS at example.org:4222, object stores>"
    for wrong in ("nats://h?x=1", "nats://h?timeout=0", "nats://h/bucket", "nats://h?prefix=a.b", "redis://h"):
        with pytest.raises(ProviderError):
            NatsStore(wrong)
