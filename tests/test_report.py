"""The report: what it says first, and that foreign text stays text."""

import html
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cortex_distill.ledger import Asked
from cortex_distill.verdicts import Verdict
from cortex_distill.report import escaped, markdown
from cortex_distill.scores import Score
from cortex_distill.summary import Compared, Sample, Stage, Summary

TURNING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def score(role="tuned student", served_by="gguf:small", evaluation_set="holdout", correct=7, model="llama3.1-8b"):
    confusion = {("a", "a"): correct, ("b", "a"): 10 - correct}
    return Score(role, model, "tuned", evaluation_set, served_by, 10, correct, 0, 0, 100, 10, confusion)


def summary(**changes):
    base = Summary(
        experiment="demo",
        run_id="1234",
        engine="local",
        categories=["a", "b"],
        holdout_about="ten rows",
        stages=[Stage("asked for", 12, ""), Stage("kept by the judge", 10, "2 below a threshold")],
        calls=[Asked("judge", "m", 12, 12, 0, 100, 20, 1.5, "REPLIES_x")],
        scores=[
            score("teacher", "gguf:big", correct=9, model="llama3.3-70b"),
            score("base student", correct=1),
            score(served_by="gguf:small+light"),
        ],
        compared=[Compared("teacher", "holdout", Verdict("v1", "v2", 10, 1, 2, 1.0))],
        tickets=[],
        mistakes=[],
        training="Fine-tuned it",
        prompts={"v1": "one", "v2": "two"},
    )
    return base._replace(**changes)


def test_a_simulated_run_says_so_in_the_first_line():
    simulated = summary(scores=[score("base student", "simulated:small"), score(served_by="simulated:classifier")])
    assert "simulated models answered" in markdown(simulated).splitlines()[0]


def test_a_local_run_says_in_the_first_line_that_no_figure_is_cortexs():
    assert "no figure here is Cortex" in html.unescape(markdown(summary()).splitlines()[0]).replace("\\", "")


def test_a_run_on_cortex_has_no_such_warning():
    scores = [
        score("teacher", "llama3.3-70b", model="llama3.3-70b"),
        score("base student", "llama3.1-8b"),
        score(served_by="DB.S.TUNED"),
    ]
    assert summary(scores=scores).warnings == []


def test_a_judge_that_drops_nothing_is_called_out():
    assert any("cannot tell" in said for said in summary(stages=[Stage("kept by the judge", 12, "")]).warnings)


def test_the_same_weights_in_two_roles_are_called_out():
    scores = [score("teacher", "gguf:small"), score("base student", "gguf:small"), score()]
    assert any("same model" in said for said in summary(scores=scores).warnings)


def test_the_headline_reads_tuned_base_teacher_n():
    said = summary().headline
    assert said.startswith("tuned llama3.1-8b 0.70 (0.40–0.89), base 0.10, teacher 0.90 (best variant each), n = 10")


def test_every_accuracy_in_the_table_carries_n_and_an_interval():
    assert "| 10 | 0.70 (0.40–0.89) |" in markdown(summary())


def test_hostile_ticket_text_becomes_no_markup():
    text = "<script>alert(1)</script> [x](http://evil) ![i](http://evil/p.png) | **bold** `code` http://evil"
    page = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(
        markdown(summary(tickets=[Sample("a", text, "realistic 5")]))
    )
    assert "<script" not in page
    assert "<a " not in page
    assert "<img" not in page
    assert html.unescape(page).count("<script>alert(1)</script> [x](http://evil)") == 1


@given(st.text())
def test_any_text_renders_as_itself_in_one_table_cell(text):
    page = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(f"| a |\n| :-- |\n| x{escaped(text)}x |\n")
    assert page.count("<td") == 1
    cell = html.unescape(page.split("<td")[1].split(">", 1)[1].split("</td>")[0])
    assert "".join(cell.split()) == "".join(("x" + escaped_plain(text) + "x").split())


def escaped_plain(text):
    """What `escaped` shows: one line, shortened."""
    line = "".join("\ufffd" if is_unseen(c) else c for c in " ".join(text.split()))
    return line if len(line) <= 300 else line[:299] + "…"


def is_unseen(character):
    return unicodedata.category(character) in ("Cc", "Cs") or unicodedata.bidirectional(character) in TURNING


def test_a_prompt_with_a_fence_stays_inside_its_fence():
    page = MarkdownIt().render(markdown(summary(prompts={"v": "```\n# not a heading\n```"})))
    assert "<h1>not a heading" not in page
