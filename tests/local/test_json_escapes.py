"""Half an emoji in JSON becomes the mark for what is lost; whatever else looks like one stays."""

import pytest

from cortex_distill.local.sql.json_lenient import parse


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r'["\ud83d\ude00"]', r'["\ud83d\ude00"]'),
        (r'["\\ud83d\\ude00"]', r'["\\ud83d\\ude00"]'),  # JSON within JSON: the backslashes are escaped
        (r'["x\ud83d"]', r'["x\ufffd"]'),
        (r'["\ude00x"]', r'["\ufffdx"]'),
        (r'["\\\ud83d"]', r'["\\\ufffd"]'),
        (r'["\ud83dx\ude00"]', r'["\ufffdx\ufffd"]'),
    ],
)
def test_only_half_an_emoji_is_replaced(text, read):
    assert parse(text) == read
