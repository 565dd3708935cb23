"""What JetStream's streams are asked for by both NATS providers: a last message, a listing, a run of messages."""

from __future__ import annotations

import asyncio
import base64
import json
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from nats.aio.msg import Msg
from nats.errors import Error

from ..errors import ProviderError, Unavailable
from .keyvalue.base import after, ordered_page
from .nats import LAST_WORDS, MESSAGE_NOT_FOUND, STREAM_NOT_FOUND, Session, in_slices
from .nats_names import bucket_from_nats, bucket_is_hash
from .page import Page

#: How long a server keeps a consumer that nobody pulls from, in seconds; one idle for half of it is made anew.
CONSUMER_LIFE = 300.0

#: How long a pull waits for messages that may have gone, in seconds.
PULL_WAIT = 0.5

#: Messages asked for at a time where only names matter.
_NAMES_AT_A_TIME = 500

_NANO = 10**9


class Message(NamedTuple):
    """A message as it is in its stream.

    Attributes:
        subject: what it is stored under.
        data: its bytes.
        headers: as they were published, by name.
        seq: its place in the stream: the revision of a key.
        time: when it was stored, as RFC 3339 text.
    """

    subject: str
    data: bytes
    headers: dict[str, str]
    seq: int
    time: str


class StreamGone(Exception):
    """The stream that a message was asked of does not exist."""


async def last_message(session: Session, stream: str, subject: str, direct: bool) -> Message | None:
    """The last message of a subject, None if it has none.

    Args:
        direct: whether the stream allows the short way, which sends the bytes as they are.

    Raises:
        StreamGone: there is no such stream.
    """
    return await _message(session, stream, f".{subject}" if direct else {"last_by_subj": subject}, direct)


async def message_at(session: Session, stream: str, seq: int, direct: bool) -> Message | None:
    """The message at one place in the stream; as `last_message`."""
    return await _message(session, stream, {"seq": seq}, direct)


async def _message(session: Session, stream: str, which: str | dict[str, Any], direct: bool) -> Message | None:
    if not direct:
        answer = await session.api(
            f"STREAM.MSG.GET.{stream}",
            which if isinstance(which, dict) else None,
            {MESSAGE_NOT_FOUND, STREAM_NOT_FOUND},
        )
        if "error" in answer:
            if answer["error"]["err_code"] == STREAM_NOT_FOUND:
                raise StreamGone
            return None
        found = answer["message"]
        headers = _headers(base64.b64decode(found.get("hdrs", "")))
        data = base64.b64decode(found.get("data", ""))
        return Message(found["subject"], data, headers, found["seq"], found["time"])
    tail, body = (which, b"") if isinstance(which, str) else ("", json.dumps(which).encode())
    subject = f"$JS.API.DIRECT.GET.{stream}{tail}"
    patience = min(1.0, session.login.timeout / 2)
    reply = None
    with suppress(Unavailable):
        reply = await session.request(subject, body, timeout=patience)
    if reply is None:
        # Of a stream that is gone nobody answers: see whether it is, then wait for the rest of the time.
        if await is_gone(session, stream):
            raise StreamGone
        reply = await session.request(subject, body)
    if reply is None:
        raise session.late()
    headers = reply.headers or {}
    if headers.get("Status") == "404":
        return None
    if "Nats-Sequence" not in headers:
        raise ProviderError(f"{session} could not send the message: {headers.get('Description', 'no reason given')}")
    return Message(
        headers["Nats-Subject"], reply.data, headers, int(headers["Nats-Sequence"]), headers["Nats-Time-Stamp"]
    )


def _headers(block: bytes) -> dict[str, str]:
    lines = (line.decode(errors="replace").partition(":") for line in block.split(b"\r\n")[1:] if line)
    return {name.strip(): value.strip() for name, _, value in lines}


async def stream_info(session: Session, stream: str, **options: Any) -> dict[str, Any] | None:
    """A stream's configuration and state, None if there is no such stream."""
    info = await session.api(f"STREAM.INFO.{stream}", options, {STREAM_NOT_FOUND})
    return None if "error" in info else info


def page_after(names: list[str], cursor: str | None, limit: int) -> Page[str]:
    """A page of sorted names, those after an `after:` cursor."""
    start = after(cursor)
    at = 0 if start is None else bisect_right(names, start)
    return ordered_page(names[at : at + limit + 1], limit)


async def is_gone(session: Session, stream: str) -> bool:
    """Whether a stream that was there is there no more, and not only its server about to be."""
    if await stream_info(session, stream) is not None:
        return False
    await asyncio.sleep(LAST_WORDS)
    return await stream_info(session, stream) is None


async def stream_names(session: Session, prefix: str) -> list[str]:
    """The names of all streams that begin with a prefix."""
    names: list[str] = []
    offset = 0
    while True:
        answer = await session.api("STREAM.NAMES", {"offset": offset} if offset else None)
        page = answer.get("streams") or []
        names += [name for name in page if name.startswith(prefix)]
        offset += len(page)
        if not page or offset >= answer["total"]:
            return names


async def bucket_names(session: Session, beginning: str) -> list[str]:
    """The buckets behind the streams that begin so, sorted; streams that no name of a bucket leads to are left out."""

    async def name(stream: str) -> str | None:
        inner = stream[len(beginning) :]
        if not bucket_is_hash(inner):
            return bucket_from_nats(inner)
        info = await stream_info(session, stream)
        return None if info is None else bucket_from_nats(inner, info["config"].get("description"))

    names = await in_slices(name(stream) for stream in await stream_names(session, beginning))
    return sorted(name for name in names if name is not None)


class Consumer:
    """Messages of a stream from a place on, pulled a batch at a time.

    Attributes:
        pending: how many there were when it was made.
    """

    def __init__(self, session: Session, stream: str, name: str, pending: int) -> None:
        self._session = session
        self._stream = stream
        self._name = name
        self.pending = pending

    @classmethod
    async def make(
        cls, session: Session, stream: str, subject: str, start: int, headers_only: bool = False
    ) -> Consumer:
        """
        Raises:
            StreamGone: there is no such stream.
        """
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": max(1, start),
            "filter_subject": subject,
            "ack_policy": "none",
            "replay_policy": "instant",
            "headers_only": headers_only,
            "inactive_threshold": int(CONSUMER_LIFE * _NANO),
            "mem_storage": True,
            "num_replicas": 1,
        }
        made = await session.api(
            f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config}, {STREAM_NOT_FOUND}
        )
        if "error" in made:
            raise StreamGone
        return cls(session, stream, made["name"], made["num_pending"])

    async def pull(self, batch: int) -> list[Msg]:
        """At most so many messages; fewer when there are no more now, or none came for a while."""
        client = await self._session.client()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        messages: list[Msg] = []

        async def take(message: Msg) -> None:
            if not message.data and message.headers and "Status" in message.headers:
                last = True
            else:
                messages.append(message)
                last = len(messages) == batch or not _pending(message)
            if last and not done.done():
                done.set_result(None)

        inbox = client.new_inbox()
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        # Not "no wait": of messages that were purged since, the server still thinks that they come, and would wait on.
        wanted = json.dumps({"batch": batch, "expires": int(PULL_WAIT * _NANO)}).encode()
        with self._session.under_way(subject):
            subscription = await client.subscribe(inbox, cb=take)
            try:
                await client.publish(subject, wanted, reply=inbox)
                await asyncio.wait_for(done, self._session.login.timeout)
            finally:
                with suppress(Error):
                    await subscription.unsubscribe()
        return messages

    async def delete(self) -> None:
        """Lets go of it; one that is gone is no error."""
        await self._session.request(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}")


async def every_message(
    session: Session, stream: str, subject: str, start: int, headers_only: bool
) -> AsyncIterator[Msg]:
    """All messages of a subject from a place in the stream on, in their order.

    Raises:
        StreamGone: there is no such stream.
    """
    fruitless = 0
    while True:
        consumer = await Consumer.make(session, stream, subject, start, headers_only)
        try:
            left = consumer.pending
            while left > 0:
                messages = await consumer.pull(min(left, _NAMES_AT_A_TIME))
                if not messages:
                    break
                for message in messages:
                    yield message
                start = sequence(messages[-1]) + 1
                fruitless = 0
                left = min(left - len(messages), _pending(messages[-1]))
        finally:
            await consumer.delete()
        if left <= 0:
            return
        # Those that were to come are gone, or the server is slow: a new consumer knows.
        fruitless += 1
        if fruitless * PULL_WAIT >= session.login.timeout:
            raise session.late()


def sequence(message: Msg) -> int:
    """The place of a pulled message in its stream, which its reply subject says."""
    parts = message.reply.split(".")
    return int(parts[5] if len(parts) == 9 else parts[7])


def _pending(message: Msg) -> int:
    """How many messages follow a pulled one, as its reply subject says.

    That is `$JS.ACK.stream.consumer.delivered.seq.consumer-seq.time.pending`, and from newer servers
    `$JS.ACK.domain.account.stream.consumer.delivered.seq.consumer-seq.time.pending.token`.
    """
    parts = message.reply.split(".")
    return int(parts[8] if len(parts) == 9 else parts[10])


class Listing:
    """The subjects of a stream that something is stored under.

    A stream names its subjects quickly, but among them are those whose last message says "deleted": the `nats`
    program leaves such a marker at each delete. Which these are is learnt from the messages that are new since the
    last listing; only the markers are remembered.

    Args:
        pattern: the subjects, as a filter with a wildcard.
        is_marker: whether a message says that its subject was deleted.
        headers_only: whether `is_marker` looks at headers only.
    """

    def __init__(self, pattern: str, is_marker: Callable[[Msg], bool], headers_only: bool) -> None:
        self._pattern = pattern
        self._is_marker = is_marker
        self._headers_only = headers_only
        self._created = ""
        self._seen = 0
        self._marked: dict[str, int] = {}
        self._lock = asyncio.Lock()

    async def subjects(self, session: Session, stream: str) -> list[str]:
        """In no order.

        Raises:
            StreamGone: there is no such stream.
        """
        async with self._lock:
            found: list[str] = []
            offset = 0
            while True:
                info = await stream_info(session, stream, subjects_filter=self._pattern, offset=offset)
                if info is None:
                    raise StreamGone
                page = info["state"].get("subjects") or {}
                found += page
                offset += len(page)
                if not page or offset >= info.get("total", 0):
                    break
            await self._learn(session, stream, info["created"], info["state"]["last_seq"])
            if not self._marked:
                return found
            # A marker that was taken away is forgotten, but not one that came after the subjects were asked for.
            there, last = set(found), info["state"]["last_seq"]
            self._marked = {name: seq for name, seq in self._marked.items() if name in there or seq > last}
            return [subject for subject in found if subject not in self._marked]

    async def _learn(self, session: Session, stream: str, created: str, last: int) -> None:
        if created != self._created or last < self._seen:
            self._created, self._seen = created, 0
            self._marked.clear()
        if last == self._seen:
            return
        async for message in every_message(session, stream, self._pattern, self._seen + 1, self._headers_only):
            seq = sequence(message)
            if self._is_marker(message):
                self._marked[message.subject] = seq
            else:
                self._marked.pop(message.subject, None)
            last = max(last, seq)
        self._seen = last
