"""The report: what it says first, and that foreign text stays text."""

import html
import re
import unicodedata
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cortex_distill.ledger import Asked
from cortex_distill.lost_replies import Lost
from cortex_distill.markup import escaped
from cortex_distill.pair_tests import Pair
from cortex_distill.prompt_diff import differences, prompts_markdown
from cortex_distill.quotas import BELOW, REPEATS, Quota, Quotas
from cortex_distill.report import arms, key, markdown, results, verdicts
from cortex_distill.report_answers import mistakes
from cortex_distill.report_tickets import spent
from cortex_distill.scores import Score
from cortex_distill.summary import Compared, Mistake, Sample, Spent, Stage, Summary
from cortex_distill.verdicts import verdicts as weighed

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
        compared=[Compared("teacher", "holdout", weighed([Pair("v1", "v2", 5, 1, 2, 2)])[0])],
        tickets=[],
        mistakes=[],
        training="Fine-tuned it",
        prompts={"v1": "one", "v2": "two"},
    )
    return base._replace(**changes)


def test_a_simulated_run_says_so_in_the_first_line():
    simulated = summary(scores=[score("base student", "simulated:small"), score(served_by="simulated:classifier")])
    assert "Simulated models answered" in markdown(simulated).splitlines()[0]


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


def plain(text):
    """Markdown as a person reads it, without pictures."""
    said = re.sub(r"data:image[^)]*", "", html.unescape(text))
    return said.replace("\\", "").replace("\u200b", "")


@cache
def page():
    """The whole report; its pictures cost a quarter of a second."""
    return plain(markdown(summary()))


def test_every_accuracy_in_the_table_carries_an_interval_and_its_heading_n():
    assert "### On the holdout, n = 10" in page()
    assert "| **0.70 (0.40–0.89)** |" in page()


def test_arms_that_were_asked_about_different_rows_are_not_said_to_have_one_n():
    scores = [score("teacher")._replace(n=12), score("base student"), score()]
    assert "### On the holdout, n = 10–12" in plain("\n".join(results(summary(scores=scores))))


def test_the_picture_of_the_arms_has_the_tuned_student_first():
    scores = [score("teacher"), score("base student")._replace(variant="v1"), score()]
    said = plain(arms(summary(scores=scores)))
    picture = re.search(r"!\[Every model and prompt on the holdout, n = 10\. (.*?)\]\(", said)
    assert picture[1].startswith("tuned student its own prompt: tuned student 0.70 (0.40 to 0.89); tuned: teacher 0.70")


def test_calls_without_an_answer_get_a_column_only_if_there_are_any():
    assert "| silent |" not in page()
    assert "| silent |" in "\n".join(results(summary(scores=[score()._replace(unanswered=1)])))


def test_the_funnel_says_what_was_lost_and_why():
    assert "12 asked for → 10 kept by the judge (2 below a threshold)" in page()


def test_every_confusion_matrix_is_in_a_picture():
    said = page()
    assert "![Tuned student: asked (rows) and answered (columns). 7 of 10 on the diagonal" in said
    assert "teacher, tuned 0.90" in said
    assert "| a | 0.70 | 1.00 | 0.82 | 7 |" in said


def test_a_mistake_says_how_many_others_were_right():
    one = Mistake("a", "My shoes", "b", (3, 4), (0, 4))
    assert "| a | b | 3\xa0of\xa04 | 0\xa0of\xa04 | My shoes |" in plain(mistakes(summary(mistakes=[one])))
    assert "1 of its 3 mistakes" in plain(mistakes(summary(mistakes=[one])))


def test_credits_are_counted_for_cortex_and_for_nobody_else():
    paid = [
        Spent("judge", "llama3.1-8b", "llama3.1-8b", 10, 1, 900_000, 100_000),
        Spent("evaluate", "llama3.1-8b", "gguf:small", 5, 0, 100, 10),
    ]
    said = plain(spent(summary(spent=paid)))
    assert "| judge | llama3.1-8b | 10 | 1 | 900,000 | 100,000 | 0.1900 |" in said
    assert "| evaluate | llama3.1-8b (gguf:small) | 5 | 0 | 100 | 10 | – |" in said
    assert "| **all** |  | **15** | **1** | **900,100** | **100,010** | **0.1900** |" in said


def test_a_run_that_called_nobody_has_no_table_of_calls():
    said = page()
    assert "needed 12 replies and made 0 calls" in said
    assert "tokens in" not in said


def test_lost_replies_are_shown_by_reason_with_an_example():
    lost = [Lost("teacher", "m", "list_only", "one category among other words", 3, 20, "It is a refund")]
    said = plain(markdown(summary(lost=lost)))
    assert "| teacher | m, list_only | one category among other words | It is a refund | 3 | 20 |" in said
    assert "could not be used" not in page()


def test_links_lead_to_the_leaderboard_and_to_the_run_in_the_same_ui():
    assert "[Leaderboard](../key/leaderboard-local) · [this run](../../runs/flow-run/1234)" in page()


def test_a_shown_difference_stands_first_and_bold():
    both = weighed([Pair("v1", "v2", 5, 1, 2, 2), Pair("v1", "v3", 1, 9, 0, 0)])
    said = plain(verdicts(summary(compared=[Compared("teacher", "holdout", verdict) for verdict in both])))
    assert said.index("**v1 is better than v3") < said.index("no difference shown between v1 and v2")


@pytest.mark.parametrize("experiment", ["a", "support_tickets", "a_1__b"])
def test_a_key_is_what_prefect_takes(experiment):
    assert re.fullmatch("[a-z0-9-]+", key(experiment))


def rendered(text):
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)


HOSTILE = "<script>alert(1)</script> [x](http://evil) ![i](http://evil/p.png) | **bold** `code` ~~no~~ http://evil"


def test_hostile_text_becomes_no_markup_wherever_it_stands():
    calls = [Spent(HOSTILE, HOSTILE, HOSTILE, 1, 0, 1, 1)]
    labels = {("a", HOSTILE): 3, ("a", "a"): 7}
    said = rendered(
        markdown(
            summary(
                experiment=HOSTILE,
                holdout_about=HOSTILE,
                categories=["a", HOSTILE],
                scores=[
                    score(role, HOSTILE, model=HOSTILE)._replace(variant=HOSTILE, confusion=labels)
                    for role in ("teacher", "base student", "tuned student")
                ],
                stages=[Stage("asked for", 1, HOSTILE)],
                tickets=[Sample(HOSTILE, HOSTILE, HOSTILE)],
                mistakes=[Mistake(HOSTILE, HOSTILE, HOSTILE, (1, 1), (1, 1))],
                prompts={"v1": "one", HOSTILE: HOSTILE},
                spent=calls,
                judge_check=HOSTILE,
                training=HOSTILE,
                lost=[Lost(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1, 2, HOSTILE)],
            )
        )
    )
    assert "<script" not in said
    assert {url for url in re.findall(r'(?:href|src)="([^"]*)"', said) if "evil" in url} == set()
    assert "<em>" not in said
    assert said.count("&lt;script&gt;") > 15


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
    return (
        unicodedata.category(character) in ("Cc", "Cs")
        or character in "\ufffe\uffff"
        or unicodedata.bidirectional(character) in TURNING
    )


def test_a_prompt_with_a_fence_stays_inside_its_fence():
    said = MarkdownIt().render(markdown(summary(prompts={"v": "```\n# not a heading\n```"})))
    assert "<h1>not a heading" not in said


def test_new_words_are_bold_and_dropped_ones_struck():
    assert differences("sort it: {{ request }}", "sort this: {{ request }}") == (
        r"sort ~~it\:~~ **this\:** \{\{ request \}\}  "
    )


def test_a_long_stretch_that_both_have_is_shortened():
    words = " ".join(map(str, range(100)))
    assert differences(f"a {words} c", f"a {words} d").startswith("… 88 89 90")


def test_emphasis_ends_with_its_line():
    said = rendered(differences("one", "one\ntwo *x*\nthree"))
    assert said.count("<strong>") == 2
    assert "<strong>two *x*</strong>" in said


@given(st.text(alphabet=" \n*~`_<>[]()#ab", max_size=40), st.text(alphabet=" \n*~`_<>[]()#ab", max_size=40))
def test_whatever_prompts_say_their_differences_have_no_other_markup(old, new):
    tags = set(re.findall(r"<(\w+)", rendered(differences(old, new))))
    assert tags <= {"p", "strong", "s", "br"}


def test_a_prompt_with_the_words_of_another_says_so():
    said = prompts_markdown({"v1": "one", "v2": "one"}, {"v2": "can only answer with a category"})
    assert said.endswith("### v2 (can only answer with a category)\n\nThe same words as v1\\.".replace("\\", ""))


def lost_quotas(category, allowed=3, kept=1):
    lost = {REPEATS: 7, BELOW: 2}
    return Quotas([Quota(category, 10, 12, kept, lost), Quota("b", 10, 10, 10, {})], allowed, allowed)


def test_a_category_that_is_short_is_said_first_with_what_to_change():
    said = markdown(summary(quotas=lost_quotas("a|b <b>")))
    assert "1 of 2 categories kept fewer tickets than wanted after 3 rounds" in said.split("# demo")[0]
    assert "| a\\|b &lt;b&gt; | 12 | 10 | 7 | 2 | 1 | 9 |" in said
    assert "the teacher repeats itself" in said


def test_without_refills_a_short_category_is_no_warning_and_a_full_run_says_nothing():
    assert "kept fewer tickets" not in markdown(summary(quotas=lost_quotas("a", allowed=1)))
    full = Quotas([Quota("a", 10, 10, 10, {})], 1, 3)
    assert "Quotas" not in markdown(summary(quotas=full))


def test_a_run_that_was_filled_by_refills_shows_the_table_without_a_warning():
    said = markdown(summary(quotas=lost_quotas("a", kept=21)))
    assert "Every category is full" in said and "short by" not in said and "kept fewer tickets" not in said
