"""Chance without randomness: the same call always meets the same fate, in every process."""

import json
from hashlib import blake2b

from cortex_distill.local.providers import Call

_ENCODER = json.JSONEncoder(sort_keys=True, default=str)


def fingerprint(call: Call) -> bytes:
    """16 bytes that stand for model, messages, parameters, schema and draw; not for the weights folder's place."""
    asked = [call.model, [dict(m) for m in call.messages], dict(call.parameters), call.schema, call.draw]
    text = _ENCODER.encode(asked)
    return blake2b(text.encode(), digest_size=16).digest()


def share(key: bytes, what: str) -> float:
    """A number in [0, 1), evenly spread over keys and independent for each `what`."""
    return int.from_bytes(blake2b(what.encode(errors="replace"), digest_size=8, key=key).digest()) / 2.0**64
