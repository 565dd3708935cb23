"""The shape of a wadm manifest, old form and new, as a JSON schema of our own.

The old form has components of type `actor`, providers with a `contract`, traits `linkdef` {target, values} and
`spreadscaler` {replicas}; the new one has type `component`, the trait `link` and `spreadscaler` {instances}.
"""

from __future__ import annotations

from typing import Any

import jsonschema

from ..providers.address import masked
from .document import Document


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, or nothing: `labels:` with nothing behind it, as wadm lets it stand."""
    return {**schema, "type": [schema["type"], "null"]}


_TEXT = {"type": "string", "minLength": 1}
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$", "maxLength": 253}
_VALUES = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_CONFIG = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {"name": _TEXT, "properties": _maybe(_VALUES)},
    },
}
_LIST = _maybe({"type": "array"})
_END = {
    "oneOf": [
        _NAME,
        {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {"name": _NAME, "config": _maybe(_CONFIG), "secrets": _LIST},
        },
    ]
}
_SOURCE = _maybe(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {"name": _NAME, "config": _maybe(_CONFIG), "secrets": _LIST},
    }
)

_SCALER = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "instances": {"type": "integer", "minimum": 0},
        "replicas": {"type": "integer", "minimum": 0},
        "spread": _LIST,
    },
}
_LINKDEF = {
    "type": "object",
    "required": ["target"],
    "additionalProperties": False,
    "properties": {"target": _NAME, "values": _maybe(_VALUES)},
}
_LINK = {
    "type": "object",
    "required": ["target", "namespace", "package", "interfaces"],
    "additionalProperties": False,
    "properties": {
        "target": _END,
        "source": _SOURCE,
        "namespace": _TEXT,
        "package": _TEXT,
        "interfaces": {"type": "array", "items": _TEXT, "minItems": 1},
        "name": _maybe(_TEXT),
        "source_config": _maybe(_CONFIG),
        "target_config": _maybe(_CONFIG),
    },
}


def _trait(kind: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "if": {"properties": {"type": {"enum": kind}}},
        "then": {"properties": {"properties": properties}, "required": ["properties"]},
    }


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "wadm application",
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "core.oam.dev/v1beta1"},
        "kind": {"const": "Application"},
        "metadata": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": _NAME, "annotations": _maybe(_VALUES), "labels": _maybe(_VALUES)},
        },
        "spec": {
            "type": "object",
            "required": ["components"],
            "additionalProperties": False,
            "properties": {
                "components": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["name", "type", "properties"],
                        "additionalProperties": False,
                        "properties": {
                            "name": _NAME,
                            "type": {"enum": ["actor", "component", "capability"]},
                            "properties": {
                                "type": "object",
                                "if": {"required": ["application"]},
                                "else": {"required": ["image"]},
                                "additionalProperties": False,
                                "properties": {
                                    "image": _TEXT,
                                    "application": {
                                        "type": "object",
                                        "required": ["name", "component"],
                                        "additionalProperties": False,
                                        "properties": {"name": _NAME, "component": _NAME},
                                    },
                                    "id": _maybe(_TEXT),
                                    "contract": _TEXT,
                                    "link_name": _TEXT,
                                    "config": {"anyOf": [_maybe(_CONFIG), _VALUES, _TEXT]},
                                    "secrets": _LIST,
                                },
                            },
                            "traits": {
                                "type": ["array", "null"],
                                "items": {
                                    "type": "object",
                                    "required": ["type"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "type": {"enum": ["spreadscaler", "daemonscaler", "linkdef", "link"]},
                                        "properties": {"type": "object"},
                                    },
                                    "allOf": [
                                        _trait(["spreadscaler", "daemonscaler"], _SCALER),
                                        _trait(["linkdef"], _LINKDEF),
                                        _trait(["link"], _LINK),
                                    ],
                                },
                            },
                        },
                    },
                },
                "policies": _LIST,
            },
        },
    },
}

_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def check(document: Document) -> None:
    """Checks a document's shape.

    Raises:
        ManifestError: it does not fit; says where, and what would.
    """
    found = jsonschema.exceptions.best_match(_VALIDATOR.iter_errors(document.data))
    if found is None:
        return
    place = list(found.absolute_path)
    raise document.error(place, f"{_path(place)}{_words(found)}")


def _path(place: list[str | int]) -> str:
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    return f"{shown}: " if shown else ""


def _words(error: jsonschema.ValidationError) -> str:
    """What is wrong and what would be right."""
    rule: Any = error.validator
    wanted: Any = error.validator_value
    got: Any = error.instance
    if rule == "required":
        missing = [name for name in wanted if name not in got]
        return f"{', '.join(map(repr, missing))} is missing"
    if rule == "additionalProperties" and wanted is False:
        schema: Any = error.schema
        known = sorted(schema.get("properties", {}))
        unknown = [name for name in got if name not in known]
        return f"{', '.join(map(repr, unknown))} is not known here; there may be {', '.join(known)}"
    if rule == "enum":
        return f"{_shown(got)} is none of {', '.join(map(repr, wanted))}"
    if rule == "const":
        return f"{_shown(got)} should be {wanted!r}"
    if rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else [kind for kind in wanted if kind != "null"]
        return f"{_shown(got)} should be {' or '.join(_KINDS[kind] for kind in kinds)}"
    if rule == "pattern":
        return (
            f"{_shown(got)} is no name: letters, digits, '-', '_' and '.', beginning and ending with a letter or digit"
        )
    if rule in ("minItems", "minLength"):
        return "it may not be empty"
    if rule == "minimum":
        return f"{_shown(got)} should be {wanted} or more"
    return masked(error.message)[:200]


_KINDS = {
    "object": "a mapping", "array": "a list", "string": "text", "number": "a number", "integer": "a whole number",
    "boolean": "true or false",
}  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    shown = masked(repr(value))
    return shown if len(shown) <= 60 else shown[:59] + "…"
