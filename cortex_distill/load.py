"""Reads one experiment file and refuses what is wrong with it, all at once, with line and remedy.

In:   a YAML file, data only; the files that it names; overrides of single values
Out:  Experiment: the config, its hash, and the examples that it names
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel, ValidationError

from cortex_distill.config import ExperimentConfig, alike
from cortex_distill.errors import ConfigError
from cortex_distill.prompts import PLACES, Place, TemplateFailure, generate_place, problems, render, suggestion

At = tuple[str | int, ...]
_LARGEST_FILE = 1_000_000  # bytes; an experiment is a page or two
_MOST_VALUES = 20_000  # after aliases are written out, so that a small file cannot fill the memory
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")}
_FREE: set[At] = {("categories",), ("generate", "vary"), ("judge", "thresholds"), ("prompts",)}  # keys are the author's
_SECRET = re.compile(
    r"(.*_)?(password|passwd|pwd|passphrase|token|secrets?|api_?key|private_key|credentials?|authenticator)(_.*)?"
    r"|account|user|user_?name|role|warehouse|database|schema|host|connections?|engine"
)
_NO_SECRETS = (
    "secrets and connections do not belong in an experiment file; take it out and choose the connection by --engine"
)
_SAID = {
    "missing": "is missing",
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping of keys",
    "model_type": "should be a mapping of keys",
    "list_type": "should be a list",
    "greater_than_equal": "should be {ge:g} or more",
    "greater_than": "should be above {gt:g}",
    "less_than_equal": "should be {le:g} or less",
    "too_short": "should have at least {min_length} entry",
    "string_too_long": "should have at most {max_length} characters",
    "literal_error": "should be {expected}",
}


class Experiment(NamedTuple):
    """One experiment file, read and checked."""

    config: ExperimentConfig
    path: Path
    hash: str  # 16 hex digits over the config (overrides applied, order kept) and the files that it names
    examples: dict[str, list[dict[str, str]]]  # by category; {} where the file names none


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The config as JSON-able data, defaults written out and overrides applied."""
    return experiment.config.model_dump(mode="json")


class _Problems:
    """Gathers problems; a place in the data is turned into the line of the file, or into `override`."""

    def __init__(self, shown: str, overridden: set[At]) -> None:
        self.shown, self.overridden = shown, overridden
        self.lines: dict[At, int] = {(): 1}
        self.texts: dict[At, yaml.ScalarNode] = {}
        self.found: set[tuple[str, int, str]] = set()

    def at(self, at: At, what: str, line: int | None = None) -> None:
        key = ".".join(map(str, at))
        text = f"{key}: {what}" if key else what
        if line is None and any(at and (at[: len(o)] == o or o[: len(at)] == at) for o in self.overridden):
            self.found.add(("override", 0, text))
            return
        known = next(at[:n] for n in range(len(at), -1, -1) if at[:n] in self.lines)
        self.found.add((self.shown, line or self.lines[known], text))

    def elsewhere(self, path: Path, line: int, what: str) -> None:
        self.found.add((str(path), line, what))

    def in_template(self, at: At, line: int, what: str) -> None:
        """The line inside a block scalar is exact; other styles fold lines, so they give their first."""
        node = self.texts.get(at)
        if node is None or any(at[: len(o)] == o for o in self.overridden):
            self.at(at, what)
        else:
            self.at(at, what, node.start_mark.line + 1 + (line if node.style == "|" else 0))

    def stop_if_any(self) -> None:
        if self.found:
            order = sorted(self.found, key=lambda found: (found[0] == "override", found))
            lines = [f"{path}:{line}: {text}" if line else f"{path}: {text}" for path, line, text in order]
            raise ConfigError(
                "\n".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+", " ", t) for t in lines)
            )


class _Reader:
    """YAML nodes to plain data. PyYAML alone would let the last of two equal keys win and build objects from tags."""

    def __init__(self, problems: _Problems) -> None:
        self.problems, self.count = problems, 0

    def value(self, node: yaml.Node, at: At, above: tuple[yaml.Node, ...] = ()) -> Any:
        self.count += 1
        line = node.start_mark.line + 1
        if node in above or self.count > _MOST_VALUES:
            self.problems.at(at, "an alias makes the file endless or huge; write the values out", line)
            self.problems.stop_if_any()
        if node.tag not in _PLAIN:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            self.problems.at(at, f"tag {tag} is not allowed in plain data; drop the tag, or quote the text", line)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at, (*above, node))
        if isinstance(node, yaml.SequenceNode):
            return [self.item(child, (*at, index), (*above, node)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            self.problems.texts[at] = node
        return self.scalar(node, at)

    def item(self, node: yaml.Node, at: At, above: tuple[yaml.Node, ...]) -> Any:
        self.problems.lines[at] = node.start_mark.line + 1
        return self.value(node, at, above)

    def scalar(self, node: yaml.Node, at: At) -> Any:
        if node.tag not in _PLAIN:
            return node.value
        try:
            value = yaml.constructor.SafeConstructor().construct_object(node)
            if type(value) in (int, float) and re.match(r"[-+]?0\d|[^.]*:", node.value):
                read = f"YAML reads {node.value} as {value}; write {value}, or quote a text"
                self.problems.at(at, read, node.start_mark.line + 1)
            return value
        except (ValueError, OverflowError, yaml.YAMLError):
            self.problems.at(at, f"{node.value[:60]!r} is neither number nor date; quote it", node.start_mark.line + 1)
            return node.value

    def mapping(self, node: yaml.MappingNode, at: At, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self.key(key_node, at, line)
            if key is None:
                continue
            here = (*at, key)
            if key in data:
                first = self.problems.lines[here]
                self.problems.at(here, f"is given twice, in lines {first} and {line}; drop one", line)
                continue
            self.problems.lines[here] = line
            data[key] = self.value(value_node, here, above)
        return data

    def key(self, node: yaml.Node, at: At, line: int) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:merge":
            self.problems.at(at, "a key should be text, not a merge (<<), list or mapping; write each key out", line)
            return None
        key = self.scalar(node, at)
        if not isinstance(key, str):
            self.problems.at((*at, node.value), f"a key should be text, got {_shown(key)}; {_quote(key)}", line)
        return str(node.value)


def _shown(value: object) -> str:
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", type(None): "nothing"}
    text = kinds.get(type(value)) or (repr(value) if isinstance(value, str) else str(value))
    return text if len(text) <= 80 else text[:79] + "…"


def _quote(value: object) -> str:
    if isinstance(value, bool):
        return f"YAML reads a bare {'Yes, on or true' if value else 'No, off or false'} as a boolean, so quote it"
    return "quote it"


def _number(value: object) -> str:
    """What to write instead of a text that looks like a number, or nothing."""
    parts = re.fullmatch(r"([-+]?\d{1,15})(?:\.(\d{0,15}))?(?:e([-+]?)(\d{1,2}))?", str(value).strip(), re.IGNORECASE)
    if not isinstance(value, str) or not parts:
        return ""
    whole, fraction, sign, power = parts.groups()
    plain = f"{float(value):.20f}".rstrip("0").rstrip(".")
    return (
        f"write {plain} or {whole}.{fraction or 0}e{sign or '+'}{power}" if power else f"write {plain} without quotes"
    )


def _field(at: At) -> tuple[list[str], str]:
    """The keys known at a place, and the description of the nearest field on the way to it."""
    model: type[BaseModel] | None = ExperimentConfig
    description = ""
    for part in at:
        field = model.model_fields.get(str(part)) if model else None
        if field is None:
            return [], description
        description = field.description or ""
        kinds = (field.annotation, *get_args(field.annotation))
        model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
    return list(model.model_fields) if model else [], description


def _explain(error: Mapping[str, Any], found: _Problems) -> None:
    """One of pydantic's errors in the words of the file."""
    loc: At = error["loc"]
    at = tuple(part for n, part in enumerate(loc) if not (n == 1 and loc[0] == "categories"))  # the union's tag
    of_key = at[-1:] == ("[key]",) and len(at) > 2 and error["type"] != "extra_forbidden"  # else a key of that name
    at = at[:-1] if of_key else at
    kind, value, context = error["type"], at[-1] if of_key else error["input"], error.get("ctx", {})
    known, description = _field(at[:-1] if kind == "extra_forbidden" else at)
    if kind == "faults":
        for below, what in context["faults"]:
            found.at((*at, *below), what)
    elif kind == "extra_forbidden":
        if not _is_secret(at[-1]):
            found.at(at, f"no such key; {suggestion(str(at[-1]), known)}")
    elif kind == "missing":
        found.at(at, f"is missing; write it: {description}")
    elif kind == "string_pattern_mismatch":
        form = "DB.SCHEMA.NAME in plain words" if at[-1] == "table" else "small letters, digits and _, a letter first"
        found.at(at, f"should be {form}, got {_shown(value)}")
    elif kind != "string_unicode":  # half a character: said by _look_through, for keys too
        said = _SAID.get("int_type" if kind == "int_from_float" else kind, error["msg"]).format(**context)
        hint = _quote(value) if kind == "string_type" and not isinstance(value, dict | list | None) else description
        hint = (_number(value) if kind in {"int_type", "float_type"} else "") or hint
        found.at(at, f"{said}, got {_shown(value)}; {hint}")


def _walk(value: object, at: At = ()) -> Iterator[tuple[At, object]]:
    yield at, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*at, index))


def _look_through(data: dict[str, Any], found: _Problems) -> None:
    """What pydantic does not see: secrets under any key, halves of characters, labels alike beside other errors."""
    for at, value in _walk(data):
        if at and at[:-1] not in _FREE and _is_secret(at[-1]):
            found.at(at, _NO_SECRETS)
        if any(isinstance(text, str) and re.search("[\ud800-\udfff]", text) for text in (value, *at[-1:])):
            found.at(at, "holds half a character (U+D800 to U+DFFF); write the whole character")
    labels = _labels(data)
    for position, what in alike(labels).items():
        found.at(("categories", labels[position] if isinstance(data["categories"], dict) else position), what)


def _is_secret(key: object) -> bool:
    return bool(_SECRET.fullmatch(str(key).lower().replace("-", "_")))


def _labels(data: dict[str, Any]) -> list[str]:
    given = data.get("categories")
    return [str(label) for label in given] if isinstance(given, dict | list) else []


def _get(data: object, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _templates(data: dict[str, Any]) -> Iterator[tuple[At, Place]]:
    vary, per_call = _get(data, "generate", "vary"), _get(data, "generate", "per_call")
    yield (
        ("generate", "prompt"),
        generate_place(
            vary if isinstance(vary, dict) else (),
            examples=_get(data, "generate", "examples") is not None,
            per_call=per_call if isinstance(per_call, int) else 2,
        ),
    )
    yield ("judge", "prompt"), PLACES["judge.prompt"]
    yield ("fine_tune", "prompt"), PLACES["fine_tune.prompt"]
    variants = _get(data, "prompts")
    yield from ((("prompts", name), PLACES["prompts"]) for name in (variants if isinstance(variants, dict) else ()))


def _check_templates(data: dict[str, Any], found: _Problems) -> None:
    for at, place in _templates(data):
        template = _get(data, *map(str, at))
        if isinstance(template, str) and template.strip():
            for line, what in problems(template, place):
                found.in_template(at, line, what)


def _try_templates(config: ExperimentConfig, examples: dict[str, list[dict[str, str]]], found: _Problems) -> None:
    """Renders each template once per category: some mistakes show only then (a missing attribute, 1 / 0)."""
    shown = config.generate.examples.per_call if config.generate.examples else 0
    texts: dict[At, str] = {("generate", "prompt"): config.generate.prompt, ("judge", "prompt"): config.judge.prompt}
    texts |= {("fine_tune", "prompt"): config.fine_tune.prompt}
    texts |= {("prompts", name): template for name, template in config.prompts.items()}
    for label, definition in config.categories.items():
        values = {"category": label, "definition": definition, "categories": config.categories, "scenario": "scenario"}
        more = {"count": config.generate.per_call, "examples": examples.get(label, [])[:shown], "request": "request"}
        vary = {name: options[0] for name, options in config.generate.vary.items()}
        for at, template in texts.items():
            try:
                render(template, {**values, **more, **vary, "criteria": list(config.judge.thresholds)})
            except TemplateFailure as failure:
                found.in_template(at, failure.line, f"cannot be rendered: {failure.what}; mend the template")


class _Files:
    """The files that an experiment names: read, checked, and summed for its hash."""

    def __init__(self, base: Path, found: _Problems) -> None:
        self.base, self.found, self.sums = base, found, dict[str, str]()

    def content(self, data: dict[str, Any], *at: str) -> tuple[Path, bytes] | None:
        name = _get(data, *at)
        if not isinstance(name, str) or not name.strip() or Path(name).is_absolute():
            return None  # said by the config
        path = self.base / name
        try:
            if path.is_file():
                content = path.read_bytes()
                self.sums[".".join(at)] = hashlib.sha256(content).hexdigest()
                return path, content
            self.found.at(at, f"no such file: {path}; write a path that starts beside the experiment file")
        except (OSError, ValueError) as error:
            self.found.at(at, f"{path} cannot be read: {error}; mend its rights or the path")
        return None

    def examples(self, data: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
        read = self.content(data, "generate", "examples", "file")
        if read is None:
            return {}
        path, content = read
        examples: dict[str, list[dict[str, str]]] = {}
        for number, line in enumerate(content.split(b"\n"), start=1):
            row = self.row(path, number, line, _labels(data)) if line.strip() else None
            if row:
                examples.setdefault(row["category"], []).append(row)
        if not content.strip():
            self.found.elsewhere(path, 1, "holds no example; write JSON lines with category, scenario, request")
        return examples

    def row(self, path: Path, number: int, line: bytes, labels: list[str]) -> dict[str, str] | None:
        try:
            row = json.loads(line.decode("utf-8-sig"))
            json.dumps(row, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            self.found.elsewhere(path, number, "is not a JSON object in UTF-8; write one object per line")
            return None
        wrong = [key for key in ("category", "scenario", "request") if not str(row.get(key) or "").strip()]
        wrong += [key for key in ("category", "scenario", "request") if not isinstance(row.get(key, ""), str)]
        for key in wrong:
            self.found.elsewhere(path, number, f"{key}: should be text that is not blank; write it")
        if not wrong and row["category"] not in labels:
            what = f"category: '{row['category']}' is not in the experiment file; {suggestion(row['category'], labels)}"
            self.found.elsewhere(path, number, what)
        return None if wrong else {key: row[key] for key in ("category", "scenario", "request")}


def _text(path: Path, shown: str) -> str:
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except FileNotFoundError as error:
        near = suggestion(path.name, [beside.name for beside in path.parent.glob("*.y*ml")])
        raise ConfigError(f"{shown}: no such file; {near}") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{shown}:{line}: is not UTF-8 text; save the file as UTF-8") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{shown!r}: cannot be read: {error}; give the path of an experiment file") from error
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{shown}: has {len(content)} bytes; an experiment file has at most {_LARGEST_FILE}")
    return text


def _read(path: Path, found: _Problems) -> dict[str, Any]:
    """The file as plain data. Raises ConfigError if there is none to speak of."""
    text, shown = _text(path, found.shown), found.shown
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = _Reader(found).value(node, ()) if node else None
    except yaml.reader.ReaderError as error:
        line, mark = text[: error.position].count("\n") + 1, f"U+{int(error.character):04X}"
        raise ConfigError(f"{shown}:{line}: holds the character {mark}, not allowed in YAML; take it out") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        what = f"is not YAML: {error.problem}; check indentation (blanks only), quotes and colons"
        raise ConfigError(f"{shown}:{line}: {what}") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"{shown}: is not YAML: {error}; check escapes, and nest no deeper than needed") from error
    if data is None:
        raise ConfigError(f"{shown}:1: is empty; write name, categories, models, generate, judge, split, prompts")
    if not isinstance(data, dict):
        raise ConfigError(f"{shown}:1: should be a mapping of keys, got {_shown(data)}; start with name: …")
    return data


def _override(data: dict[str, Any], overrides: Mapping[str, object], found: _Problems) -> None:
    for dotted, value in overrides.items():
        *parents, last = dotted.split(".")
        here: Any = data
        for depth, part in enumerate(parents, start=1):
            below = {} if here.get(part) is None else here[part]
            here[part] = dict(below) if isinstance(below, dict) else below  # the caller's own data stays as it is
            here = here[part]
            if not isinstance(here, dict):
                found.at(tuple(dotted.split(".")), f"no such key; {'.'.join(parents[:depth])} has no keys below it")
                break
        else:
            here[last] = value


def _validated(data: dict[str, Any], found: _Problems) -> ExperimentConfig:
    try:
        config = ExperimentConfig.model_validate(data)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            _explain(dict(each), found)
        found.stop_if_any()
        raise ConfigError(f"{found.shown}: {error}") from error
    found.stop_if_any()
    return config


def load_experiment(path: Path | str, overrides: Mapping[str, object] | None = None) -> Experiment:
    """The experiment of one YAML file, with single values overridden by dotted keys (`judge.thresholds.valid`).

    Raises ConfigError with one line per problem: `path:line: key: what is wrong; what to write`, sorted.
    The hash follows the order of categories, variants and criteria, because prompts print them in that order.
    """
    overrides, path_ = overrides or {}, Path(path)
    found = _Problems(str(path), {tuple(key.split(".")) for key in overrides})
    data = _read(path_, found)
    _override(data, overrides, found)
    _look_through(data, found)
    _check_templates(data, found)
    files = _Files(path_.parent, found)
    examples = files.examples(data)
    files.content(data, "holdout", "file")
    config = _validated(data, found)
    _try_templates(config, examples, found)
    found.stop_if_any()
    canonical = json.dumps([config.model_dump(mode="json"), files.sums], ensure_ascii=False, separators=(",", ":"))
    return Experiment(config, path_, hashlib.sha256(canonical.encode()).hexdigest()[:16], examples)
