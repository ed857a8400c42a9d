"""prompts.py: templates are checked before a run, and row values become columns, never text of a statement."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from cortex_distill.errors import ConfigError
from cortex_distill.prompts import TemplateFailure, problems, render, to_sql
from cortex_distill.spelling import suggestion
from cortex_distill.sql import Sql
from cortex_distill.template_places import PLACES, Place, generate_place

JUDGE, VARIANT = PLACES["judge.prompt"], PLACES["prompts"]
PRINT_ONLY = "request differs per row, so it can only be printed: write {{ request }}"


def test_a_sound_template_has_no_problems():
    assert (
        problems(
            "{% for label, text in categories.items() %}{{ label }}: {{ text }}{% endfor %} {{ request }}", VARIANT
        )
        == []
    )


def test_an_unknown_name_is_shown_with_its_line_and_the_nearest():
    assert problems("a\nb\n{{ requst }} {{ request }}", VARIANT) == [
        (3, "unknown name 'requst'; did you mean 'request'?")
    ]


def test_an_unknown_name_far_from_all_lists_what_is_known():
    assert problems("{{ xyz }}{{ request }}", VARIANT) == [
        (1, "unknown name 'xyz'; known: categories, examples, request")
    ]


def test_a_name_that_must_be_used_is_missed():
    assert problems("hello", VARIANT) == [(1, "never uses request; write {{ request }} where it belongs")]


def test_a_name_used_only_as_a_local_is_missed():
    template = "{% for request in categories %}{{ request }}{% endfor %}"
    assert problems(template, VARIANT) == [(1, "never uses request; write {{ request }} where it belongs")]


def test_a_syntax_error_has_its_line():
    assert problems("a\n{% if %}", VARIANT) == [
        (2, "is not a template: Expected an expression, got 'end of statement block'; see the Jinja manual")
    ]


@pytest.mark.parametrize(
    "template",
    [
        "{{ request | upper }}",
        "{{ request.upper() }}",
        "{{ request[0] }}",
        "{{ request ~ 'x' }}",
        "{{ request if 1 else 2 }}",
        "{{ (request, 1) }}",
        "{% if request %}x{% endif %}",
        "{% if 1 %}{% elif request is defined %}{% endif %}",
        "{% for mark in request %}{{ mark }}{% endfor %}",
        "{% for c in categories if c == request %}{{ c }}{% endfor %}",
        "{% set x = request %}{{ x }}",
        "{% set x %}{{ request }}{% endset %}{{ x | upper }}",
        "{% filter upper %}{{ request }}{% endfilter %}",
        "{% with x = request %}{{ x }}{% endwith %}",
        "{% set ns = namespace(x=1) %}{% set ns.x = request %}{{ ns.x }}",
        "{{ categories | join(request) }}",
    ],
)
def test_a_row_value_can_only_be_printed(template):
    assert problems(template, VARIANT) == [(1, PRINT_ONLY)]
    with pytest.raises(ConfigError, match="can only be printed"):
        to_sql(template, {"categories": {"a": ""}}, {"request": "request"})


@pytest.mark.parametrize(
    ("tag", "template"),
    [
        ("include", "{% include 'x' %}"),
        ("import", "{% import 'x' as y %}"),
        ("from", "{% from 'x' import y %}"),
        ("extends", "{% extends 'x' %}"),
        ("macro", "{% macro m() %}{{ request }}{% endmacro %}"),
        ("call", "{% call x() %}{% endcall %}"),
        ("block", "{% block b %}{{ request }}{% endblock %}"),
        ("autoescape", "{% autoescape true %}{% endautoescape %}"),
        ("for … recursive", "{% for a in categories recursive %}{% endfor %}"),
    ],
)
def test_tags_that_reach_further_are_refused(tag, template):
    wrong = problems(f"{{{{ request }}}}\n{template}", VARIANT)
    assert wrong == [(2, f"{{% {tag} %}} is not allowed here; use for, if, set and with only")]


def test_loop_and_set_variables_are_fine():
    template = "{% set n = 2 %}{% for c in categories %}{{ loop.index + n }}{{ c }}{% endfor %}{{ request }}"
    assert problems(template, VARIANT) == []


def test_a_row_name_shadowed_by_a_loop_is_the_local():
    template = "{% for category in categories %}{{ category | upper }}{% endfor %} {{ category }} {{ request }}"
    assert problems(template, JUDGE) == []
    sql = to_sql(template, {"categories": {"a": "", "b": ""}}, {"category": "c", "request": "r"})
    assert sql == Sql("CONCAT(?, COALESCE(c, ''), ?, COALESCE(r, ''))", ("AB ", " "))


def test_a_name_set_in_one_branch_only_is_not_local():
    template = "{% if categories %}{% set x = 1 %}{% endif %}{{ x }}{{ request }}"
    assert problems(template, VARIANT) == [(1, "unknown name 'x'; known: categories, examples, request")]
    assert problems("{% if 1 %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}{{ request }}", VARIANT) == []


def test_unknown_filters_and_tests_are_refused_even_in_a_branch_not_taken():
    template = "{% if false %}{{ 'x' | uper }}{{ 1 is evn }}{% endif %}{{ request }}"
    assert problems(template, VARIANT) == [
        (1, "no such filter 'uper'; did you mean 'upper'?"),
        (1, "no such test 'evn'; did you mean 'even'?"),
    ]


@pytest.mark.parametrize(
    "template", ["{{ lipsum() }}", "{{ cycler(1) }}", "{{ joiner() }}", "{{ self }}", "{{ dict() }}"]
)
def test_nothing_but_range_and_namespace_is_built_in(template):
    assert problems(template + "{{ request }}", VARIANT)[0][1].startswith("unknown name")


def test_a_random_filter_would_break_the_ledger_so_there_is_none():
    assert problems("{{ categories | random }}{{ request }}", VARIANT)[0][1].startswith("no such filter 'random'")


def test_generate_must_use_what_the_file_sets():
    place = generate_place(["tone"], examples=True, per_call=2)
    assert [what for _, what in problems("x", place)] == [
        f"never uses {name}; write {{{{ {name} }}}} where it belongs"
        for name in ("category", "count", "examples", "tone")
    ]


def test_generate_with_one_ticket_per_call_needs_no_count():
    assert problems("{{ category }}", generate_place([], examples=False, per_call=1)) == []


@pytest.mark.parametrize("template", ["{{" + "(" * 5000, "{{ " + "9" * 5000 + " }}"])
def test_absurd_templates_are_refused_in_words(template):
    assert "too deeply" in problems(template, VARIANT)[0][1]


@given(st.text() | st.text("{}%# ()|'\".,=-~requstfoinml[]\n"))
def test_checking_any_text_never_fails(template):
    assert all(line >= 1 and what for line, what in problems(template, JUDGE))


LINES_OF_TAGS = "Labels:\n  {% for c in categories %}\n{{ c }}\n  {% endfor %}\n{# a note #}\n\n"


def test_a_line_that_holds_only_a_tag_leaves_no_line_in_the_prompt():
    assert render(LINES_OF_TAGS + "end", {"categories": ["a", "b"]}) == "Labels:\na\nb\n\nend"
    sql = to_sql(LINES_OF_TAGS + "{{ request }}", {"categories": ["a", "b"]}, {"request": "r"})
    assert sql == Sql("CONCAT(?, COALESCE(r, ''))", ("Labels:\na\nb\n\n",))


def test_a_line_that_ends_in_a_tag_keeps_its_end_only_when_asked():
    assert render("{% if 1 %}a{% endif %}\nb", {}) == "ab"
    assert render("{% if 1 %}a{% endif +%}\nb", {}) == "a\nb"


def test_lines_of_tags_still_count_as_lines():
    assert problems(LINES_OF_TAGS + "{{ requst }}{{ request }}", VARIANT) == [
        (7, "unknown name 'requst'; did you mean 'request'?")
    ]
    assert problems(LINES_OF_TAGS + "{% if %}{{ request }}", VARIANT)[0][0] == 7
    for mistake in ("{{ 1 / 0 }}", "{{ nope }}", "{{ categories.b }}"):
        with pytest.raises(TemplateFailure) as raised:
            render(LINES_OF_TAGS + mistake, {"categories": ["a"]})
        assert raised.value.line == 7


@given(
    st.lists(st.sampled_from(["a", " ", "\n", "{# x #}", "{% set n = 1 %}", "{% if 1 %}", "{% endif %}", "{{- 1 -}}"]))
)
def test_no_mix_of_tags_and_line_ends_moves_a_line(pieces):
    template = "".join(pieces) + "{% endif %}" * (pieces.count("{% if 1 %}") - pieces.count("{% endif %}"))
    wrong = problems(template + "{{ requst }}{{ request }}", VARIANT)
    line = template.count("\n") + 1
    assert wrong[0][1].startswith("is not a template: ") or wrong == [
        (line, "unknown name 'requst'; did you mean 'request'?")
    ]


def test_rendering_keeps_text_as_it_is():
    assert render("{{ category }}\n", {"category": "<a> & {{ 7*7 }}"}) == "<a> & {{ 7*7 }}"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("\n{{ 1/0 }}", "template line 2: division by zero"),
        ("\n\n{{ a.b }}", "template line 3: 'dict object' has no attribute 'b'"),
        ("{{ nope }}", "template line 1: 'nope' is undefined"),
        (
            "{{ a.items }}",
            "template line 1: prints a function or a generator; add () to call it, or | list, or | join(', ')",
        ),
        ("{{ ''.__class__ }}", "template line 1: access to attribute '__class__' of 'str' object is unsafe."),
        ("{{ 'x' * 9999999999 }}", "template line 1: * works on no such values here; write the text out"),
        ("{{ 9 ** 9 ** 9 }}", "template line 1: ** works on no such values here; write the text out"),
        (
            "\n{{ request",
            "template line 2: is not a template: unexpected end of template, expected 'end of print statement'.",
        ),
    ],
)
def test_a_template_that_cannot_be_rendered_says_where(template, message):
    with pytest.raises(ConfigError) as raised:
        render(template, {"a": {}})
    assert str(raised.value) == message


def test_json_in_a_prompt_is_as_people_write_it():
    assert render("{{ text | tojson }}", {"text": "I'm <é>\n\""}) == '"I\'m <é>\\n\\""'


def test_a_template_cannot_change_the_config():
    categories = {"a": ""}
    with pytest.raises(ConfigError, match="access to attribute 'update'"):
        render("{{ categories.update({'b': ''}) }}", {"categories": categories})
    assert categories == {"a": ""}


def test_a_failure_survives_pickling():
    failure = pickle.loads(pickle.dumps(TemplateFailure(2, "is wrong")))
    assert (str(failure), failure.line, failure.what) == ("template line 2: is wrong", 2, "is wrong")


def test_numbers_still_multiply():
    assert render("{{ 2 * count }}", {"count": 3}) == "6"


def test_a_prompt_becomes_binds_and_columns():
    sql = to_sql("Rate {{ request }} ({{ category }}).", {}, {"request": "t.request", "category": "t.category"})
    assert sql == Sql("CONCAT(?, COALESCE(t.request, ''), ?, COALESCE(t.category, ''), ?)", ("Rate ", " (", ")."))


def test_one_piece_needs_no_concat():
    assert to_sql("{{ request }}", {}, {"request": "request"}) == Sql("COALESCE(request, '')", ())
    assert to_sql("hello", {}, {"request": "request"}) == Sql("?", ("hello",))
    assert to_sql("", {}, {}) == Sql("?", ("",))


def test_pieces_between_columns_are_merged():
    sql = to_sql(
        "{% for c in categories %}{{ c }},{% endfor %}{{ request }}", {"categories": ["a", "b"]}, {"request": "r"}
    )
    assert sql == Sql("CONCAT(?, COALESCE(r, ''))", ("a,b,",))


def test_a_name_in_both_maps_means_the_column():
    assert to_sql("{{ category }}", {"category": "x"}, {"category": "category"}) == Sql("COALESCE(category, '')", ())


HOSTILE = st.text() | st.sampled_from(
    ["{{ 7*7 }}", "{% raw %}", "'; DROP TABLE t; --", "\\", "$$", "?", "COALESCE(r, '')", "row"]
)
PIECE = st.sampled_from(
    [
        "{{ request }}",
        "{{- scenario -}}",
        "{{ scenario }}",
        "{% for c, d in categories.items() %}{{ c }}{{ request }}{{ d }}{% endfor %}",
        *[
            " text\n",
            "\n",
            "  ",
            "'",
            "\\n",
            "?",
            "$$",
            "{{ categories | join('?') }}",
            "{# note #}",
            "{% raw %}{{ x }}{% endraw %}",
        ],
    ]
)


def concatenated(sql, columns):
    """What the database would make of the expression."""
    binds = iter(sql.binds)
    pieces = re.findall(r"\?|COALESCE\((\w+), ''\)", sql.text)
    return "".join(columns[column] or "" if column else next(binds) for column in pieces)


@given(st.lists(PIECE), HOSTILE, st.none() | HOSTILE, st.dictionaries(HOSTILE, HOSTILE, max_size=3))
def test_the_sql_says_what_jinja_would(pieces, request, scenario, categories):
    template, row = "".join(pieces), {"request": request, "scenario": scenario}
    sql = to_sql(template, {"categories": categories}, {"request": "request", "scenario": "scenario"})
    plain = Environment(trim_blocks=True, lstrip_blocks=True).from_string(template)
    assert concatenated(sql, row) == plain.render(categories=categories, request=request, scenario=scenario or "")
    assert re.fullmatch(r"(CONCAT\()?(\?|COALESCE\((request|scenario), ''\)|, )+\)?", sql.text)


def test_suggestions_stay_short():
    assert suggestion("zzz", [f"name{n:02}" for n in range(50)]).count(",") == 19
    assert suggestion("zzz", []) == "known: none"


def test_an_empty_place_knows_nothing():
    assert problems("{{ x }}", Place()) == [(1, "unknown name 'x'; known: none")]
