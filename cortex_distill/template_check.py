"""Checks the templates of an experiment file where they stand, then renders each once for every category."""

from collections.abc import Iterator
from typing import Any

from cortex_distill.config import ExperimentConfig
from cortex_distill.config_rows import NONE_OF_THESE
from cortex_distill.message_prompts import COMPARE_PLACE, MESSAGE_PLACE, most_words
from cortex_distill.problem_list import At, Problems
from cortex_distill.prompts import TemplateFailure, problems, render
from cortex_distill.raw_data import get_in
from cortex_distill.spelling import suggestion
from cortex_distill.template_places import PLACES, Place, generate_place, refine_place, vote_place


def _templates(data: dict[str, Any]) -> Iterator[tuple[At, Place]]:
    vary, per_call = get_in(data, "generate", "vary"), get_in(data, "generate", "per_call")
    yield (
        ("generate", "prompt"),
        generate_place(
            vary if isinstance(vary, dict) else (),
            examples=get_in(data, "generate", "examples") is not None,
            per_call=per_call if isinstance(per_call, int) else 2,
            written=bool(get_in(data, "generate", "not_again")),
        ),
    )
    judge = PLACES["judge.prompt"]
    is_real = isinstance(get_in(data, "source"), dict)
    yield ("judge", "prompt"), judge._replace(row=judge.row - {"scenario"}) if is_real else judge
    yield ("refine", "prompt"), refine_place(vary if isinstance(vary, dict) else ())
    yield ("label", "prompt"), PLACES["label.prompt"]
    yield ("fine_tune", "prompt"), PLACES["fine_tune.prompt"]
    yield ("vote", "prompt"), vote_place(abstain=get_in(data, "vote", "abstain") is True)
    variants = get_in(data, "prompts")
    yield from ((("prompts", name), PLACES["prompts"]) for name in (variants if isinstance(variants, dict) else ()))
    messages = get_in(data, "messages", "prompts")
    yield from ((("messages", "prompts", n), MESSAGE_PLACE) for n in (messages if isinstance(messages, dict) else ()))
    yield ("messages", "compare", "prompt"), COMPARE_PLACE


def check_templates(data: dict[str, Any], found: Problems) -> None:
    """Adds what is wrong with the text of each template, whatever else is wrong with the file."""
    for at, place in _templates(data):
        template = get_in(data, *map(str, at))
        if isinstance(template, str) and template.strip():
            for line, what in problems(template, place):
                found.in_template(at, line, what)


def try_templates(config: ExperimentConfig, examples: dict[str, list[dict[str, str]]], found: Problems) -> None:
    """Renders each template once per category and adds what fails only then (a missing attribute, 1 / 0)."""
    shown = config.generate.examples.per_call if config.generate.examples else 0
    texts: dict[At, str] = {("generate", "prompt"): config.generate.prompt, ("judge", "prompt"): config.judge.prompt}
    texts |= {("label", "prompt"): config.label.prompt} if config.label else {}
    texts |= {("refine", "prompt"): config.refine.prompt} if config.refine else {}
    texts |= {("fine_tune", "prompt"): config.fine_tune.prompt}
    texts |= {("vote", "prompt"): config.vote.prompt} if config.vote else {}
    texts |= {("prompts", name): template for name, template in config.prompts.items()}
    for label, definition in config.categories.items():
        values = {"category": label, "definition": definition, "categories": config.categories, "scenario": "scenario"}
        more = {"count": config.generate.per_call, "examples": examples.get(label, [])[:shown], "request": "request"}
        more["none_of_these"] = NONE_OF_THESE
        more |= {"unlike": label, "unlike_definition": definition, "generate_prompt": "Write requests."}
        more["written"] = ["request"] if config.generate.not_again else []
        vary = {name: options[0] for name, options in config.generate.vary.items()}
        for at, template in texts.items():
            try:
                render(template, {**values, **more, **vary, "criteria": list(config.judge.thresholds)})
            except TemplateFailure as failure:
                found.in_template(at, failure.line, f"cannot be rendered: {failure.what}; mend the template")
    _try_messages(config, found)


def _try_messages(config: ExperimentConfig, found: Problems) -> None:
    if (messages := config.messages) is None:
        return
    for place, label in enumerate(messages.only):
        if label not in config.categories:
            what = f"'{label}' is no category; {suggestion(label, config.categories)}"
            found.at(("messages", "only", place), what)
    texts: dict[At, str] = {("messages", "prompts", name): text for name, text in messages.prompts.items()}
    texts |= {("messages", "compare", "prompt"): messages.compare.prompt} if messages.compare else {}
    row = dict.fromkeys(COMPARE_PLACE.row, "said")
    for channel, words in most_words(messages).items():
        for at, template in texts.items():
            try:
                render(template, {**row, "categories": config.categories, "channel": channel, "words": words})
            except TemplateFailure as failure:
                found.in_template(at, failure.line, f"cannot be rendered: {failure.what}; mend the template")
