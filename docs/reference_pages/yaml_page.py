"""docs/reference/yaml.md: every key of an experiment file, from the models that read it."""

from pydantic.fields import FieldInfo

from cortex_distill.config import ExperimentConfig
from docs.reference_pages.keys import HEADER, Key, key_of, keys_of, keys_table, models_in
from docs.reference_pages.markdown import code, fenced, link, note, prose, table
from docs.reference_pages.templates import templates_section
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
        rows.append((shown, *key.cells[1:]))
    return table(HEADER, rows)


def _section(name: str, field: FieldInfo) -> str:
    models = models_in(field.annotation)
    head = prose(models[0].__doc__ or "") if models else _sentence(field)
    parts = [f"## {name}\n", f"{head}\n"]
    if found := _alternatives(name):
        parts.append(found)
    keys: list[Key] = [key for model in models for key in keys_of(model, f"{name}.")]
    parts += [keys_table(keys)] if keys else []
    if example := example_of(name, field.examples):
        said = f"From [{example.file}](../../configs/{example.file}):" if example.file else "For instance:"
        parts.append(f"{said}\n\n{fenced(example.text, 'yaml')}")
    return "\n".join(parts)


def _sentence(field: FieldInfo) -> str:
    text = prose(field.description or "")
    return f"{text[:1].upper()}{text[1:]}."


def _alternatives(name: str) -> str:
    """Where a section may be a plain word instead of keys."""
    return {"source": "Either the word `synthetic`, which is the default, or the keys of a file or table:\n"}.get(
        name, ""
    )
