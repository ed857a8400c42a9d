"""The very prompts that a run asked its arms with, taken from the ledger, with a place left for another request.

A config holds templates, and examples lie in files; what was sent is in COMPLETIONS, as it was sent.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from calls import Question
from door import Row, rows

SEEN = 2  # prompts of an arm that must agree on the words around the request


class Frame(NamedTuple):
    """An arm of a run, how it is asked, and the words around the request."""

    role: str
    variant: str
    question: Question
    parts: tuple[str, ...]

    def prompt(self, request: str) -> str:
        """What this arm is asked about a request. Braces and quotes in it are letters like others."""
        return request.join(self.parts)


def frames(run_id: str) -> list[Frame]:
    """The frame of each arm whose prompts are in the ledger: base student, tuned student, teacher, by variant."""
    found = rows(
        f"""SELECT role, variant, model, request, prompt, parameters, schema FROM (
            SELECT DISTINCT p.role, p.variant, p.model, p.request, c.prompt, TO_JSON(c.parameters) AS parameters,
                TO_JSON(c.response_format) AS schema
            FROM PREDICTIONS p JOIN COMPLETIONS c ON c.key = p.completion_key
            WHERE p.run_id = ? AND LENGTH(p.request) > 0)
        QUALIFY ROW_NUMBER() OVER (PARTITION BY role, variant ORDER BY LENGTH(request) DESC, request) <= {SEEN}
        ORDER BY role, variant, LENGTH(request) DESC, request""",
        run_id,
    )
    arms: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        arms.setdefault((row["role"], row["variant"]), []).append(row)
    return [frame for asked in arms.values() if (frame := _frame(asked)) is not None]


def _frame(asked: list[Row]) -> Frame | None:
    """The longest request is the least likely to stand in the prompt by chance; another one has to fit as well."""
    first = asked[0]
    parts = tuple(first["prompt"].split(first["request"]))
    if len(parts) < 2 or any(row["request"].join(parts) != row["prompt"] for row in asked):
        return None
    parameters: dict[str, Any] = json.loads(first["parameters"] or "{}")
    schema = json.loads(first["schema"] or "null")
    return Frame(first["role"], first["variant"], Question(first["model"], parameters, schema), parts)
