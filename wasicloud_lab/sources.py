"""Where components come from: bundled, a file, a URL, bytes."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from .errors import ComponentError
from .providers.address import masked

#: The most that is fetched from a URL.
FETCH_LIMIT = 512 * 1024 * 1024


def bundled_folder() -> Path:
    """The folder of built components: `components/dist` in a checkout, `dist` inside an installed package."""
    inside = Path(str(resources.files(__package__))) / "dist"
    return inside if inside.is_dir() else Path(__file__).resolve().parent.parent / "components" / "dist"


@lru_cache(maxsize=1)
def bundled() -> dict[str, Any]:
    """The bundled components by name: the manifest beside them.

    Raises:
        ComponentError: the folder is missing from this installation.
    """
    path = bundled_folder() / "manifest.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ComponentError(f"the bundled components are not here ({path}: {error}); run `make components`") from None
    return found


def place(source: Any) -> Path | str | None:
    """The file or URL that a source means; None for bytes."""
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        return source
    if isinstance(source, str) and source in bundled():
        return bundled_folder() / f"{source}.wasm"
    return Path(source).expanduser() if isinstance(source, (str, Path)) else None


def read(source: str | Path | bytes) -> tuple[bytes, str]:
    """The bytes and a name.

    Raises:
        ComponentError: there is nothing under that name, path or URL.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "component"
    text = str(source)
    if isinstance(source, str) and text.startswith(("http://", "https://")):
        return _fetch(text), Path(urlsplit(text).path).stem or "component"
    if isinstance(source, str) and text in bundled():
        return _read_file(bundled_folder() / f"{text}.wasm"), text
    try:
        path = Path(source).expanduser()
    except RuntimeError as error:  # `~nobody/…`
        raise ComponentError(f"there is no file {text!r}: {error}") from None
    if path.is_dir():
        raise ComponentError(f"{path} is a folder; name the .wasm file in it")
    if not path.is_file():
        near = "" if path.suffix else f"; the bundled components are {', '.join(sorted(bundled()))}"
        raise ComponentError(f"there is no file {text!r}{near}")
    return _read_file(path), path.stem


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ComponentError(f"{path} can't be read: {error.strerror or error}") from None


def _fetch(url: str) -> bytes:
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=30) as response:
            response.raise_for_status()
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > FETCH_LIMIT:
                    raise ComponentError(f"{masked(url)} is larger than {FETCH_LIMIT} bytes, the most that is fetched")
            return bytes(data)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ComponentError(f"{masked(url)} can't be fetched: {masked(str(error))}") from None
