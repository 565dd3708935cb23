"""wasi:cli 0.2: environment, arguments, exit and the standard streams.

A guest gets what it is given here and nothing of this process: no variable, no argument, no terminal.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from ..errors import GuestExit
from ..host.interface import interface
from ..host.state import current
from ..host.values import Ok
from .io import WRITE_LIMIT, InputStream, OutputStream, stream_closed, stream_failed

#: Bytes of standard error that are kept for error messages, the last ones.
STDERR_LIMIT = 64 * 1024

#: Where output goes: nowhere, to a function of bytes, or to a binary file.
Target = Callable[[bytes], Any] | BinaryIO | None


@interface("wasi:cli/environment@0.2.0")
class Environment:
    """The interface wasi:cli/environment.

    Args:
        variables: the environment variables.
        arguments: the command line, the program's name first.
        cwd: the folder, in the guest's own terms, that relative paths start from.
    """

    def __init__(
        self, variables: Mapping[str, str] | None = None, arguments: Sequence[str] = (), cwd: str | None = None
    ) -> None:
        self.variables = dict(variables or {})
        self.arguments = list(arguments)
        self.cwd = cwd

    def get_environment(self) -> list[tuple[str, str]]:
        return list(self.variables.items())

    def get_arguments(self) -> list[str]:
        return self.arguments

    def initial_cwd(self) -> str | None:
        return self.cwd


@interface("wasi:cli/exit@0.2.0")
class Exit:
    """The interface wasi:cli/exit: ends the call with a `GuestExit`."""

    def exit(self, status: Any) -> None:
        self.exit_with_code(0 if isinstance(status, Ok) else 1)

    def exit_with_code(self, status_code: int) -> None:
        raise GuestExit(f"the guest called exit({status_code})", code=status_code)


class FileSource:
    """A binary file as the source of an input stream. A file that blocks, blocks the guest."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def readable(self) -> bool:
        return True

    def read(self, limit: int) -> bytes:
        if not limit:
            return b""
        try:
            read = getattr(self.file, "read1", self.file.read)  # what is there, rather than all of `limit`
            data: bytes | None = read(limit)
        except (OSError, ValueError) as error:  # ValueError: the file is closed
            raise stream_failed(f"standard input can't be read: {error}") from None
        if not data:
            raise stream_closed()
        return data


class TargetSink:
    """The sink behind standard output and error.

    Args:
        target: see `Target`.
        kept: also append to `current().stderr`.
    """

    def __init__(self, target: Target, kept: bool) -> None:
        self.kept = kept
        self._write: Callable[[bytes], Any] | None = target if callable(target) else getattr(target, "write", None)
        self._flush: Callable[[], Any] | None = getattr(target, "flush", None)

    def room(self) -> int:
        return WRITE_LIMIT

    def write(self, data: bytes) -> None:
        if self.kept:
            tail = current().stderr
            tail += data
            if len(tail) > STDERR_LIMIT:
                del tail[:-STDERR_LIMIT]
        if self._write is not None:
            try:
                self._write(data)
            except (OSError, ValueError) as error:
                raise stream_failed(f"what the guest wrote could not be passed on: {error}") from None

    def flush(self) -> None:
        if self._flush is not None:
            try:
                self._flush()
            except (OSError, ValueError) as error:
                raise stream_failed(f"what the guest wrote could not be passed on: {error}") from None

    def flushed(self) -> bool:
        return True


@interface("wasi:cli/stdin@0.2.0", "wasi:cli/stdout@0.2.0", "wasi:cli/stderr@0.2.0")
class StandardStreams:
    """The interfaces wasi:cli/stdin, stdout and stderr.

    Args:
        stdin: bytes or a binary file, read once for all instances; nothing unless given.
        stdout: a binary file or a function of bytes; nowhere unless given.
        stderr: likewise. The last of it is also kept for the errors that a call may end with.
    """

    def __init__(self, stdin: bytes | BinaryIO = b"", stdout: Target = None, stderr: Target = None) -> None:
        self.stdin = io.BytesIO(stdin) if isinstance(stdin, (bytes, bytearray)) else stdin
        self.stdout = stdout
        self.stderr = stderr

    def get_stdin(self) -> InputStream:
        return InputStream(FileSource(self.stdin))

    def get_stdout(self) -> OutputStream:
        return OutputStream(TargetSink(self.stdout, kept=False))

    def get_stderr(self) -> OutputStream:
        return OutputStream(TargetSink(self.stderr, kept=True))


@interface(
    "wasi:cli/terminal-input@0.2.0",
    "wasi:cli/terminal-output@0.2.0",
    "wasi:cli/terminal-stdin@0.2.0",
    "wasi:cli/terminal-stdout@0.2.0",
    "wasi:cli/terminal-stderr@0.2.0",
)
class Terminals:
    """The interfaces wasi:cli/terminal-*: no stream of a guest is a terminal."""

    class TerminalInput:
        """Never made: there is no terminal."""

    class TerminalOutput:
        """Never made: there is no terminal."""

    def get_terminal_stdin(self) -> TerminalInput | None:
        return None

    def get_terminal_stdout(self) -> TerminalOutput | None:
        return None

    def get_terminal_stderr(self) -> TerminalOutput | None:
        return None
