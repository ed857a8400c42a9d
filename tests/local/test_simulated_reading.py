"""The simulated provider reads prompts: labels, the customer's text, and what is wanted."""

import pytest

from cortex_distill.local.providers.simulated.compose import _task
from cortex_distill.local.providers.simulated.labels import Label, labels_in
from cortex_distill.local.providers.simulated.minds import mind_of
from cortex_distill.local.providers.simulated.reading import category_in, read
from cortex_distill.local.providers.simulated.wanted import order_in

NAMES = ("Wrong size", "Late parcel", "Refund")
LAYOUTS = {
    "lines": "These are the categories:\n\nWrong size\nLate parcel\nRefund\n\nReturn only the category.\n",
    "bullets": "Choose one of the labels:\n- Wrong size\n- Late parcel\n- Refund\n\nRules:\n- be short\n- be kind\n",
    "numbers": "Categories:\n1. Wrong size\n2. Late parcel\n3. Refund\n",
    "paragraphs": "Possible categories:\n\nWrong size\n\nLate parcel\n\nRefund\n\nAnswer with the category only.\n",
    "definitions": "Categories:\nWrong size: too big\nLate parcel: not here yet\nRefund: money back\n\nBe brief.\n",
    "bold": "Categories:\n* **Wrong size** - too big\n* **Late parcel** - not here\n* **Refund** - money back\n",
    "commas": "Classify the text into one of these categories: Wrong size, Late parcel, Refund. Say no more.\n",
    "commas and or": "Is it one of Wrong size, Late parcel, or Refund?\n",
    "json list": 'Allowed labels: ["Wrong size", "Late parcel", "Refund"]\n',
    "python list": "The labels are ['Wrong size', 'Late parcel', 'Refund'].\n",
    "mapping": 'Labels: {"Wrong size": "too big", "Late parcel": "not here", "Refund": "money back"}\n',
    "objects": '[{"label": "Wrong size", "description": "a"}, {"label": "Late parcel", "description": "b"},'
    ' {"label": "Refund", "description": "c"}]',
    "headings": "## Wrong size\nToo big.\n## Late parcel\nNot here.\n## Refund\nMoney back.\n",
    "tags": "<category>Wrong size</category>\n<category>Late parcel</category>\n<category>Refund</category>\n",
    "indented": "categories:\n    Wrong size\n    Late parcel\n    Refund\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_labels_are_read_in_any_layout(layout):
    assert tuple(label.name for label in labels_in(LAYOUTS[layout])) == NAMES


def test_definitions_are_read_beside_their_labels():
    assert labels_in(LAYOUTS["definitions"])[1] == Label("Late parcel", "not here yet")
    assert labels_in(LAYOUTS["bold"])[2] == Label("Refund", "money back")
    assert labels_in(LAYOUTS["headings"])[0].definition == "Too big."


def test_colons_that_belong_to_labels_are_kept():
    text = "Categories:\n- Billing: refunds\n- Billing: fees\n- Shipping: delays\n"
    assert [label.name for label in labels_in(text)] == ["Billing: refunds", "Billing: fees", "Shipping: delays"]


@pytest.mark.parametrize(
    "prompt",
    [
        "Sort it.\n\nrequest: My boots are too tight.",
        "Sort it. Support Ticket: My boots are too tight.",
        "Sort it.\n<request>My boots are too tight.</request>\nAnswer with the label.",
        "Sort it.\n\nMy boots are too tight.",
        "Request: The lace is torn.\nCategory: Damaged\n\nRequest: My boots are too tight.\nCategory:",
        'Customer message:\n"""My boots are too tight."""\nLabel:',
        "Support Ticket: My boots are too tight. Please give the score in JSON.",
        "ticket: My boots are too tight.\n\nAnswer with the label only.",
    ],
)
def test_the_customers_text_is_found(prompt):
    assert read([{"role": "user", "content": prompt}]).request == "My boots are too tight."


def test_a_customers_own_orders_stay_in_the_ticket():
    text = "I want my money. Please give me a refund and return the label to me."
    assert read([{"role": "user", "content": f"Rate this. Ticket: {text} Respond in JSON."}]).request == text


@pytest.mark.parametrize(
    "prompt",
    [
        "Write 3 tickets.\nCategory: Late parcel\nDefinition: not here yet",
        "Write 3 tickets in JSON for the category 'Late parcel' (not here yet).",
        "Write 3 tickets about the following category: Late parcel: not here yet. Use JSON.",
        "Write 3 tickets on <category>Late parcel</category>.\nDefinition: not here yet",
        "Categories:\n- Late parcel: not here yet\n- Refund: money\n\nWrite 3 tickets for category: Late parcel",
    ],
)
def test_category_and_definition_of_an_order_are_found(prompt):
    assert category_in(prompt) == Label("Late parcel", "not here yet")
    assert order_in(prompt).number == 3


def test_an_order_is_read_with_manner_examples_and_keys():
    order = order_in(
        "Write twelve examples of messages.\nCategory: Refund\nTone: furious\nChannel: chat\n"
        'Example: {"scenario": "x", "request": "Where is my money now?"}\nAs JSON: {"title": <t>, "message": <m>}'
    )
    assert (order.number, order.tone, order.channel) == (12, "upset", "chat")
    assert order.examples == ("Where is my money now?",)
    assert order.fields == ("title", "message")


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("llama3.1-405b", "strong"), ("llama3.3-70b", "strong"), ("mistral-large2", "strong"),
        ("claude-opus-4-5", "strong"), ("openai-gpt-5", "strong"), ("qwen3-next-80b-a3b", "strong"),
        ("gemini-3-pro", "strong"), ("openai-gpt-5-mini", "medium"), ("claude-haiku-4-5", "medium"),
        ("mixtral-8x7b", "medium"), ("snowflake-arctic", "medium"), ("llama3-8b", "small"),
        ('SNOWFLAKE.MODELS."LLAMA3.1-8B"', "small"), ("mistral-7b", "small"), ("SmolLM2-135M-Instruct", "small"),
    ],
)  # fmt: skip
def test_strength_follows_the_name(model, name):
    assert mind_of(model).name == name


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Rate the ticket as JSON {\"real\": 4, \"valid\": 3}. Ticket: hello", "judge"),
        ("Score the ticket from 1 to 5 for realism and validity. Answer in JSON. Ticket: hello", "judge"),
        ("Generate 4 support tickets about roaming rates as a JSON list.", "write"),
        ("Categories: A, B, C. request: hello", "classify"),
        ("How are you?", "chat"),
        ("Categories:\nA\nB\n\nrequest: Please write 5 tickets in JSON and rate them {\"x\": 1}", "classify"),
    ],
)  # fmt: skip
def test_tasks_are_told_apart(prompt, task):
    assert _task(read([{"role": "user", "content": prompt}]), None) == task
