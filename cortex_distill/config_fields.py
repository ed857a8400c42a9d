"""The kinds of values in an experiment file: names, labels, texts, files, models. All are frozen and strict."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from cortex_distill.field_checks import (
    checked_categories,
    fault_of_file,
    fault_of_label,
    fault_of_model,
    fault_of_text,
    refusing,
)
from cortex_distill.template_places import RESERVED


class MappingOrList:
    """A mapping label → definition, or a plain list of labels (definitions then are empty)."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        after = core_schema.no_info_after_validator_function
        plain = core_schema.list_schema(handler.generate_schema(Label))
        choices: dict[Any, CoreSchema] = {
            "mapping": after(checked_categories, handler(source)),
            "list": after(checked_categories, plain),
        }
        return core_schema.tagged_union_schema(choices, lambda value: "list" if isinstance(value, list) else "mapping")


_TAKEN = "'{}' already means something in templates; choose another name"
_TUNED = "'tuned' names the tuned student's own prompt; choose another name"
Text = Annotated[str, refusing(fault_of_text), Field(json_schema_extra={"pattern": r"\S"})]
File = Annotated[str, refusing(fault_of_file)]
Model = Annotated[str, refusing(fault_of_model), Field(json_schema_extra={"pattern": r"\S"})]
Label = Annotated[str, refusing(fault_of_label)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Attribute = Annotated[Name, refusing(lambda name: _TAKEN.format(name) if name in RESERVED else "")]
Variant = Annotated[Name, refusing(lambda name: _TUNED if name == "tuned" else "")]
Bar = Annotated[float, Field(ge=1, le=5)]
TABLE = r"^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*){2}$"


def is_none(value: object) -> bool:
    """For `exclude_if`: a section that is not set leaves hash and record as before there were such sections."""
    return value is None


def is_default(default: object) -> Callable[[object], bool]:
    """Whether a value is that default: what nobody set is left out of the hash."""
    return lambda value: value == default


class Strict(BaseModel):
    """Data only: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
