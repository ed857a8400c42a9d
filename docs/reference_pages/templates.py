"""Which names each prompt template of an experiment file knows, and what they hold."""

from cortex_distill.message_prompts import COMPARE_PLACE, MESSAGE_PLACE
from cortex_distill.template_places import PLACES, Place
from docs.reference_pages.markdown import code, prose, table

ALL: dict[str, Place] = {**PLACES, "messages.prompts": MESSAGE_PLACE, "messages.compare.prompt": COMPARE_PLACE}

NAMES = {
    "categories": "all categories with their definitions: a mapping, so that a loop over it gives the labels",
    "category": "the category that is meant; of a message, the one that the student named",
    "definition": "what the file says of that category",
    "count": "tickets asked for in this call (`generate.per_call`)",
    "examples": "written examples: of the category when generating, of all when classifying; each has `category`, "
    "`scenario` and `request`",
    "written": "requests that the teacher wrote before, as long as `generate.not_again` allows",
    "criteria": "names of the criteria in `judge.thresholds`",
    "scenario": "what happens in the ticket",
    "request": "text of the ticket",
    "none_of_these": "the words by which a model abstains",
    "unlike": "category that the student answered instead",
    "unlike_definition": "what the file says of that category",
    "generate_prompt": "`generate.prompt`, rendered",
    "channel": "`text message` or `email`",
    "words": "most words that the message may have",
    "customer_name": "name of the customer, as the inbox has it",
    "first": "one of two messages",
    "second": "the other one",
}


def templates_section() -> str:
    """Two tables: what each template knows, and what the names hold."""
    places = [(code(key), _names(place.must), _names(place.file), _names(place.row)) for key, place in ALL.items()]
    names = [(code(name), prose(text)) for name, text in NAMES.items()]
    return (
        "Prompts are [Jinja](https://jinja.palletsprojects.com) templates. What the file knows can be used in loops and"
        " conditions; what a row knows can only be printed, and reaches the model as it is.\n\n"
        f"{table(('template', 'has to use', 'knows of the file', 'knows of the row'), places)}\n"
        "`generate.prompt` and `refine.prompt` know each attribute of `generate.vary`, too. A template has to use what"
        " the file sets: attributes, examples, `count` where `generate.per_call` is above 1, `written` where"
        " `generate.not_again` is above 0. `vote.prompt` knows `none_of_these` where `vote.abstain` is true.\n\n"
        f"{table(('name', 'what it holds'), names)}"
    )


def _names(names: frozenset[str]) -> str:
    return ", ".join(code(name) for name in NAMES if name in names)
