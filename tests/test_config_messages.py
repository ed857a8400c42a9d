"""The section `messages`: what is refused, and that it changes no hash."""

import pytest

from cortex_distill.errors import ConfigError
from cortex_distill.load import load_experiment
from tests.inbox import COMPARED, MESSAGES, PLAIN


def test_a_file_with_messages_has_the_hash_that_it_had_without(write):
    without = load_experiment(write()).hash
    assert load_experiment(write({"messages": MESSAGES})).hash == without
    assert load_experiment(write({"messages": COMPARED})).hash == without


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"prompts": {"plain": "{{ request }}"}}, "messages.prompts.plain: never uses channel"),
        ({"prompts": {"plain": PLAIN + "{{ email }}"}}, "messages.prompts.plain: unknown name 'email'"),
        ({"prompts": {"plain": PLAIN + "{% if request %}{% endif %}"}}, "request differs per row"),
        ({"prompts": {"plain": PLAIN + "{{ 1 / (words - 24) }}"}}, "messages.prompts.plain: cannot be rendered"),
        ({"prompts": {"Plain!": PLAIN}}, "messages.prompts.Plain!"),
        ({"prompts": {}}, "messages.prompts: should have at least 1 entry"),
        ({"compare": COMPARED["compare"]}, "messages.compare: needs two variants to compare"),
        ({"only": ["Refunds"]}, "messages.only.0: 'Refunds' is no category; did you mean 'Refund'?"),
        ({"redact": ["names"]}, "messages.redact.0: should be 'email', 'phone', 'card', 'iban' or 'link'"),
        ({"text_words": 0}, "messages.text_words: should be 1 or more"),
        ({"inbox": {"file": "none.csv"}}, "messages.inbox.file: no such file"),
        ({"inbox": {"file": "a.csv", "table": "A.B.C"}}, "messages.inbox: should have exactly one of file and table"),
        ({"modle": "x"}, "messages.modle: no such key; did you mean 'model'?"),
    ],
)
def test_mistakes_are_refused_with_what_to_write(write, section, told):
    with pytest.raises(ConfigError) as refused:
        load_experiment(write({"messages": MESSAGES | section}))
    assert told in str(refused.value)


def test_a_judge_has_to_see_both_messages(write):
    compare = COMPARED["compare"] | {"prompt": "{{ first }}"}
    with pytest.raises(ConfigError, match=r"messages\.compare\.prompt: never uses second"):
        load_experiment(write({"messages": COMPARED | {"compare": compare}}))


def test_a_template_may_branch_on_the_channel(write):
    branched = "{% if channel == 'email' %}Email{% else %}Text{% endif %} {{ words }}"
    assert load_experiment(write({"messages": MESSAGES | {"prompts": {"plain": branched}}})).config.messages
