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
from .nats import MESSAGE_NOT_FOUND, STREAM_NOT_FOUND, Session
from .nats_names import bucket_from_nats, bucket_is_hash
from .nats_work import Turn, in_slices
from .page import Page, after, ordered_page

#: How long a server keeps a consumer that nobody pulls from, in seconds; one idle for half of it is made anew.
_CONSUMER_LIFE = 300.0

#: How long a server looks for the messages of a pull, in seconds.
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
    if "Nats-Sequence" not in headers:
        if headers.get("Status") == "404":
            return None
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
    """Whether a stream that was there is there no more."""
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
            # Asked for what follows, a server that has begun to shut down, and left out streams, answers no more so.
            await session.api("STREAM.NAMES", {"offset": offset})
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


async def next_place(session: Session, stream: str, subject: str, start: int) -> int | None:
    """The place of the first message at `start` or later whose subject fits; None if there is none.

    Raises:
        StreamGone: there is no such stream.
    """
    which = {"seq": start, "next_by_subj": subject}
    answer = await session.api(f"STREAM.MSG.GET.{stream}", which, {MESSAGE_NOT_FOUND, STREAM_NOT_FOUND})
    if "error" not in answer:
        return int(answer["message"]["seq"])
    if answer["error"]["err_code"] == STREAM_NOT_FOUND:
        raise StreamGone
    return None


class Consumer:
    """Messages of a stream from a place on, pulled a batch at a time.

    The server keeps something for it, which goes with the connection or after a while: then it is made anew.

    Attributes:
        place: where the next message is looked for.
        pending: how many there were from there on when the server was last asked, as it counts: it counts too many
            where some were removed meanwhile.
    """

    def __init__(self, session: Session, stream: str, subject: str, start: int, headers_only: bool = False) -> None:
        self.place = max(1, start)
        self.pending = 0
        self._session = session
        self._stream = stream
        self._subject = subject
        self._headers_only = headers_only
        self._name = ""
        self._epoch = 0
        self._used = 0.0

    async def open(self) -> bool:
        """Makes what the server keeps, unless it is there; answers whether it was made.

        Raises:
            StreamGone: there is no such stream.
        """
        idle = asyncio.get_running_loop().time() - self._used
        # One that is gone does not answer.
        if self._name and self._epoch == self._session.epoch and idle < _CONSUMER_LIFE / 2:
            return False
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self.place,
            "filter_subject": self._subject,
            "ack_policy": "none",
            "replay_policy": "instant",
            "headers_only": self._headers_only,
            "inactive_threshold": int(_CONSUMER_LIFE * _NANO),
            "mem_storage": True,
            "num_replicas": 1,
        }
        made = await self._session.api(
            f"CONSUMER.CREATE.{self._stream}", {"stream_name": self._stream, "config": config}, {STREAM_NOT_FOUND}
        )
        if "error" in made:
            raise StreamGone
        self._name, self.pending = made["name"], made["num_pending"]
        self._epoch, self._used = self._session.epoch, asyncio.get_running_loop().time()
        return True

    async def pull(self, batch: int) -> list[Msg]:
        """At most so many messages; fewer when there are no more now, or when they come slowly.

        Raises:
            StreamGone: there is no such stream.
        """
        await self.open()
        client = await self._session.client()
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        messages: list[Msg] = []

        async def take(message: Msg) -> None:
            if done.done():
                return
            if not message.reply:  # not of the stream: a word of the server's
                done.set_result((message.headers or {}).get("Status") in ("404", "408"))
                return
            messages.append(message)
            if len(messages) == batch:
                done.set_result(True)

        inbox = client.new_inbox()
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        # "No wait", and yet with a time: the answer ends where the messages do, and where the server counts messages
        # that were removed, it ends then.
        wanted = json.dumps({"batch": batch, "expires": int(PULL_WAIT * _NANO), "no_wait": True}).encode()
        with self._session.under_way(subject):
            subscription = await client.subscribe(inbox, cb=take)
            try:
                await client.publish(subject, wanted, reply=inbox)
                seen = -1
                # A busy server that finds its time up with a message in hand says nothing (2.9 does so).
                while not done.done() and len(messages) > seen:
                    seen = len(messages)
                    await asyncio.wait([done], timeout=min(2 * PULL_WAIT, self._session.login.timeout))
            finally:
                with suppress(Error):
                    await subscription.unsubscribe()
        if messages:
            self.place = sequence(messages[-1]) + 1
        self._used = asyncio.get_running_loop().time()
        if not done.done() or not done.result():
            await self.close()  # what was on its way is lost, and the server would not send it again
        return messages

    async def close(self) -> None:
        """Lets go of what the server keeps."""
        name, self._name = self._name, ""
        if not name or self._epoch != self._session.epoch:
            return
        await self._session.tell(f"$JS.API.CONSUMER.DELETE.{self._stream}.{name}")


async def every_message(
    session: Session, stream: str, subject: str, start: int, last: int, headers_only: bool
) -> AsyncIterator[Msg]:
    """All messages of a subject between two places in the stream, both included, in their order.

    Raises:
        StreamGone: there is no such stream.
    """
    consumer = Consumer(session, stream, subject, start, headers_only)
    clock = asyncio.get_running_loop().time
    try:
        await consumer.open()
        patience = clock() + session.login.timeout
        # A pull where the server counts none would wait for nothing.
        come = consumer.pending > 0
        while consumer.place <= last:
            messages = await consumer.pull(_NAMES_AT_A_TIME) if come else []
            for message in messages:
                if sequence(message) > last:
                    return
                yield message
            if messages:
                patience = clock() + session.login.timeout
            if len(messages) < _NAMES_AT_A_TIME:
                # Were these all, or is the server slow? Its counts don't say, and its silence neither.
                following = await next_place(session, stream, subject, consumer.place)
                if following is None or following > last:
                    return
                if clock() > patience:
                    raise session.late()
            come = True
    finally:
        await consumer.close()


def sequence(message: Msg) -> int:
    """The place of a pulled message in its stream, as its reply subject says.

    That is `$JS.ACK.stream.consumer.delivered.seq.consumer-seq.time.pending`, and from newer servers
    `$JS.ACK.domain.account.stream.consumer.delivered.seq.consumer-seq.time.pending.token`.
    """
    parts = message.reply.split(".")
    return int(parts[5] if len(parts) == 9 else parts[7])


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
        self._marked: set[str] = set()
        self._turn = Turn()

    async def subjects(self, session: Session, stream: str) -> list[str]:
        """In no order.

        Raises:
            StreamGone: there is no such stream.
        """
        async with self._turn.taken():
            info = await self._ask(session, stream, 0)
            found = list(info["state"].get("subjects") or {})
            more = len(found)
            while more and len(found) < info.get("total", 0):
                page = await self._ask(session, stream, len(found))
                more = len(page["state"].get("subjects") or {})
                found += page["state"].get("subjects") or {}
            await self._learn(session, stream, info["created"], info["state"]["last_seq"])
            if not self._marked:
                return found
            # A marker that was taken away is forgotten. None here came after the subjects were asked for.
            self._marked.intersection_update(found)
            return [subject for subject in found if subject not in self._marked]

    async def _ask(self, session: Session, stream: str, offset: int) -> dict[str, Any]:
        info = await stream_info(session, stream, subjects_filter=self._pattern, offset=offset)
        if info is None:
            raise StreamGone
        return info

    async def _learn(self, session: Session, stream: str, created: str, last: int) -> None:
        if created != self._created or last < self._seen:
            self._created, self._seen = created, 0
            self._marked.clear()
        if last == self._seen:
            return
        # Not beyond that place: a later marker's subject may not be among those asked for, and the marker would be
        # forgotten as one that was taken away.
        async for message in every_message(session, stream, self._pattern, self._seen + 1, last, self._headers_only):
            if self._is_marker(message):
                self._marked.add(message.subject)
            else:
                self._marked.discard(message.subject)
        self._seen = last
