"""What the simulated provider answers: pure, in form, better for a better prompt and from a bigger model."""

import json
import re
import time
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_distill.local.providers import Answer, Call
from cortex_distill.local.providers.simulated import from_spec

ROOT = Path(__file__).parents[2]
BIG, SMALL = "llama3.3-70b", "llama3.1-8b"
TEXT = {"type": "string"}


def closed(properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


TICKETS = closed({"tickets": {"type": "array", "items": closed({"scenario": TEXT, "request": TEXT})}})
SCORE = {"type": "integer", "minimum": 1, "maximum": 5}
RATING = closed({"realistic": SCORE, "valid": SCORE})


@pytest.fixture(scope="module")
def provider():
    return from_spec("simulated")


def call(prompt, model=BIG, schema=None, **parameters):
    return Call(model, [{"role": "user", "content": prompt}], parameters, schema, None)


def said(provider, *args, **more):
    answer = provider.complete([call(*args, **more)])[0]
    assert isinstance(answer, Answer), answer
    return answer.text


# Requests to a shoe shop, written by hand for this test, with labels whose names say little.
SHOP = {
    "R1 fit": "shoes too small, too big, too narrow or pinching; another size is wanted",
    "R2 defect": "sole, seam, zip or heel came off, tore, leaks or broke",
    "R3 transit": "parcel not delivered, late, or the courier lost it",
    "R4 refund": "money for shoes sent back has not been paid",
    "R5 mix-up": "other model or colour in the box than ordered",
}
REQUESTS = [
    ("R1 fit", "My toes hit the front, these run at least half a size short."),
    ("R1 fit", "The boots are too narrow for my wide feet, is there a broader version?"),
    ("R1 fit", "I ordered 39 as always but I slip out at every step, they are too big."),
    ("R1 fit", "They pinch so much that I cannot walk ten metres. One size up, please."),
    ("R1 fit", "My son's sneakers are already too small, can I swap them for 33?"),
    ("R1 fit", "Would the next bigger size be in the warehouse?"),
    ("R1 fit", "The left one fits but the right one is tight around the instep."),
    ("R2 defect", "After two walks the sole of the right shoe came off."),
    ("R2 defect", "The zip is stuck and one tooth is broken."),
    ("R2 defect", "Water leaks in at the seam although they are sold as waterproof."),
    ("R2 defect", "A heel snapped on my way to work, on day three!"),
    ("R2 defect", "There is a crack across the leather and the stitching tore."),
    ("R2 defect", "The lining has a hole already, is that normal quality?"),
    ("R2 defect", "The buckle broke when I closed it for the first time."),
    ("R3 transit", "My parcel was promised for Tuesday and nobody has rung."),
    ("R3 transit", "The tracking page says delivered, yet my doorstep is empty."),
    ("R3 transit", "The courier seems to have lost my boots somewhere."),
    ("R3 transit", "How late can a delivery be before you send a new one?"),
    ("R3 transit", "I have been waiting for my sandals for three weeks now."),
    ("R3 transit", "It was handed to the carrier on the 3rd and has not moved since."),
    ("R3 transit", "Where is the package? I need it for a wedding on Saturday."),
    ("R4 refund", "I sent the pumps back a month ago and got no money."),
    ("R4 refund", "When will you reimburse me for the returned loafers?"),
    ("R4 refund", "You owe me 89 euros for the pair that I returned."),
    ("R4 refund", "Nothing has been credited to my card for the trainers I sent back."),
    ("R4 refund", "The return arrived at your place, but I have not been paid."),
    ("R4 refund", "I still wait for the refund of my second order."),
    ("R5 mix-up", "I chose the brown model and the box holds black ones."),
    ("R5 mix-up", "You sent me ballerinas, I ordered hiking boots."),
    ("R5 mix-up", "The colour is red, on the invoice it says navy."),
    ("R5 mix-up", "Two left shoes were in the box!"),
    ("R5 mix-up", "Somebody else's order was in my box, a different model altogether."),
    ("R5 mix-up", "I received another colour than the one in my basket."),
]


DRAWS = 10  # whether a small model keeps to the format is chance; over ten draws a request it evens out


def accuracy(provider, model, definitions):
    lines = "\n".join(f"- {name}: {text}" if definitions else f"- {name}" for name, text in SHOP.items())
    prompt = f"Sort the request into one of these categories:\n{lines}\n\nReturn the category only.\n\nrequest: "
    asked = [(label, draw, prompt + request) for label, request in REQUESTS for draw in range(DRAWS)]
    answers = provider.complete([call(text, model)._replace(draw=draw) for _, draw, text in asked])
    return sum(answer.text == label for answer, (label, _, _) in zip(answers, asked, strict=True)) / len(asked)


def test_definitions_raise_accuracy(provider):
    for model in (BIG, SMALL):
        assert accuracy(provider, model, True) > accuracy(provider, model, False) + 0.1


def test_a_bigger_model_is_right_more_often(provider):
    assert accuracy(provider, BIG, True) > accuracy(provider, SMALL, True) + 0.1


def test_even_the_bigger_model_is_not_always_right(provider):
    assert 0.6 < accuracy(provider, BIG, True) < 1


def test_solved_examples_in_the_prompt_are_learned_from(provider):
    head = "Categories:\nAlpha\nBeta\n\nReturn the category only.\n\n"
    shots = "request: The zebra escaped.\ncategory: Beta\n\nrequest: My kettle whistles.\ncategory: Alpha\n\n"
    for text, right in (("A zebra again.", "Beta"), ("The kettle is cold.", "Alpha")):
        assert said(provider, f"{head}{shots}request: {text}\ncategory:") == right


def test_a_request_without_any_evidence_goes_to_other(provider):
    prompt = "Categories:\n- Refund\n- Other\n- Late parcel\n\nrequest: qwertz uiop"
    assert said(provider, prompt) == "Other"


def test_clear_orders_make_a_small_model_keep_to_the_label(provider):
    def alone(order):
        prompts = [f"Categories:\n- Fit\n- Parcel\n\n{order}\n\nrequest: {text} parcel" for _, text in REQUESTS]
        answers = provider.complete([call(prompt, SMALL) for prompt in prompts])
        return sum(answer.text.strip(' .*"\n') in ("Fit", "Parcel") for answer in answers)

    loose = alone("Which one is it?")
    assert loose < len(REQUESTS) * 0.8 < alone("Answer with exactly one category only, no other words.")


def test_two_providers_say_the_same():
    prompts = [f"Categories: Fit, Parcel, Refund. request: {text}" for _, text in REQUESTS]
    prompts += [f"Write 5 tickets as a JSON list. Category: {name}" for name in SHOP]
    calls = [call(prompt, SMALL, temperature=0.8) for prompt in prompts]
    assert from_spec("simulated").complete(calls) == from_spec("simulated").complete(calls[::-1])[::-1]


def test_the_reply_changes_with_prompt_and_parameters(provider):
    base = "Write 5 tickets as a JSON list. Category: Late parcel"
    replies = {
        said(provider, base),
        said(provider, base + "!"),
        said(provider, base, temperature=0.5),
        said(provider, base, SMALL),
    }
    assert len(replies) == 4


def test_served_by_names_the_class_of_model_not_the_model(provider):
    assert provider.complete([call("hi")])[0].served_by == "simulated:strong"
    assert provider.complete([call("hi", SMALL)])[0].served_by == "simulated:small"


def test_tokens_are_four_characters(provider):
    answer = provider.complete([call("x" * 401)])[0]
    assert answer.prompt_tokens == 101
    assert answer.completion_tokens == provider.count_tokens(answer.text)


def test_text_is_cut_at_max_tokens_and_json_fails(provider):
    prompt = "Write 5 tickets as a JSON list. Category: Late parcel"
    assert len(said(provider, prompt, max_tokens=10)) == 40
    assert "unexpected end of JSON" in str(provider.complete([call(prompt, schema=TICKETS, max_tokens=10)])[0])


GENERATE = """Write {n} support requests to an online shoe shop.
Category: {category}
Definition: {definition}
Tone: frustrated
Channel: email
Return JSON: {{"tickets": [{{"scenario": "...", "request": "..."}}]}}"""


def written(provider, model=BIG, n=25, **more):
    prompt = GENERATE.format(n=n, category="Damaged shoes", definition="sole, seam or zip tore, leaks or broke")
    return json.loads(said(provider, prompt, model, TICKETS, temperature=0.8, **more))["tickets"]


def test_as_many_different_tickets_as_asked_follow_the_schema(provider):
    for model in (BIG, SMALL):
        tickets = written(provider, model)
        jsonschema.validate({"tickets": tickets}, TICKETS)
        assert len(tickets) == 25
        assert len({ticket["request"].strip() for ticket in tickets}) > 20


def test_tickets_speak_of_the_definition(provider):
    text = " ".join(ticket["request"] for ticket in written(provider)).lower()
    assert re.search(r"seam|sole|zip", text)


def test_examples_of_the_prompt_come_back_in_the_tickets(provider):
    prompt = (
        'Write 20 tickets as JSON. Category: Kettle\nExamples:\n- "My samovar hums at night."\n- "The spout drips."\n'
    )
    assert "samovar" in said(provider, prompt)


def test_one_ticket_is_written_where_the_schema_holds_one(provider):
    schema = closed({"scenario": TEXT, "request": TEXT})
    ticket = json.loads(said(provider, "Write one support ticket. Category: Late parcel", schema=schema))
    assert len(ticket["request"]) > 2


def rated(provider, ticket, category="Damaged shoes", model=BIG):
    prompt = f"Rate the ticket from 1 to 5 on each criterion.\nCategory: {category}\nTicket: {ticket}"
    return json.loads(said(provider, prompt, model, RATING))


def test_the_judge_tells_good_tickets_from_thin_and_stray_ones(provider):
    good = rated(provider, "Hello, the seam of my shoes tore on the second day, they are damaged. What can I do?")
    thin = rated(provider, "Help please.")
    stray = rated(provider, "Do you know a good recipe for soup with carrots and some pepper?")
    assert min(good.values()) >= 4
    assert max(thin.values()) <= 3
    assert stray["valid"] <= 2


def test_the_judge_drops_some_but_not_most_of_what_is_written(provider):
    for model in (BIG, SMALL):
        kept = sum(min(rated(provider, ticket["request"]).values()) >= 4 for ticket in written(provider, model, 50))
        assert 15 <= kept < 50


def test_the_judge_can_vote_for_a_category(provider):
    schema = closed({"realistic": SCORE, "category": {"type": "string", "enum": ["Late parcel", "Refund"]}})
    prompt = "Rate the ticket and say its category.\nTicket: The courier never brought my parcel, it is a week late."
    assert json.loads(said(provider, prompt, schema=schema))["category"] == "Late parcel"


def test_an_enum_is_answered_from_the_enum(provider):
    schema = closed({"category": {"type": "string", "enum": list(SHOP)}})
    for _, request in REQUESTS[:10]:
        jsonschema.validate(json.loads(said(provider, f"Classify.\nrequest: {request}", SMALL, schema)), schema)


def test_a_text_message_is_short_and_an_email_greets_by_name(provider):
    order = "Please write an email or text promoting a new plan. Here is the customer information: Name: Ada, "
    text = said(provider, order + "Contact preference: Text message")
    assert "Ada" in text
    assert len(text.split()) < 25
    assert "Dear Ada" in said(provider, order + "Contact preference: Email")


@pytest.fixture(scope="module")
def quickstart():
    page = ROOT.parent / "shared" / "quickstart.txt"
    if not page.exists():
        pytest.skip("the quickstart's text is not beside this checkout")
    return page.read_text()


def test_the_quickstarts_prompts_are_understood(provider, quickstart):
    write = re.search(r"'(Please provide 25 .*?:)', category, '(.*?)'\)", quickstart, re.S)
    judge = re.search(r"'(You are a judge.*?: )', request, '(.*?)'\)", quickstart, re.S)
    sort = re.search(r"'(You are an agent.*?request: )'", quickstart, re.S)
    names = re.search(r"categories:\n\n(.*?)\n\n", sort[1], re.S)[1].split("\n")
    for name in names:
        tickets = json.loads(said(provider, f"{write[1]}{name}{write[2]}", "llama3.1-405b"))
        assert len(tickets) == 25
        assert {frozenset(ticket) for ticket in tickets} == {frozenset({"scenario", "request"})}
        requests = [ticket["request"] for ticket in tickets]
        ratings = [json.loads(said(provider, f"{judge[1]}{text}{judge[2]}", "llama3.1-405b")) for text in requests]
        assert all(1 <= rating[key] <= 5 for rating in ratings for key in ("realistic", "valid"))
        assert 0.5 < sum(min(r["realistic"], r["valid"]) >= 4 for r in ratings) / 25 < 1
        labels = [said(provider, sort[1] + text, "llama3.1-405b") for text in requests]
        assert sum(label == name for label in labels) > 15
        assert not {said(provider, sort[1] + text, "llama3-8b").strip() for text in requests} <= set(names)


ANY = st.text(max_size=300) | st.text(alphabet="{}[]\"':\n-*`<>,.|# ab1", max_size=300)
SCHEMAS = st.sampled_from([None, TICKETS, RATING, closed({"category": {"enum": ["A", "B"]}}), closed({"a": TEXT})])
ORDERS = [
    "",
    "Write 3 examples as JSON. ",
    'Rate as JSON {"valid": 4}. ',
    "Categories: A, B. request: ",
    "Categories:\n- ",
]


@settings(max_examples=300, deadline=None)
@given(order=st.sampled_from(ORDERS), text=ANY, model=st.sampled_from([BIG, SMALL]), schema=SCHEMAS)
def test_no_prompt_brings_it_down(order, text, model, schema):
    reply = said(from_spec("simulated"), order + text, model, schema)
    if schema is not None:
        jsonschema.validate(json.loads(reply), schema)


@pytest.mark.parametrize(
    "part",
    ["\n", " ", "{", "[", "<request>", "</request>", "request: ", "- - ", '"', "a: ", "1 ", "category ", "Give "],
)
def test_huge_and_repetitive_prompts_take_no_time(provider, part):
    started = time.process_time()
    for order in ORDERS:
        said(provider, order + part * (200_000 // len(part)) + "x")
    assert time.process_time() - started < 5


def test_no_messages_and_empty_messages_are_answered(provider):
    for messages in ([], [{"role": "user", "content": ""}], [{"role": "user"}]):
        assert isinstance(provider.complete([Call(BIG, messages, {}, None, None)])[0], Answer)


def test_a_system_message_can_hold_the_labels(provider):
    messages = [
        {"role": "system", "content": "Categories:\n- Late parcel\n- Refund\nReturn the category only."},
        {"role": "user", "content": "The courier has not come."},
    ]
    assert provider.complete([Call(BIG, messages, {}, None, None)])[0].text == "Late parcel"
