"""`sqlite:///file`: buckets in one file, which survives a restart and may be used by several processes at once.

A row for each key: table `entries`, columns `bucket` and `key` (text) and `value` (blob). SQLite compares text byte
by byte, which for UTF-8 is the order of the code points. The file is marked with our application id, and a
database without that mark is left as it is.

Journal: WAL, so that readers never wait for a writer; of a power cut the last moments may be lost, of a crash nothing.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ...errors import Denied, ProviderError, TooLarge, Unavailable
from ..address import Address, seconds
from ..page import PAGE, Page, after, ordered_page
from .base import KeyValueProvider, add_to_counter

#: Marks a database as ours: "wlkv" as a number, in the header field that SQLite has for this.
APPLICATION_ID = int.from_bytes(b"wlkv", "big")
#: Of the table's shape, in the header field `user_version`.
VERSION = 1
#: Connections open at a time. Reads are short, and there is one writer at a time anyway.
CONNECTIONS = 8
#: Keys asked for in one statement; SQLite's own limit was 999 variables for long.
BATCH = 500

_TABLE = """CREATE TABLE entries (
    bucket TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (bucket, key)
)"""
# Not WITHOUT ROWID: this way a listing walks an index of names, and not through the values.
_GET = "SELECT value FROM entries WHERE bucket = ? AND key = ?"
_SET = (
    "INSERT INTO entries (bucket, key, value) VALUES (?, ?, ?) "
    "ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value"
)
_DELETE = "DELETE FROM entries WHERE bucket = ? AND key = ?"
# From each bucket straight to the next: SELECT DISTINCT would pass by every key.
_BUCKETS = """WITH RECURSIVE found (name) AS (
    SELECT min(bucket) FROM entries {where}
    UNION ALL
    SELECT (SELECT min(bucket) FROM entries WHERE bucket > name) FROM found WHERE name IS NOT NULL
) SELECT name FROM found WHERE name IS NOT NULL LIMIT ?"""


class SqliteStore(KeyValueProvider):
    """A key-value store in one SQLite file, made when it is not there.

        store = SqliteStore("pets.db")
        store.set("pets", "ricochet", b"dog")

    Args:
        path: the file; its folder must exist.
        timeout: seconds that an operation waits while another process writes.

    Raises:
        ProviderError: the path can't be one of a database file.
    """

    value_limit = 999_000_000  # SQLite's limit is 10^9 bytes for a row, names and all

    def __init__(self, path: str | os.PathLike[str], timeout: float = 5.0) -> None:
        self._shown = os.fspath(path)
        if self._shown in ("", ":memory:"):
            raise ProviderError("SQLite wants a file's name here; for a store in memory, take memory://")
        if "\0" in self._shown:
            raise ProviderError(f"{self._shown!r} is no file name: it has a NUL character in it")
        if not 0 < timeout < float("inf"):
            raise ProviderError(f"timeout={timeout} is not a number of seconds above 0")
        self._path = os.path.abspath(self._shown)  # the file stays the same when the process changes its folder
        self._timeout = timeout
        self._idle: list[sqlite3.Connection] = []
        self._open = 0
        self._file: tuple[int, int] | None = None
        self._closed = False
        self._turn = threading.Condition()
        # Threads of this process queue here, without polling; SQLite's own waiting is for other processes.
        self._writer = threading.Lock()
        self._check_path()

    # --- reading -----------------------------------------------------------------------------------------

    def get(self, bucket: str, key: str) -> bytes | None:
        with self._connection() as connection:
            for (value,) in connection.execute(_GET, (bucket, key)).fetchall():
                found: bytes = value
                return found
        return None

    def exists(self, bucket: str, key: str) -> bool:
        with self._connection() as connection:
            return bool(
                connection.execute("SELECT 1 FROM entries WHERE bucket = ? AND key = ?", (bucket, key)).fetchall()
            )

    def get_many(self, bucket: str, keys: Sequence[str]) -> list[bytes | None]:
        found: dict[str, bytes] = {}
        with self._connection() as connection:
            for at in range(0, len(keys), BATCH):
                some = keys[at : at + BATCH]
                marks = ", ".join("?" * len(some))
                sql = f"SELECT key, value FROM entries WHERE bucket = ? AND key IN ({marks})"
                found.update(connection.execute(sql, (bucket, *some)).fetchall())
        return [found.get(key) for key in keys]

    def keys(self, bucket: str, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        start, limit = after(cursor), max(limit, 1)
        # Also the empty name is one: the first page begins at it, the others after a name.
        sql = (
            f"SELECT key FROM entries WHERE bucket = ? AND key {'>=' if start is None else '>'} ? ORDER BY key LIMIT ?"
        )
        with self._connection() as connection:
            names = [name for (name,) in connection.execute(sql, (bucket, start or "", limit + 1)).fetchall()]
        return ordered_page(names, limit)

    def buckets(self, cursor: str | None = None, limit: int = PAGE) -> Page[str]:
        start, limit = after(cursor), max(limit, 1)
        sql = _BUCKETS.format(where=f"WHERE bucket {'>=' if start is None else '>'} ?")
        with self._connection() as connection:
            names = [name for (name,) in connection.execute(sql, (start or "", limit + 1)).fetchall()]
        return ordered_page(names, limit)

    # --- writing -----------------------------------------------------------------------------------------

    def set(self, bucket: str, key: str, value: bytes) -> None:
        row = (bucket, key, self._storable(value))
        with self._writing() as connection:
            connection.execute(_SET, row)

    def delete(self, bucket: str, key: str) -> None:
        with self._writing() as connection:
            connection.execute(_DELETE, (bucket, key))

    def increment(self, bucket: str, key: str, delta: int = 1) -> int:
        with self._writing() as connection, _transaction(connection):
            rows = connection.execute(_GET, (bucket, key)).fetchall()
            total = add_to_counter(rows[0][0] if rows else None, delta)
            connection.execute(_SET, (bucket, key, str(total).encode()))
            return total

    def compare_and_swap(self, bucket: str, key: str, expected: bytes | None, value: bytes) -> bool:
        row = (bucket, key, self._storable(value))
        with self._writing() as connection, _transaction(connection):
            rows = connection.execute(_GET, (bucket, key)).fetchall()
            if (rows[0][0] if rows else None) != expected:
                return False
            connection.execute(_SET, row)
            return True

    def set_many(self, bucket: str, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Stores several values, all of them or none."""
        rows = [(bucket, key, self._storable(value)) for key, value in pairs]
        with self._writing() as connection, _transaction(connection):
            connection.executemany(_SET, rows)

    def delete_many(self, bucket: str, keys: Sequence[str]) -> None:
        """Removes several keys, all of them or none."""
        with self._writing() as connection, _transaction(connection):
            connection.executemany(_DELETE, [(bucket, key) for key in keys])

    def _storable(self, value: bytes) -> bytes:
        """The value as SQLite shall have it: a text would come back as one."""
        size = memoryview(value).nbytes
        if size > self.value_limit:
            raise TooLarge(f"{self.summary()} can't hold a value of {size:,} bytes; at most {self.value_limit:,}")
        return bytes(value)

    # --- about the store itself ------------------------------------------------------------------------

    def ping(self) -> None:
        """Reads the file's header, so that also a damaged one is noticed."""
        with self._connection() as connection:
            connection.execute("PRAGMA schema_version").fetchall()

    def summary(self) -> str:
        return f"SQLite file {self._shown}"

    def close(self) -> None:
        """Closes all connections; those in use when their operation has ended, which it waits for."""
        with self._turn:
            self._closed = True
            self._drop_idle()
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._open == 0, self._timeout)

    # --- connections -----------------------------------------------------------------------------------

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of the pool; what goes wrong with it is told in our words."""
        try:
            connection, file = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection, file)
        except (sqlite3.Error, OverflowError, UnicodeError, OSError) as error:
            raise self._explained(error) from None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        if not self._writer.acquire(timeout=self._timeout):
            raise Unavailable(self._locked())
        try:
            with self._connection() as connection:
                yield connection
        finally:
            self._writer.release()

    def _take(self) -> tuple[sqlite3.Connection, tuple[int, int] | None]:
        with self._turn:
            file = _identity(self._path)
            if file != self._file:
                # Deleted or replaced since: what is open leads to a file that nobody sees any more.
                self._drop_idle()
                self._file = file
            if not self._turn.wait_for(lambda: self._closed or self._idle or self._open < CONNECTIONS, self._timeout):
                raise Unavailable(f"{self.summary()} is busy: {CONNECTIONS} operations have been at work in it")
            if self._closed:
                raise Unavailable(f"{self.summary()} has been closed; open another one")
            if self._idle:
                return self._idle.pop(), file
            self._open += 1
        try:
            connection = self._connect()
        except BaseException:
            with self._turn:
                self._open -= 1
                self._turn.notify_all()
            raise
        file = _identity(self._path)
        with self._turn:
            self._file = file
        return connection, file

    def _give_back(self, connection: sqlite3.Connection, file: tuple[int, int] | None) -> None:
        with self._turn:
            if self._closed or file != self._file or connection.in_transaction:
                connection.close()
                self._open -= 1
            else:
                self._idle.append(connection)
            if self._closed or self._open == CONNECTIONS:
                self._turn.notify()

    def _drop_idle(self) -> None:
        self._open -= len(self._idle)
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> sqlite3.Connection:
        self._check_path()
        connection = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        end = time.monotonic() + self._timeout
        while True:
            try:
                if _is_new(connection):
                    _furnish(connection)
                break
            except sqlite3.OperationalError as error:
                # SQLite does not always wait by itself while the journal changes, which another process may be doing.
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
            time.sleep(0.005)
        self._check_ours(connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    def _check_path(self) -> None:
        folder = os.path.dirname(self._path)
        if os.path.isdir(self._path):
            raise ProviderError(f"{self._shown} is a folder; SQLite wants a file's name")
        if not os.path.isdir(folder):
            hint = " (~ does not stand for the home folder here)" if self._shown.startswith("~") else ""
            raise ProviderError(f"there is no folder {folder} for {self.summary()}; make it first{hint}")

    def _check_ours(self, connection: sqlite3.Connection) -> None:
        """Refuses another program's database."""
        if _header(connection, "application_id") != APPLICATION_ID:
            raise ProviderError(
                f"{self.summary()} is another program's database, which is left as it is; give a new file's name"
            )
        version = _header(connection, "user_version")
        if version != VERSION:
            raise ProviderError(
                f"{self.summary()} was made by another version of wasicloud-lab (its tables are of version {version}, "
                f"this one reads {VERSION}); it is left as it is"
            )

    # --- what went wrong -------------------------------------------------------------------------------

    def _locked(self) -> str:
        return f"{self.summary()} is locked: somebody else has been writing in it for {self._timeout:g} s"

    def _explained(self, error: Exception) -> ProviderError:
        """The error in our words. By SQLite's messages, since Python 3.10 does not tell the codes."""
        name, text = self.summary(), str(error)
        if isinstance(error, UnicodeError):
            return ProviderError(f"{name} can't use a name that is not valid Unicode text")
        if "locked" in text or "locking protocol" in text:
            return Unavailable(self._locked())
        if "is full" in text:
            return ProviderError(f"{name} can't grow: the disk is full; what was stored before is still there")
        if "not a database" in text:
            return ProviderError(f"{name} is not an SQLite database; it is left as it is")
        if "malformed" in text:
            return ProviderError(f"{name} is damaged ({text}); take a copy of it from before")
        if "no such table" in text or "no such column" in text:
            return ProviderError(f"{name} has lost its table ({text}); take a copy of it from before, or a new file")
        if "too big" in text or isinstance(error, OverflowError):
            return TooLarge(f"{name} can't hold a value of that size; at most {self.value_limit:,} bytes")
        if "readonly" in text or "permission" in text or "authoriz" in text:
            return Denied(f"{name} may not be written by this user; check the permissions of the file and its folder")
        if "unable to open" in text and self._allowed():
            return Unavailable(f"{name} can't be opened at this moment; has this process too many files open?")
        if "unable to open" in text:
            return Denied(f"{name} can't be opened; check that this user may read and write the file and its folder")
        return ProviderError(f"{name} failed: {text}")

    def _allowed(self) -> bool:
        """Whether this user may read and write the file and its folder."""
        exists = os.path.exists(self._path)
        return os.access(os.path.dirname(self._path), os.W_OK) and (
            not exists or os.access(self._path, os.R_OK | os.W_OK)
        )


def _identity(path: str) -> tuple[int, int] | None:
    """Which file the path leads to at this moment."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _header(connection: sqlite3.Connection, field: str) -> int:
    value: int = connection.execute(f"PRAGMA {field}").fetchone()[0]
    return value


def _is_new(connection: sqlite3.Connection) -> bool:
    """Whether nobody has put anything into the database yet."""
    return not (
        _header(connection, "application_id")
        or _header(connection, "user_version")
        or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    )


def _furnish(connection: sqlite3.Connection) -> None:
    """Makes an empty database ours."""
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    with _transaction(connection):
        if _is_new(connection):  # no other process was faster
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. It takes the write lock at once: one that reads first could lose its turn in between."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk ends it by itself
            connection.execute("ROLLBACK")
        raise


def open_sqlite(address: Address) -> SqliteStore:
    """`sqlite:///relative.db`, `sqlite:////absolute/path.db`, on Windows `sqlite:///C:/path.db`; option `timeout`.

    Raises:
        ProviderError: the URL names no file, the file's folder is not there, an option is unknown or wrong.
    """
    options = address.take(timeout="5")
    if address.host or address.user or address.password or address.port:
        raise ProviderError(f"{address}: a file is sqlite:///file.db, or with four slashes when absolute")
    path = address.path[1:]
    if path in ("", ":memory:"):
        raise ProviderError(f"{address} names no file: sqlite:///file.db does; for a store in memory, take memory://")
    return SqliteStore(path, seconds(address, options["timeout"]))
