"""Every key that a pydantic model takes, nested ones with their whole path."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.reference_pages.markdown import code, prose, table
from docs.reference_pages.value_words import default_words, value_words

HEADER = ("key", "value", "default", "meaning")
_BOUNDS = re.compile(r" \((?:(?:above )?[\d.]+(?: to |, at most )[\d.]+|above [\d.]+)\)")


class Key(NamedTuple):
    """One line of a table."""

    path: str
    value: str
    default: str
    meaning: str
    long_default: str = ""
    """The default where it does not fit into a cell."""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Markdown; the bounds are with the value, so the meaning goes without them."""
        return code(self.path), self.value, self.default, prose(_BOUNDS.sub("", self.meaning))


class Section(NamedTuple):
    """The keys that stand together, under one key."""

    path: str
    sentence: str
    keys: list[Key]


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """The keys of a model and of the models inside it."""
    for section in sections_of(model, prefix):
        yield from section.keys


def sections_of(model: type[BaseModel], prefix: str = "") -> Iterator[Section]:
    """A model, then those inside it, each with its own keys."""
    schema = model.model_json_schema()
    fields = [(f"{prefix}{name}", field, schema["properties"][name]) for name, field in model.model_fields.items()]
    own = [key_of(path, field, part, schema.get("$defs", {})) for path, field, part in fields]
    yield Section(prefix.rstrip(".[]"), model.__doc__ or "", own)
    for path, field, part in fields:
        for inner in models_in(field.annotation):
            yield from sections_of(inner, f"{path}[]." if part.get("type") == "array" else f"{path}.")


def key_of(path: str, field: FieldInfo, schema: dict[str, Any], defs: dict[str, Any]) -> Key:
    """The line of one field."""
    value = value_words(schema, defs)
    if field.is_required():
        return Key(path, value, "**required**", field.description or "")
    default = field.get_default(call_default_factory=True, validated_data={})
    words = default_words(default)
    return Key(path, value, words, field.description or "", str(default) if words == "below" else "")


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def keys_table(keys: list[Key]) -> str:
    """The table of a section, and the long defaults under it."""
    long = [
        f"Default of {code(key.path)}:\n\n```\n{key.long_default.rstrip()}\n```\n" for key in keys if key.long_default
    ]
    return "\n".join([table(HEADER, [key.cells for key in keys]), *long])
