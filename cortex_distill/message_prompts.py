"""Prompts of messages: a template is rendered once for texts and once for emails, so that it may branch on the channel.

What a row knows (name, request, category) still becomes a SQL concatenation; a column that no template names is in no
prompt.
"""

from collections.abc import Mapping
from typing import Any

from cortex_distill.config_messages import Messages
from cortex_distill.prompts import to_sql
from cortex_distill.sql import Sql
from cortex_distill.template_places import Place

TEXT, EMAIL = "text message", "email"
_FILE = frozenset({"categories", "channel", "words"})
_ROW = frozenset({"customer_name", "request", "category", "definition"})
MESSAGE_PLACE = Place(_FILE, _ROW, frozenset({"channel", "words"}))
COMPARE_PLACE = Place(_FILE, _ROW | {"first", "second"}, frozenset({"first", "second"}))


def most_words(config: Messages) -> dict[str, int]:
    """Channel → most words of a message there."""
    return {TEXT: config.text_words, EMAIL: config.email_words}


def by_channel_sql(template: str, config: Messages, values: Mapping[str, Any], columns: Mapping[str, str]) -> Sql:
    """The prompt of a row by its column `i.channel`. Raises ConfigError as `prompts.to_sql`."""
    text, email = (
        to_sql(template, {**values, "channel": channel, "words": words}, columns)
        for channel, words in most_words(config).items()
    )
    return Sql(f"IFF(i.channel = ?, {text.text}, {email.text})", (TEXT, *text.binds, *email.binds))
