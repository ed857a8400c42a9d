"""load.py: every mistake in an experiment file is refused with its line and its remedy, all at once."""
# ruff: noqa: E501  (whole expected lines are tested, and they are long)

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cortex_distill.errors import ConfigError
from cortex_distill.load import load_experiment, resolved

BASE = """\
name: base
description: Route requests.
categories:
  Roaming fees: charges abroad
  Lost phone: a phone that was lost
models: {teacher: big, judge: big, student: small}
generate:
  per_call: 5
  prompt: |
    Write {{ count }} tickets
    about {{ category }}.
judge:
  thresholds: {realistic: 4, valid: 4}
  prompt: Rate {{ request }}
split: {train: 0.8, validation: 0.2}
prompts:
  plain: "{{ categories | join(', ') }}? {{ request }}"
"""
CONFIGS = Path(__file__).parents[1] / "configs"
NO_SECRETS = (
    "secrets and connections do not belong in an experiment file; take it out and choose the connection by --engine"
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(text, **more):
    Path("x.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_experiment("x.yaml", **more)


def refused(text, **more):
    with pytest.raises(ConfigError) as raised:
        load(text, **more)
    return str(raised.value).split("\n")


def instead(old, new):
    assert BASE.count(old) == 1
    return BASE.replace(old, new)


def test_the_base_of_these_tests_is_sound():
    experiment = load(BASE)
    assert (experiment.config.name, experiment.path, experiment.examples) == ("base", Path("x.yaml"), {})


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_experiment_in_configs_loads(path):
    json.dumps(resolved(load_experiment(path, without_fetched=True)), allow_nan=False)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("models:", "model:", "x.yaml:6: model: no such key; did you mean 'models'?"),
        ("name: base", "name: base\n'[key]': 1", "x.yaml:2: [key]: no such key; known: budget, categories, deduplicate, description, evaluate, fine_tune, gate, generate, holdout, judge, label, messages, models, name, promote, prompts, refine, review, source, split"),
        ("  per_call: 5", "  per_call: 5\n  max_token: 9", "x.yaml:9: generate.max_token: no such key; did you mean 'max_tokens'?"),
        ("  per_call: 5", "  per_cal: 5", "x.yaml:8: generate.per_cal: no such key; did you mean 'per_call'?"),
        ("split: {train: 0.8", "split: {xyz: 1, train: 0.8", "x.yaml:15: split.xyz: no such key; known: by, test, train, validation"),
        ("name: base", "name: No", "x.yaml:1: name: should be text, got False; YAML reads a bare No, off or false as a boolean, so quote it"),
        ("name: base", "name: on", "x.yaml:1: name: should be text, got True; YAML reads a bare Yes, on or true as a boolean, so quote it"),
        ("name: base", "name: 12", "x.yaml:1: name: should be text, got 12; quote it"),
        ("name: base", "name: 2024-01-01", "x.yaml:1: name: should be text, got 2024-01-01; quote it"),
        ("name: base", "name:", "x.yaml:1: name: should be text, got nothing; small letters, digits and _, at most 60 (^[a-z][a-z0-9_]*$)"),
        ("name: base", "name: Base", "x.yaml:1: name: should be small letters, digits and _, a letter first, got 'Base'"),
        ("name: base", f"name: {'a' * 61}", f"x.yaml:1: name: should have at most 60 characters, got '{'a' * 61}'; small letters, digits and _, at most 60 (^[a-z][a-z0-9_]*$)"),
        ("name: base\n", "", "x.yaml:1: name: is missing; write it: small letters, digits and _, at most 60 (^[a-z][a-z0-9_]*$)"),
        (", student: small", "", "x.yaml:6: models.student: is missing; write it: base model that is fine-tuned"),
        ("student: small", "student: ' '", "x.yaml:6: models.student: is empty; write its text, or leave the key out if it has a default"),
        ("realistic: 4", "realistic: 1e-4", "x.yaml:13: judge.thresholds.realistic: should be a number, got '1e-4'; write 0.0001 or 1.0e-4"),
        ("realistic: 4", "realistic: '4'", "x.yaml:13: judge.thresholds.realistic: should be a number, got '4'; write 4 without quotes"),
        ("realistic: 4", "realistic: 6", "x.yaml:13: judge.thresholds.realistic: should be 5 or less, got 6; criterion → lowest rating that is kept (1 to 5)"),
        ("realistic: 4", "realistic: 0", "x.yaml:13: judge.thresholds.realistic: should be 1 or more, got 0; criterion → lowest rating that is kept (1 to 5)"),
        ("realistic: 4", "realistic: .nan", "x.yaml:13: judge.thresholds.realistic: should be a finite number, got nan; criterion → lowest rating that is kept (1 to 5)"),
        ("realistic: 4", "Real: 4", "x.yaml:13: judge.thresholds.Real: should be small letters, digits and _, a letter first, got 'Real'"),
        ("{realistic: 4, valid: 4}", "{}", "x.yaml:13: judge.thresholds: should have at least 1 entry, got a mapping; criterion → lowest rating that is kept (1 to 5)"),
        ("per_call: 5", "per_call: 2.5", "x.yaml:8: generate.per_call: should be a whole number, got 2.5; tickets asked for in one model call (1 to 100)"),
        ("per_call: 5", "per_call: 010", "x.yaml:8: generate.per_call: YAML reads 010 as 8; write 8, or quote a text"),
        ("per_call: 5", "per_call: 1:30", "x.yaml:8: generate.per_call: YAML reads 1:30 as 90; write 90, or quote a text"),
        ("per_call: 5", "per_call: true", "x.yaml:8: generate.per_call: should be a whole number, got True; tickets asked for in one model call (1 to 100)"),
        ("per_call: 5", "per_call: 5\n  structured_output: maybe", "x.yaml:9: generate.structured_output: should be true or false, got 'maybe'; ask for a JSON schema; false if the model refuses"),
        ("per_call: 5", "per_call: 5\n  vary: {count: [a]}", "x.yaml:9: generate.vary.count: 'count' already means something in templates; choose another name"),
        ("{teacher: big, judge: big, student: small}", "[big]", "x.yaml:6: models: should be a mapping of keys, got a list; who plays which role"),
        ("train: 0.8", "train: 0.7", "x.yaml:15: split: the shares should add up to 1, got 0.9; write train: 0.8"),
        ("train: 0.8", "train: 0", "x.yaml:15: split.train: should be above 0, got 0; share that the student is trained on (above 0, at most 1)"),
        ("Lost phone:", "roaming  FEES:", "x.yaml:5: categories.roaming  FEES: is the same label as 'Roaming fees' but for case, blanks and marks around it; rename or drop one"),
        ("Lost phone:", "'':", "x.yaml:5: categories.: a label is blank; write its name"),
        ("Lost phone:", "' Lost phone':", "x.yaml:5: categories. Lost phone: label ' Lost phone' starts or ends with a blank; write 'Lost phone'"),
        ("Lost phone:", '"Lost\\nphone":', "x.yaml:5: categories.Lost phone: a label holds line breaks or control characters (U+000A); take them out"),
        ("Lost phone:", "No:", "x.yaml:5: categories.No: a key should be text, got False; YAML reads a bare No, off or false as a boolean, so quote it"),
        ("  Lost phone: a phone that was lost\n", "", "x.yaml:3: categories: should have at least 2 categories, got 1; add one"),
        ("Lost phone:", "Roaming fees:", "x.yaml:5: categories.Roaming fees: is given twice, in lines 4 and 5; drop one"),
        ("student: small}", "student: small, judge: x}", "x.yaml:6: models.judge: is given twice, in lines 6 and 6; drop one"),
        ("Rate {{ request }}", "''", "x.yaml:14: judge.prompt: is empty; write its text, or leave the key out if it has a default"),
        ("prompts:", "evaluate: {constrained: [plane]}\nprompts:", "x.yaml:16: evaluate.constrained.0: no variant 'plane'; did you mean 'plain'?"),
        ("prompts:", "fine_tune: {rows: both}\nprompts:", "x.yaml:16: fine_tune.rows: 'both' needs generate.examples; name a file there, or write tickets"),
        ("  plain:", "  tuned:", "x.yaml:17: prompts.tuned: 'tuned' names the tuned student's own prompt; choose another name"),
        ("name: base", "name: base\npassword: hunter2", f"x.yaml:2: password: {NO_SECRETS}"),
        ("per_call: 5", "per_call: 5\n  OPENAI-API-KEY: x", f"x.yaml:9: generate.OPENAI-API-KEY: {NO_SECRETS}"),
        ("name: base", "name: base\nengine: local", f"x.yaml:2: engine: {NO_SECRETS}"),
        ("name: base", "name: base\nsource: real", "x.yaml:2: source: should be 'synthetic', got 'real'; where tickets come from: synthetic, or a file or table of real requests"),
        ("name: base", "name: base\nsource: {table: a.b.c, fiel: b}", "x.yaml:2: source.fiel: no such key; did you mean 'file'?"),
        ("name: base", "name: base\nsource: {}", "x.yaml:2: source: should have exactly one of file and table, got 0; write one of them"),
        ("name: base", "name: base\nsource: {table: a.b.c, id: ticket id}", "x.yaml:2: source.id: of a table should be a plain word of letters, digits, _ and $, got 'ticket id'; make a view with such names"),
        ("name: base", "name: base\nsource: {table: a.b.c}", "x.yaml:1: label: is missing; write it: how the teacher labels the requests of source"),
        ("name: base", "name: base\nlabel: {prompt: '{{ request }}'}", "x.yaml:2: label: is for real requests, and source is synthetic; add source: {file: ...}, or drop label"),
        ("name: base", "name: base\nholdout: {table: a.b.c, labels: {x: Lost fone}}", "x.yaml:2: holdout.labels.x: 'Lost fone' is no category; did you mean 'Lost phone'?"),
        ("name: base", "name: base\nholdout: {table: a.b.c, columns: {request: the text}}", "x.yaml:2: holdout.columns.request: of a table should be a plain word of letters, digits, _ and $, got 'the text'; make a view with such names"),
        ("name: base", "name: base\nholdout: {file: h.csv, source: there}", "x.yaml:2: holdout.file: no such file: h.csv; it is not part of this project: get it from there, and run: distill holdout x.yaml DOWNLOADED.csv"),
        ("name: base", "name: base\nholdout: {}", "x.yaml:2: holdout: should have exactly one of file and table, got 0; write one of them"),
        ("name: base", "name: base\nholdout: {table: a.b}", "x.yaml:2: holdout.table: should be DB.SCHEMA.NAME in plain words, got 'a.b'"),
        ("name: base", "name: base\nholdout: {file: h.csv}", "x.yaml:2: holdout.file: no such file: h.csv; write a path that starts beside the experiment file"),
        ("name: base", "name: base\nholdout: {file: .}", "x.yaml:2: holdout.file: no such file: .; write a path that starts beside the experiment file"),
        ("name: base", "name: base\nholdout: {file: /dev/null}", "x.yaml:2: holdout.file: should start beside this file, got '/dev/null'; write a relative path"),
        ("Route requests.", '"\\ud800"', "x.yaml:2: description: holds half a character (U+D800 to U+DFFF); write the whole character"),
        ("Route requests.", "!!python/object/apply:os.system [ls]", "x.yaml:2: description: tag !!python/object/apply:os.system is not allowed in plain data; drop the tag, or quote the text"),
        ("Route requests.", "=", "x.yaml:2: description: tag !!value is not allowed in plain data; drop the tag, or quote the text"),
        ("Route requests.", "&a [*a]", "x.yaml:2: description.0: an alias makes the file endless or huge; write the values out"),
        ("name: base", "name: base\n<<: {a: 1}", "x.yaml:2: a key should be text, not a merge (<<), list or mapping; write each key out"),
        ("name: base", "name: base\n? [a]\n: b", "x.yaml:2: a key should be text, not a merge (<<), list or mapping; write each key out"),
        ("Route requests.", "2024-99-99", "x.yaml:2: description: '2024-99-99' is neither number nor date; quote it"),
        ("about {{ category }}.", "about {{ category }} {{ requst }}.", "x.yaml:11: generate.prompt: unknown name 'requst'; known: categories, category, count, definition, examples, written"),
        ("about {{ category }}.", "about {{ category }} {{ categry }}.", "x.yaml:11: generate.prompt: unknown name 'categry'; did you mean 'category'?"),
        ("about {{ category }}.", "about {{ category }}.\n\n    {% if %}", "x.yaml:13: generate.prompt: is not a template: Expected an expression, got 'end of statement block'; see the Jinja manual"),
        ("about {{ category }}.", "about it.", "x.yaml:10: generate.prompt: never uses category; write {{ category }} where it belongs"),
        ("Write {{ count }} tickets", "Write tickets", "x.yaml:10: generate.prompt: never uses count; write {{ count }} where it belongs"),
        ("per_call: 5", "per_call: 5\n  vary: {tone: [calm]}", "x.yaml:11: generate.prompt: never uses tone; write {{ tone }} where it belongs"),
        ("about {{ category }}.", "about {{ category }} {{ 1 / 0 }}.", "x.yaml:11: generate.prompt: cannot be rendered: division by zero; mend the template"),
        ("Rate {{ request }}", "Rate {{ request | upper }}", "x.yaml:14: judge.prompt: request differs per row, so it can only be printed: write {{ request }}"),
        ("? {{ request }}", "?", "x.yaml:17: prompts.plain: never uses request; write {{ request }} where it belongs"),
        ("name: base", "name: base\nfine_tune: {prompt: hello}", "x.yaml:2: fine_tune.prompt: never uses request; write {{ request }} where it belongs"),
    ],
)  # fmt: skip
def test_one_mistake_gives_one_line(old, new, line):
    lines = refused(instead(old, new))
    also = {"model:": "models: is missing", "Roaming fees:": "at least 2", "!!python": "should be text"}
    assert [
        other for other in lines if other != line and also.get(new.split("/")[0], "nothing else") not in other
    ] == []
    assert line in lines


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "x.yaml:1: is empty; write name, categories, models, generate, judge, split, prompts"),
        ("# only a comment\n", "x.yaml:1: is empty; write name, categories, models, generate, judge, split, prompts"),
        ("- a\n", "x.yaml:1: should be a mapping of keys, got a list; start with name: …"),
        ("hello", "x.yaml:1: should be a mapping of keys, got 'hello'; start with name: …"),
        ("a: 1\nb: c: d\n", "x.yaml:2: is not YAML: mapping values are not allowed here; check indentation (blanks only), quotes and colons"),
        ("a:\n\t- b", "x.yaml:2: is not YAML: found character '\\t' that cannot start any token; check indentation (blanks only), quotes and colons"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2: is not YAML: but found another document; check indentation (blanks only), quotes and colons"),
        (b"a: 1\nb: \xff", "x.yaml:2: is not UTF-8 text; save the file as UTF-8"),
        ("a: 1\nb: \x07", "x.yaml:2: holds the character U+0007, not allowed in YAML; take it out"),
        ("#" * 1_000_001, "x.yaml: has 1000001 bytes; an experiment file has at most 1000000"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_mapping_is_refused(content, line):
    assert refused(content) == [line]


@pytest.mark.parametrize("content", ["[" * 5000, "a: " + "{b: " * 5000, 'a: "\\UFFFFFFFF"'])
def test_absurd_yaml_is_refused(content):
    assert refused(content)[0].startswith("x.yaml: is not YAML: ")


def test_an_alias_bomb_is_refused_before_it_grows():
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 9)]
    assert refused("l0: &l0 [x, x]\n" + "".join(levels))[-1].endswith(
        "an alias makes the file endless or huge; write the values out"
    )


def test_an_alias_may_save_typing():
    text = instead("Rate {{ request }}", "&ask Rate {{ request }}").replace("  plain:", "  asked: *ask\n  plain:")
    assert load(text).config.prompts["asked"] == "Rate {{ request }}"


def test_a_missing_file_names_the_nearest():
    Path("support.yaml").write_text(BASE)
    with pytest.raises(ConfigError) as raised:
        load_experiment("suport.yaml")
    assert str(raised.value) == "suport.yaml: no such file; did you mean 'support.yaml'?"


@pytest.mark.parametrize("path", [".", "a\0b", "nowhere/x.yaml"])
def test_a_path_that_cannot_be_read_is_refused(path):
    with pytest.raises(ConfigError, match=r"cannot be read|no such file"):
        load_experiment(path)


def test_all_mistakes_are_reported_at_once_and_sorted():
    text = (
        instead("name: base", "name: Base\ntoken: hunter2")
        .replace("train: 0.8", "train: 2")
        .replace("Rate", "Rate {{ x }}")
    )
    text = text.replace("Lost phone:", "No:").replace("  plain:", "  plain: a\n  plain:")
    lines = refused(text)
    assert lines == [
        "x.yaml:1: name: should be small letters, digits and _, a letter first, got 'Base'",
        f"x.yaml:2: token: {NO_SECRETS}",
        "x.yaml:6: categories.No: a key should be text, got False; YAML reads a bare No, off or false as a boolean, so quote it",
        "x.yaml:15: judge.prompt: unknown name 'x'; known: categories, category, criteria, definition, request, scenario",
        "x.yaml:16: split.train: should be 1 or less, got 2; share that the student is trained on (above 0, at most 1)",
        "x.yaml:18: prompts.plain: never uses request; write {{ request }} where it belongs",
        "x.yaml:19: prompts.plain: is given twice, in lines 18 and 19; drop one",
    ]
    assert "hunter2" not in "".join(lines)


def test_a_secret_deep_in_an_unknown_section_is_named_but_never_shown():
    lines = refused(instead("name: base", "name: base\nsnowflake: {password: hunter2}"))
    assert f"x.yaml:2: snowflake.password: {NO_SECRETS}" in lines
    assert "hunter2" not in "".join(lines)


def test_labels_variants_and_attributes_may_be_called_like_secrets():
    text = instead("Lost phone:", "Account:").replace("  plain:", "  role: '{{ request }}'\n  plain:")
    load(text.replace("per_call: 5", "per_call: 5\n  vary: {user: [new]}").replace("tickets", "{{ user }} tickets"))


def test_labels_alike_are_found_beside_other_mistakes():
    lines = refused(instead("  Lost phone:", "  roaming fees: x\n  ' y':"))
    assert [line.split(": ")[0] for line in lines] == ["x.yaml:5", "x.yaml:6"]


def test_the_line_of_a_label_in_a_list_is_its_own():
    text = instead("  Roaming fees: charges abroad\n  Lost phone: a phone that was lost", "- a\n- b\n- A\n- 1")
    assert refused(text) == [
        "x.yaml:6: categories.2: is the same label as 'a' but for case, blanks and marks around it; rename or drop one",
        "x.yaml:7: categories.3: should be text, got 1; quote it",
    ]


def test_a_folded_template_gives_its_first_line():
    text = instead("  prompt: Rate {{ request }}", "  prompt: >\n    Rate\n    {{ requst }} {{ request }}")
    assert refused(text) == ["x.yaml:14: judge.prompt: unknown name 'requst'; did you mean 'request'?"]


def test_a_template_with_lines_of_tags_gives_the_line_of_the_mistake():
    block = "|\n    Rate\n    {% for c in categories %}\n    {{ c }}\n    {% endfor %}\n    {{ request }} "
    wrong = instead("prompt: Rate {{ request }}", f"prompt: {block}{{{{ requst }}}}")
    assert refused(wrong) == ["x.yaml:19: judge.prompt: unknown name 'requst'; did you mean 'request'?"]
    fails = instead("prompt: Rate {{ request }}", f"prompt: {block}{{{{ 1 / 0 }}}}")
    assert refused(fails) == ["x.yaml:19: judge.prompt: cannot be rendered: division by zero; mend the template"]


EXAMPLES = instead("per_call: 5", "per_call: 5\n  examples: {file: data/e.jsonl}").replace(
    "about", "{{ examples | length }} about"
)
TICKET = {"category": "Lost phone", "scenario": "s", "request": "r"}


def examples(*lines):
    Path("data").mkdir(exist_ok=True)
    Path("data/e.jsonl").write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))


def test_examples_come_by_category():
    examples(TICKET, "", TICKET | {"request": "{{ 7*7 }}\u2028", "id": 7})
    assert load(EXAMPLES).examples == {"Lost phone": [TICKET, TICKET | {"request": "{{ 7*7 }}\u2028"}]}


def test_a_missing_examples_file_is_refused():
    line = "no such file: data/e.jsonl; write a path that starts beside the experiment file"
    assert refused(EXAMPLES) == [f"x.yaml:9: generate.examples.file: {line}"]


def test_wrong_examples_have_their_own_lines():
    examples(
        TICKET | {"category": "lost phone"},
        "{",
        [],
        TICKET | {"request": " "},
        {"category": 7},
        '{"category": "\\ud800"}',
    )
    no_object, blank = (
        "is not a JSON object in UTF-8; write one object per line",
        "should be text that is not blank; write it",
    )
    assert refused(EXAMPLES) == [
        "data/e.jsonl:1: category: 'lost phone' is not in the experiment file; did you mean 'Lost phone'?",
        f"data/e.jsonl:2: {no_object}",
        f"data/e.jsonl:3: {no_object}",
        f"data/e.jsonl:4: request: {blank}",
        f"data/e.jsonl:5: category: {blank}",
        f"data/e.jsonl:5: request: {blank}",
        f"data/e.jsonl:5: scenario: {blank}",
        f"data/e.jsonl:6: {no_object}",
    ]


def test_an_empty_examples_file_is_refused():
    examples("")
    assert refused(EXAMPLES) == ["data/e.jsonl:1: holds no example; write JSON lines with category, scenario, request"]


def test_examples_unused_in_the_prompt_are_refused():
    examples(TICKET)
    assert refused(EXAMPLES.replace("{{ examples | length }} ", "")) == [
        "x.yaml:11: generate.prompt: never uses examples; write {{ examples }} where it belongs"
    ]


def test_an_override_is_part_of_config_and_hash():
    plain, overridden = load(BASE), load(BASE, overrides={"judge.thresholds.valid": 5})
    assert overridden.config.judge.thresholds == {"realistic": 4.0, "valid": 5.0}
    assert plain.hash != overridden.hash
    assert overridden.hash == load(instead("valid: 4", "valid: 5.0")).hash


def test_an_override_may_write_what_the_file_leaves_out():
    assert load(BASE, overrides={"holdout.table": "A.B.C", "fine_tune.max_epochs": 9}).config.fine_tune.max_epochs == 9


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("judge.threshold.valid", 5, "override: judge.threshold: no such key; did you mean 'thresholds'?"),
        ("jugde.prompt", "x", "override: jugde: no such key; did you mean 'judge'?"),
        ("name.first", "x", "override: name.first: no such key; name has no keys below it"),
        ("judge.thresholds.valid", 6, "override: judge.thresholds.valid: should be 5 or less, got 6; criterion → lowest rating that is kept (1 to 5)"),
        ("split.train", 0.9, "override: split: the shares should add up to 1, got 1.1; write train: 0.8"),
        ("judge.prompt", "a\n{{ requst }} {{ request }}", "override: judge.prompt: unknown name 'requst'; did you mean 'request'?"),
        ("holdout.file", "h.csv", "override: holdout.file: no such file: h.csv; write a path that starts beside the experiment file"),
        ("role", "x", f"override: role: {NO_SECRETS}"),
        ("models.judge", "\ud800", "override: models.judge: holds half a character (U+D800 to U+DFFF); write the whole character"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_called_override(key, value, line):
    assert refused(BASE, overrides={key: value}) == [line]


def test_the_hash_follows_what_matters():
    same = load(BASE).hash
    assert len(same) == 16
    assert same == load("# note\n" + BASE.replace("train: 0.8, validation: 0.2", "validation: 0.2, train: 0.8")).hash
    assert same == load(BASE + "evaluate: {max_tokens: 32}\n").hash
    assert same != load(instead("Rate", "Judge")).hash


def test_the_order_of_categories_is_part_of_the_hash():
    swapped = "  Lost phone: a phone that was lost\n  Roaming fees: charges abroad"
    assert load(BASE).hash != load(instead("\n".join(reversed(swapped.split("\n"))), swapped)).hash


def test_the_files_named_are_part_of_the_hash():
    text = instead("name: base", "name: base\nholdout: {file: h.csv}")
    Path("h.csv").write_text("request,category\n")
    before = load(text).hash
    Path("h.csv").write_text("request,category\nhi,Lost phone\n")
    assert load(text).hash != before


def test_rows_of_the_holdout_are_not_read():
    Path("h.csv").write_bytes(b"\xff\x00 no csv")
    load(instead("name: base", "name: base\nholdout: {file: h.csv}"))


def test_the_record_is_json_with_defaults_and_overrides():
    record = json.loads(json.dumps(resolved(load(BASE, overrides={"split": {"train": 0.5, "validation": 0.5}}))))
    assert (record["split"]["train"], record["evaluate"]) == (0.5, {"max_tokens": 32, "constrained": []})


SOUP = st.lists(
    st.sampled_from(
        [*BASE.split("\n"), "- a", "&a", "*a", "!!int x", "<<: *a", "? ", "{{ request }}", "0x_", "\t", "%TAG"]
    )
)
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


@FUZZ
@given(st.text() | st.binary() | SOUP.map("\n".join) | st.text("a:-{}[]&*!|>'\"%@`?, #\n\t\\0x"))
def test_any_content_loads_or_is_refused(content):
    try:
        load(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    except ConfigError as error:
        assert all(line.startswith("x.yaml:") for line in str(error).split("\n"))


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(b"x"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
KEYS = [
    "name",
    "categories",
    "models",
    "models.judge",
    "generate",
    "generate.vary.tone",
    "generate.prompt",
    "generate.per_call",
]
KEYS += [
    "generate.examples.file",
    "judge.thresholds",
    "judge.thresholds.valid",
    "split.test",
    "prompts",
    "prompts.b",
    "holdout.file",
]


@FUZZ
@given(st.dictionaries(st.sampled_from(KEYS) | st.text(), VALUE, max_size=3))
def test_any_overrides_are_taken_or_refused(overrides):
    try:
        json.dumps(resolved(load(BASE, overrides=overrides)), allow_nan=False)
    except ConfigError as error:
        assert str(error)


def test_overrides_leave_the_callers_data_alone():
    mine = {"split": {"train": 0.8, "validation": 0.2}, "split.train": 0.7, "split.test": 0.1}
    load(BASE, overrides=mine)
    assert mine["split"] == {"train": 0.8, "validation": 0.2}


def test_a_labelling_prompt_knows_the_file_and_the_request_and_not_the_label():
    lines = refused(instead("name: base", "name: base\nlabel: {prompt: '{{ request }} {{ category }} {{ scenario }}'}"))
    told = [line for line in lines if "label.prompt" in line]
    assert told == [
        "x.yaml:2: label.prompt: unknown name 'category'; did you mean 'categories'?",
        "x.yaml:2: label.prompt: unknown name 'scenario'; known: categories, examples, none_of_these, request",
    ]


REAL = """
source: {table: a.b.c}
label: {prompt: '{{ request }}'}
"""


def without_generate(text):
    head, rest = text.split("generate:")
    return head + rest[rest.index("judge:") :]


def test_real_requests_need_no_words_for_writing_tickets():
    experiment = load(without_generate(BASE) + REAL)
    assert not experiment.config.is_synthetic
    assert "generate" not in resolved(experiment)


def test_written_tickets_need_words_for_writing_them():
    assert refused(without_generate(BASE)) == [
        "x.yaml:1: generate: is missing; write it: how the teacher writes tickets"
    ]


def test_a_real_request_has_no_scenario():
    text = without_generate(BASE).replace("Rate {{ request }}", "Rate {{ request }} {{ scenario }}") + REAL
    (line,) = refused(text)
    assert "judge.prompt: unknown name 'scenario'" in line


def test_a_category_that_says_none_of_these_is_refused_where_the_teacher_may_abstain():
    text = (without_generate(BASE) + REAL).replace("Lost phone:", "None of these:")
    (line,) = refused(text)
    assert "label.abstain: a category is 'none of these', which is what the teacher says to abstain" in line
    load(text.replace("{prompt:", "{abstain: false, prompt:"))


def test_another_request_in_the_source_gives_another_hash():
    text = without_generate(BASE) + REAL.replace("table: a.b.c", "file: in.csv")
    Path("in.csv").write_text("id,request\n1,a\n")
    before = load(text).hash
    Path("in.csv").write_text("id,request\n1,b\n")
    assert load(text).hash != before
