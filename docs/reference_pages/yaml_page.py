"""docs/reference/yaml.md: every key of an experiment file, from the models that read it."""

from pydantic.fields import FieldInfo

from cortex_distill.config import ExperimentConfig
from docs.reference_pages.keys import HEADER, Section, key_of, keys_table, models_in, sections_of
from docs.reference_pages.markdown import code, fenced, link, note, prose, table
from docs.reference_pages.templates import templates_section
from docs.reference_pages.value_words import BELOW
from docs.reference_pages.yaml_examples import example_of

HEAD = """# The experiment file

One YAML file in `configs/` says what is distilled. It holds data only: keys that are not listed here are refused, and
so are duplicate keys, wrong types and values outside the bounds, each with file, line and what to write. Try it:

    distill validate configs/support_tickets.yaml

A path such as `judge.thresholds.valid` is a key inside a key; a run can change it by `--set judge.thresholds.valid=5`.
`[]` stands for each entry of a list. Editors check and complete a file by
[configs/experiment.schema.json](../../configs/experiment.schema.json).
"""


def page() -> str:
    """The whole page."""
    fields = ExperimentConfig.model_fields
    sections = [_section(name, field) for name, field in fields.items() if name not in ("name", "description")]
    return "\n".join(
        [
            note("the models in cortex_distill/config*.py"),
            HEAD,
            "## All sections\n",
            _overview(),
            *sections,
            "## Templates\n",
            templates_section(),
        ]
    )


def _overview() -> str:
    schema = ExperimentConfig.model_json_schema()
    rows = []
    for name, field in ExperimentConfig.model_fields.items():
        key = key_of(name, field, schema["properties"][name], schema["$defs"])
        shown = code(name) if name in ("name", "description") else link(name, code(name))
        _, value, *rest = key.cells
        rows.append((shown, value.replace(BELOW, "keys"), *rest))
    return table(HEADER, rows)


def _section(name: str, field: FieldInfo) -> str:
    sections = [section for model in models_in(field.annotation) for section in sections_of(model, f"{name}.")]
    own, *inner = sections or [Section(name, _sentence(field), [])]
    parts = [f"## {name}\n", f"{prose(own.sentence)}\n"]
    parts += [_alternatives(name, field), _own_table(own)] if own.keys else []
    if example := example_of(name, field.examples):
        said = f"From [{example.file}](../../configs/{example.file}):" if example.file else "For instance:"
        parts.append(f"{said}\n\n{fenced(example.text, 'yaml')}")
    for section in inner:
        parts += [f"### {section.path}\n", f"{prose(section.sentence)}\n", _own_table(section)]
    return "\n".join(filter(None, parts))


def _own_table(section: Section) -> str:
    """Keys with keys of their own lead there."""
    return keys_table([key._replace(value=key.value.replace(BELOW, link(key.path, BELOW))) for key in section.keys])


def _sentence(field: FieldInfo) -> str:
    text = field.description or ""
    return f"{text[:1].upper()}{text[1:]}."


def _alternatives(name: str, field: FieldInfo) -> str:
    """Where a section may be something else than keys; '' where it may not."""
    schema = ExperimentConfig.model_json_schema()
    value = key_of(name, field, schema["properties"][name], schema["$defs"]).value
    other, _, keys = value.rpartition(" or ")
    return f"Either {other}, or these keys:\n" if other and keys == BELOW else ""
