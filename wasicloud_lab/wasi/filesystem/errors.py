"""The error codes of wasi:filesystem, and what the operating system's errors are called there."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ...errors import Err
from ..io import stream_failed

_P = ParamSpec("_P")
_T = TypeVar("_T")

#: Every case of the enum `error-code`, with the errors that become it.
CODES = {
    "access": "EACCES",
    "would-block": "EAGAIN EWOULDBLOCK",
    "already": "EALREADY",
    "bad-descriptor": "EBADF",
    "busy": "EBUSY",
    "deadlock": "EDEADLK EDEADLOCK",
    "quota": "EDQUOT",
    "exist": "EEXIST",
    "file-too-large": "EFBIG",
    "illegal-byte-sequence": "EILSEQ",
    "in-progress": "EINPROGRESS",
    "interrupted": "EINTR",
    "invalid": "EINVAL",
    "io": "EIO",
    "is-directory": "EISDIR",
    "loop": "ELOOP",
    "too-many-links": "EMLINK",
    "message-size": "EMSGSIZE",
    "name-too-long": "ENAMETOOLONG",
    "no-device": "ENODEV",
    "no-entry": "ENOENT",
    "no-lock": "ENOLCK",
    "insufficient-memory": "ENOMEM ENOBUFS EMFILE ENFILE",
    "insufficient-space": "ENOSPC",
    "not-directory": "ENOTDIR",
    "not-empty": "ENOTEMPTY",
    "not-recoverable": "ENOTRECOVERABLE",
    "unsupported": "ENOTSUP EOPNOTSUPP ENOSYS",
    "no-tty": "ENOTTY",
    "no-such-device": "ENXIO",
    "overflow": "EOVERFLOW",
    "not-permitted": "EPERM",
    "pipe": "EPIPE",
    "read-only": "EROFS",
    "invalid-seek": "ESPIPE",
    "text-file-busy": "ETXTBSY",
    "cross-device": "EXDEV",
}
_BY_ERRNO = {
    getattr(errno, name): code for code, names in CODES.items() for name in names.split() if hasattr(errno, name)
}
#: Windows errors that Python lumps together under one errno.
_BY_WINERROR = {
    17: "cross-device",
    32: "busy",
    33: "busy",
    123: "no-entry",
    267: "not-directory",
    681: "loop",
    1314: "not-permitted",
}


def error_code(error: OSError) -> str:
    """The case of `error-code` for an error of the operating system."""
    code = _BY_WINERROR.get(getattr(error, "winerror", None) or 0)
    return code or _BY_ERRNO.get(error.errno or 0, "io")


def failure(code: str) -> Err:
    """What a function raises to answer with an error code."""
    return Err(code)


def answers(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Makes a function answer with an `error-code` where it meets an error of the operating system."""

    @functools.wraps(function)
    def answering(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            raise failure(error_code(error)) from None
        except OverflowError:  # an offset, size or time that this system has no number for
            raise failure("overflow") from None

    return answering


def stream_error(error: OSError | OverflowError) -> Err:
    """The `stream-error` for an error of the operating system; `filesystem-error-code` finds the code in it."""
    code = error_code(error) if isinstance(error, OSError) else "overflow"
    return stream_failed(f"{code}: {getattr(error, 'strerror', None) or error}", FilesystemError(code))


class FilesystemError(str):
    """An `error-code` as the payload of a stream's error."""
