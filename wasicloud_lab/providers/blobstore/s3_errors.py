"""What an S3 server says, or does not say, in the words of the lab's errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore import exceptions

from ...errors import Denied, NotFound, ProviderError, Unavailable
from ..address import masked

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_SAID = re.compile(r"<Message>([^<]*)</Message>")
_METADATA = re.compile(r"169\.254\.169\.254|instance credential|instance metadata", re.I)
_SILENCE = re.compile(r"error sending request|error decoding response body|timed? ?out|connect|incomplete", re.I)


class RangePastEnd(Exception):
    """A range starts at or past an object's end."""


@contextmanager
def plainly(summary: str, make_bucket: str, what: str) -> Iterator[None]:
    """Raises what obstore raises as a `ProviderError`, without the request that it quotes.

    Args:
        summary: the provider's.
        make_bucket: the command that makes the bucket.
        what: the thing that it is about: "object 'a' …".
    """
    try:
        yield
    except UnicodeEncodeError:
        raise ProviderError(f"the name of the {what} is no text: it holds half of a surrogate pair") from None
    except (exceptions.BaseError, OSError, ValueError) as error:
        raise _translated(error, summary, make_bucket, what) from None


def _translated(error: Exception, summary: str, make_bucket: str, what: str) -> Exception:
    text = str(error)
    head = text.partition("\n\nDebug source")[0]
    status = match[1] if (match := _STATUS.search(head)) else ""
    code = match[1] if (match := _CODE.search(head)) else ""
    said = f" ({match[1].strip().rstrip('.')})" if (match := _SAID.search(head)) else ""
    if code == "NoSuchBucket":
        return NotFound(f"{summary}: there is no such bucket; make it with: {make_bucket}")
    if status == "416":
        return RangePastEnd()
    if isinstance(error, FileNotFoundError):
        return NotFound(f"there is no {what} in {summary}")
    if status in ("401", "403") or isinstance(
        error, (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
    ):
        return Denied(f"{summary} does not let these credentials at the {what}{said}; check the access and secret key")
    if _METADATA.search(text):
        return Denied(
            f"{summary}: there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or give access_key and secret_key in the URL"
        )
    if status.startswith("5") or status == "429":
        return Unavailable(f"{summary} can't answer at the moment (status {status}{said})")
    if not status and _SILENCE.search(text):
        reason = "connection refused" if "refused" in text else "not in time" if "imed" in text else "connection lost"
        return Unavailable(f"{summary} does not answer ({reason}); is it running, and is the endpoint right?")
    return ProviderError(f"{summary}, {what}: {masked(code + said if code else head.splitlines()[0])}")
