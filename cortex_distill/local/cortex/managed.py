"""AI_CLASSIFY, CLASSIFY_TEXT and AI_FILTER: what the model is asked, and what its reply means.

Snowflake chooses the model of these functions itself; here any provider is asked, under names like
`ai_classify-managed`, with a schema that allows nothing but the labels on offer. The prompt is our own.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cortex_distill.local.cortex.arguments import not_valid
from cortex_distill.local.cortex.prompts import Messages, plain, text_of
from cortex_distill.local.providers import CallError

CLASSIFY = ("AI_CLASSIFY", "CLASSIFY_TEXT")
_MOST_LABELS, _MOST_EXAMPLES = 100, 20  # of CLASSIFY_TEXT; source: docs: functions/classify_text-snowflake-cortex


class Question(NamedTuple):
    """What a provider is asked in place of the function's own arguments."""

    messages: Messages
    schema: Mapping[str, Any]


def ask(function: str, content: Any, config: Mapping[str, Any]) -> Question | None:
    """The question of one row; None for functions that ask a model of the caller's choice.

    `content` is the text, for classifications [text, categories]. Raises CallError if the categories are none.
    """
    if function == "AI_FILTER":
        return _ask_to_filter(content)
    if function not in CLASSIFY:
        return None
    text, categories = content
    return _ask_to_classify(text, categories, config, legacy=function != "AI_CLASSIFY")


def meaning(function: str, content: Any, reply: str) -> Any:
    """What the function returns for a model's reply. Raises CallError if that is none of the answers allowed."""
    said = _read(reply)
    if function == "AI_FILTER":
        return _verdict(said)
    labels = _chosen(said, list(_described(content[1], legacy=function != "AI_CLASSIFY")))
    return {"labels": labels} if function == "AI_CLASSIFY" else {"label": labels[0]}


def classification(config: Mapping[str, Any], *, examples: bool) -> dict[str, Any]:
    """The checked config of a classification; only AI_CLASSIFY has `examples`. Raises Refused.

    Source: docs: sql-reference/functions/ai_classify.
    """
    known = ("task_description", "output_mode", "examples") if examples else ("task_description",)
    if unknown := sorted(config.keys() - set(known)):
        raise not_valid("config_object", f"unknown key {unknown[0]!r}")
    if config.get("output_mode", "single") not in ("single", "multi"):
        raise not_valid("output_mode", f"{config['output_mode']!r} is neither 'single' nor 'multi'")
    if not isinstance(config.get("task_description", ""), str):
        raise not_valid("task_description", "it is no string")
    shown = config.get("examples", [])
    if not isinstance(shown, list) or not all(map(_is_example, shown)):
        raise not_valid("examples", "each needs input, labels (a list) and explanation")
    return dict(config)


def _is_example(item: Any) -> bool:
    return isinstance(item, dict) and {"input", "labels", "explanation"} <= item.keys() and _is_list(item["labels"])


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _ask_to_classify(text: Any, categories: Any, config: Mapping[str, Any], *, legacy: bool) -> Question:
    described = _described(categories, legacy=legacy)
    lines = [f"- {label}: {said}" if said else f"- {label}" for label, said in described.items()]
    multi = config.get("output_mode") == "multi"
    task = config.get("task_description") or "Decide what the text is about."
    shown = [(plain(item["input"]), item["labels"], item["explanation"]) for item in config.get("examples", [])]
    if legacy:
        shown += [(plain(one), [item["label"]], "") for item in categories if _is_object(item) for one in _shown(item)]
    pairs = [f"Text: {one}\nCategory: {', '.join(map(str, right))}\n{why}".strip() for one, right, why in shown]
    choose = "Choose every category that fits." if multi else "Choose the one category that fits best."
    parts = [f"{task} {choose}", "Categories:\n" + "\n".join(lines), *pairs, f"<text>\n{text_of(text)}\n</text>"]
    label = {"type": "string", "enum": list(described)}
    field, kind = ("labels", {"type": "array", "items": label}) if multi else ("label", label)
    return Question([{"role": "user", "content": "\n\n".join(parts)}], _object_of(field, kind))


def _described(categories: Any, *, legacy: bool) -> dict[str, str]:
    """Label → description, in order; equal labels are one."""
    if not isinstance(categories, list) or len(set(map(type, categories))) > 1:
        raise CallError("400 list_of_categories must be an array of strings or an array of objects")
    items = [item if _is_object(item) else {"label": item} for item in categories]
    if not all(isinstance(item.get("label"), str) and item["label"].strip() for item in items):
        raise CallError("400 every category needs a label, which is a text")
    found: dict[str, str] = {}
    for item in items:
        found.setdefault(item["label"], plain(item.get("description") or ""))
        if legacy and len(_shown(item)) > _MOST_EXAMPLES:
            raise CallError(f"400 more than {_MOST_EXAMPLES} examples of category {item['label']!r}")
    if len(found) < 2 or (legacy and len(found) > _MOST_LABELS):
        raise CallError(f"400 list_of_categories has {len(found)} unique categories; at least two are needed")
    return found


def _is_object(item: Any) -> bool:
    return isinstance(item, dict)


def _shown(item: Mapping[str, Any]) -> list[Any]:
    return list(item.get("examples") or [])


def _ask_to_filter(content: Any) -> Question:
    asked = f"{text_of(content)}\n\nAnswer true if that is so, else false."
    return Question([{"role": "user", "content": asked}], _object_of("answer", {"type": "boolean"}))


def _object_of(name: str, kind: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: kind}, "required": [name], "additionalProperties": False}


def _chosen(said: Mapping[str, Any], labels: list[str]) -> list[str]:
    """The labels of a reply, once each, in the order offered."""
    found = said.get("labels", [said.get("label")])
    if not isinstance(found, list) or not found or not set(map(str, found)) <= set(labels):
        raise CallError(f"the model chose {found!r}, which is not on the list of categories")
    return [label for label in labels if label in found]


def _verdict(said: Mapping[str, Any]) -> bool:
    answer = said.get("answer")
    if not isinstance(answer, bool):
        raise CallError(f"the model answered {answer!r}, neither true nor false")
    return answer


def _read(reply: str) -> dict[str, Any]:
    try:
        said = json.loads(reply)
    except ValueError as error:
        raise CallError(f"422 the model's answer is no JSON: {error}") from error
    return said if isinstance(said, dict) else {}
