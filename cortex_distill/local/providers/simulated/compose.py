"""Finds out what a prompt wants (tickets, a rating, a label, a chat) and has it said in the form that is asked."""

import json
import re
from functools import lru_cache
from typing import Any

from cortex_distill.local.providers import Call
from cortex_distill.local.providers.simulated.chance import share
from cortex_distill.local.providers.simulated.chat import Chat, writes_to_customer
from cortex_distill.local.providers.simulated.classify import Classifier, say
from cortex_distill.local.providers.simulated.fate import Fate, fenced
from cortex_distill.local.providers.simulated.judge import Judge, criteria_in
from cortex_distill.local.providers.simulated.labels import labels_in
from cortex_distill.local.providers.simulated.minds import mind_of
from cortex_distill.local.providers.simulated.reading import Prompt, read
from cortex_distill.local.providers.simulated.side_by_side import SideBySide, compares
from cortex_distill.local.providers.simulated.structured import Filler, Schema, fill, leaves
from cortex_distill.local.providers.simulated.wanted import order_in, wants_tickets
from cortex_distill.local.providers.simulated.write import Ticket, Writer

_JSON = re.compile(r"\bjson\b", re.I)
_RATE = re.compile(r"\b(?:scores?|rate|rated|ratings?|grade|judge|evaluate|assess)\b", re.I)
_SCALE = re.compile(
    r"\b(?:scores?|rat(?:e|ing)s?|grade)\b[^.\n]{0,80}\b(?:1|one)\s?(?:to|-|–|\.\.)\s?(?:5|10|five|ten)\b", re.I
)
_WRITTEN = re.compile(r"requests?|tickets?|messages?|utterances?", re.I)
_NUMBERS = re.compile(r"[\"“”'](\w+)[\"“”']\s*:\s*\d")


class _Fated(Writer):
    """A writer whose lists meet their fate."""

    fate: Fate

    def items(self, name: str, item: Schema) -> Any:
        return self.fate.listed(list(super().items(name, item)))

    def _ticket(self, number: int) -> Ticket:
        ticket = super()._ticket(number)
        if self.fate.meets("one_sentence"):
            about = self.order.category.name.lower() or "problem"
            ticket.request = f"Hello, I need your help, because it is about {about} and I do not know what to do."
        return ticket


def compose(call: Call, key: bytes, fate: Fate) -> str:
    """The reply to a call, before anything spoils it."""
    prompt = read(call.messages)
    filler = _filler(call, prompt, key, fate)
    schema = call.schema if call.schema is not None else _shape(filler, prompt)
    if schema is not None:
        text = json.dumps(fill(schema, filler), ensure_ascii=False)
        unasked = call.schema is None and share(key, "fence") < mind_of(call.model).fences
        return fenced(text) if unasked else text
    if isinstance(filler, Classifier):
        label = filler.text("label")
        return say(call.model, filler.context, label, key, wordy=fate.meets("wordy"))
    return filler.text("reply")


def _filler(call: Call, prompt: Prompt, key: bytes, fate: Fate) -> Filler:
    task = _task(prompt, call.schema)
    if task == "write":
        writer = _Fated(call.model, order_in(prompt.text[:50_000]), key)
        writer.fate, writer.neighbours = fate, fate.knobs.neighbours
        return writer
    if task == "judge":
        return Judge(call.model, prompt, key)
    if task == "classify":
        classifier = Classifier(call.model, prompt, key, _temperature(call))
        classifier.off_list = fate.meets("off_list")
        return classifier
    if task == "compare":
        return SideBySide(call.model, prompt, key)
    return Chat(prompt, key, fate)


def _temperature(call: Call) -> float:
    value = call.parameters.get("temperature") or 0.0
    return float(value) if isinstance(value, int | float) else 0.0


def _task(prompt: Prompt, schema: Schema | None) -> str:
    if compares(prompt.text):
        return "compare"
    if schema is None and writes_to_customer(prompt.frame):
        return "chat"
    if schema is not None:
        return _task_of_schema(prompt, schema)
    named = _task_in(prompt.frame)
    return named or ("classify" if labels_in(prompt.before) or labels_in(prompt.frame) else "chat")


@lru_cache(maxsize=2048)
def _task_in(frame: str) -> str:
    if not _JSON.search(frame):
        return ""
    if _RATE.search(frame) and (_NUMBERS.search(frame) or (_SCALE.search(frame) and criteria_in(frame))):
        return "judge"
    return "write" if wants_tickets(frame) else ""


def _task_of_schema(prompt: Prompt, schema: Schema) -> str:
    found = leaves(schema)
    kinds = {kind for _, kind, _ in found}
    numbers = bool(kinds & {"integer", "number"})
    if any(listed for _, _, listed in found) and not (numbers and _RATE.search(prompt.frame)):
        return "write"
    if numbers:
        return "judge"
    asks_for_text = any(kind == "string" and _WRITTEN.fullmatch(name) for name, kind, _ in found)
    if asks_for_text or (wants_tickets(prompt.frame) and "string" in kinds):
        return "write"
    labelled = "enum" in kinds or any(re.search(r"categor|label|class|intent", name, re.I) for name, _, _ in found)
    return "classify" if labelled and ("enum" in kinds or labels_in(prompt.frame)) else "chat"


def _shape(filler: Filler, prompt: Prompt) -> Schema | None:
    """The schema that a prompt describes in words; None if it wants plain text."""
    if isinstance(filler, Judge):
        scores = {name: {"type": "integer", "minimum": 1, "maximum": 5} for name in criteria_in(prompt.frame)}
        return {"type": "object", "properties": {**scores, "reason": {"type": "string"}}}
    if isinstance(filler, Writer):
        fields = {name: {"type": "string"} for name in filler.order.fields}
        ticket = {"type": "object", "properties": fields}
        single = filler.order.number == 1 and not re.search(r"json\s+(?:list|array)", prompt.frame, re.I)
        return ticket if single else {"type": "array", "items": ticket}
    if isinstance(filler, Classifier) and (
        named := re.search(r"\{\s*[\"“”'](\w+)[\"“”']\s*:\s*[^}]{0,60}\}", prompt.frame)
    ):
        wanted = bool(_JSON.search(prompt.frame))
        return {"type": "object", "properties": {named[1]: {"type": "string"}}} if wanted else None
    return None
