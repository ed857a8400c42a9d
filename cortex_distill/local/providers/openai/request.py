"""A call as the body of a request to `/chat/completions`."""

import hashlib
import json
from typing import Any

from cortex_distill.local.providers import Call

DEFAULT_MAX_TOKENS = 4096  # Cortex's; docs.snowflake.com/en/sql-reference/functions/ai_complete


def body_of(call: Call, model: str) -> bytes:
    """The JSON to send. Same call, same bytes: the seed comes from all that is asked and the number of the draw."""
    given = call.parameters
    body: dict[str, Any] = {
        "model": model,
        "messages": [dict(message) for message in call.messages],
        "temperature": given.get("temperature") or 0,  # Cortex's default; servers have others
        "max_tokens": given.get("max_tokens") or DEFAULT_MAX_TOKENS,
    }
    if given.get("top_p"):
        body["top_p"] = given["top_p"]
    if call.schema is not None:
        named = {"name": "reply", "strict": True, "schema": call.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    document = json.dumps(body)
    asked = f"[{document}, {call.draw}]".encode()
    seed = int.from_bytes(hashlib.sha256(asked).digest()[:4]) >> 1  # a signed 32-bit number, as llama.cpp takes
    return f'{document[:-1]}, "seed": {seed}}}'.encode()
