"""What a run of messages would ask for, by the very statements of its steps: nothing is paid, and no table changes.

In:   the inbox of the file, the newest student of the experiment, COMPLETIONS
Out:  a Plan without training. MESSAGE_INBOX and MESSAGES are temporary tables, which hide the real ones

The steps are done as far as all their calls are answered. From there on it is at most: as if every ticket were
answered, every message too long at first, and no two messages to a ticket the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

from cortex_distill import ledger
from cortex_distill.errors import SetupError
from cortex_distill.ledger import Ask
from cortex_distill.message_prompts import TEXT, most_words
from cortex_distill.plan import Part, Plan
from cortex_distill.plan_sql import NOTHING, Counted, Look, Looked, count_tokens, look_at
from cortex_distill.run import Run
from cortex_distill.session import SqlError, who_answers
from cortex_distill.sql import Sql
from cortex_distill.tables import TABLES
from cortex_distill.upload import upload
from tasks import compare_messages, messages
from tasks.classify import classify_ask, update_sql
from tasks.inbox import fill_inbox, messages_of, place_of_inbox
from tasks.prepare import CATEGORY_COLUMNS, category_rows
from tasks.student import Student, newest_student

HIDDEN = ("MESSAGE_INBOX", "MESSAGES")  # that the steps write to
READ = ("COMPLETIONS", "EXPERIMENTS", "CATEGORIES")  # empty where no run was before
REPLIES = 200  # earlier replies of a kind that say how long one is
CHARACTERS_PER_WORD = 6  # with the blank, of a message that is as long as it may be
VERDICT = '{"winner": "second"}'
AT_MOST = "calls: at most, if {}"


class Seen(NamedTuple):
    """What is known of a step's calls."""

    ask: Ask
    looked: Looked
    counted: Counted

    @property
    def all_answered(self) -> bool:
        """Whether the step can be done without a call."""
        return self.looked.free == self.looked.calls


class Reply(NamedTuple):
    """How many tokens one has, and who says so."""

    tokens: float
    basis: str


def plan_messages(run: Run) -> Plan:
    """Think the run through. Its session must be new, and must not be used for anything else afterwards.

    Raises SetupError where nobody answers to a model, and whatever choosing the student and reading the inbox raise.
    """
    there = _hide_tables(run)
    named = {"models.student": run.config.models.student, **messages_of(run).models}
    try:
        who = {model: who_answers(run.session, model) for model in dict.fromkeys(named.values())}
    except SqlError as error:
        raise SetupError(f"plan: {error}\nSee who answers with: distill models {run.experiment.path}") from error
    student = newest_student(run)
    if student is None:
        _write_categories(run, "CATEGORIES" in there)
    place = place_of_inbox(run, "")
    fill_inbox(run, place)
    return Plan(
        f"messages of {run.config.name} to {place}",
        run.engine,
        _Planning(run, who, student).parts(),
        None,
        [],
        who,
        hasattr(run.session.connection, "is_local"),
        "",
        run.config.budget.max_credits if run.config.budget else None,
    )


def _hide_tables(run: Run) -> set[str]:
    tables = "SELECT table_name FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = CURRENT_SCHEMA()"
    there = {str(table) for (table,) in run.sql(tables)}
    for table in (*HIDDEN, *(name for name in READ if name not in there)):
        run.sql(f"CREATE TEMPORARY TABLE {table} ({TABLES[table]})")
    return there


def _write_categories(run: Run, is_there: bool) -> None:
    """Those of the file, for a student that is yet to be trained on them."""
    if is_there:
        run.sql(f"CREATE TEMPORARY TABLE CATEGORIES ({TABLES['CATEGORIES']})")
    upload(run.session, "CATEGORIES", CATEGORY_COLUMNS, category_rows(run))


class _Planning:
    """The steps of a run, one after the other."""

    def __init__(self, run: Run, who: dict[str, str], student: Student | None) -> None:
        self.run, self.who, self.config = run, who, messages_of(run)
        self.base, self.is_trained = run.config.models.student, student is not None
        self.student = student or _to_be_trained(run)
        self.sorted_by = student.model if student else f"tuned {self.base}"

    def parts(self) -> list[Part]:
        """Of every step that asks a model."""
        classify, is_sorted = self._classify()
        tickets = self.run.count("SELECT COUNT(*) FROM MESSAGE_INBOX WHERE left_out IS NULL")
        if not tickets:
            return [classify]
        parts, is_written = self._write(tickets, is_sorted)
        compared = [] if self.config.compare is None else [self._compare(tickets, is_written)]
        return [classify, *parts, *compared]

    def _classify(self) -> tuple[Part, bool]:
        """The student's calls; whether all are answered, so that MESSAGE_INBOX has the categories, else stand-ins."""
        who = who_answers(self.run.session, self.student.model) if self.is_trained else self.who[self.base]
        seen = self._look("PLAN_CLASSIFY", classify_ask(self.run, self.student), who)
        label = sum(map(len, self.student.categories)) / len(self.student.categories)
        known = Reply(seen.counted.of(label), "as short as a category")
        reply = self._reply(("classify", "evaluate"), self.student.model, known)
        is_sorted = self.is_trained and seen.all_answered
        if is_sorted:
            self.run.query(update_sql(self.run, self.student, self._replies("PLAN_CLASSIFY", seen.ask, who)))
        else:
            self.run.query(stand_in_sql(self.run.id, self.student.run_id, self.config.only))
        tickets = f"{seen.looked.calls:,} different requests"
        said = "calls: by their keys" if self.is_trained else "calls: all, as no student is trained yet"
        return self._part(seen, tickets, reply, said, self.is_trained, self.sorted_by), is_sorted

    def _write(self, tickets: int, is_sorted: bool) -> tuple[list[Part], bool]:
        """First and second messages; whether MESSAGES has what the run would write, else stand-ins."""
        run, model = self.run, self.config.model
        first = self._look("PLAN_MESSAGES", messages.messages_ask(run, self.student), self.who[model])
        reply = self._reply(("messages",), model, self._longest(first.counted))
        wanted = f"{tickets:,} tickets, {len(self.config.prompts)} prompts"
        if not is_sorted:
            first = first._replace(looked=first.looked._replace(calls=tickets * len(self.config.prompts)))
        said = "calls: by their keys" if is_sorted else AT_MOST.format("every ticket is answered")
        one = self._part(first, wanted, reply, said, is_sorted)
        if not is_sorted or not first.all_answered:
            self._stand_in_messages(first.counted, reply)
            return [one, _again(one, first.counted, reply)], False
        answers = self._replies("PLAN_MESSAGES", first.ask, self.who[model])
        second = self._look("PLAN_SHORTEN", messages.shorten_ask(run, self.student, answers), self.who[model])
        two = self._part(second, "messages that were too long", reply, "calls: by their keys", True)
        if second.all_answered:
            shorter = self._replies("PLAN_SHORTEN", second.ask, self.who[model])
            run.query(messages.insert_sql(run, self.student, answers, shorter))
        else:
            self._stand_in_messages(first.counted, reply)
        return [one, two], second.all_answered

    def _compare(self, tickets: int, is_written: bool) -> Part:
        assert self.config.compare is not None
        compare, judge = self.config.compare, self.config.compare.judge
        pairs = compare_messages.pairs_of(self.config)
        ask = compare_messages.compare_ask(self.run, self.student, compare, pairs)
        seen = self._look("PLAN_COMPARE", ask, self.who[judge])
        verdict = Reply(min(seen.counted.of(len(VERDICT)), compare.max_tokens), "as short as a verdict")
        reply = self._reply(("compare",), judge, verdict)
        if not is_written:
            most = 2 * comb(len(self.config.prompts), 2) * min(tickets, compare.tickets)
            seen = seen._replace(looked=seen.looked._replace(calls=most))
        said = "calls: by their keys" if is_written else AT_MOST.format("no two messages to a ticket are the same")
        return self._part(seen, "pairs of messages, in both orders", reply, said, is_written)

    def _look(self, name: str, ask: Ask, who: str) -> Seen:
        looks = [Look(ask, who, counts_as=self.base if ask.step == "classify" else "")]
        looked = look_at(self.run.session, name, looks).get((0, ""), Looked(0, 0, 0, 0))
        return Seen(ask, looked, count_tokens(self.run.session, name, looks).get((0, ""), NOTHING))

    def _replies(self, name: str, ask: Ask, who: str) -> str:
        self.run.query(ledger.asked_sql(name, ask, who))
        self.run.query(ledger.replies_sql(name))
        return f"REPLIES_{name}"

    def _part(self, seen: Seen, what: str, reply: Reply, said: str, is_known: bool, model: str = "") -> Part:
        """`is_known`: the keys of the calls are. Where they are not, the prompts stand in for as many as there are."""
        looked = seen.looked
        left = looked.calls - looked.free if is_known else looked.calls
        rows = max(1, self.run.count(f"SELECT COUNT(DISTINCT key) FROM PLAN_{seen.ask.step.upper()}"))
        all_characters = looked.all_characters * looked.calls / rows
        characters = looked.characters if is_known else all_characters
        basis = f"{said}; input: {seen.counted.said(left)}; output: {reply.basis}" if left else ""
        return Part(
            seen.ask.step,
            model or seen.ask.model,
            what,
            looked.calls,
            looked.free if is_known else None,
            round(seen.counted.of(characters)),
            round(reply.tokens * left),
            basis,
            (round(seen.counted.of(all_characters)), round(reply.tokens * looked.calls)),
        )

    def _reply(self, steps: Sequence[str], model: str, otherwise: Reply) -> Reply:
        mean, n = self.run.query(history_sql(steps, model))[0]
        return Reply(float(mean), f"as {int(n):,} earlier replies") if n else otherwise

    def _longest(self, counted: Counted) -> Reply:
        """A message as long as its channel allows, on average over the inbox."""
        limits = most_words(self.config)
        texts, emails = map(
            int,
            self.run.sql(
                """SELECT COUNT(channel = ? OR NULL), COUNT(channel <> ? OR NULL) FROM MESSAGE_INBOX
                WHERE left_out IS NULL""",
                *(TEXT, TEXT),
            )[0],
        )
        words = sum(most * n for most, n in zip(limits.values(), (texts, emails), strict=True)) / (texts + emails)
        most = min(counted.of(words * CHARACTERS_PER_WORD), self.config.max_tokens)
        return Reply(most, f"as many words as are allowed, {CHARACTERS_PER_WORD} characters each")

    def _stand_in_messages(self, counted: Counted, reply: Reply) -> None:
        characters = round(reply.tokens / max(counted.of(1), 0.01))
        for variant in self.config.prompts:
            self.run.sql(
                """INSERT INTO MESSAGES (run_id, row_key, variant, message)
                SELECT run_id, row_key, ?, RPAD(?, ?, ' word') FROM MESSAGE_INBOX WHERE left_out IS NULL""",
                *(variant, variant, characters),
            )


def _again(first: Part, counted: Counted, reply: Reply) -> Part:
    """As many calls again: the same prompts, and a sentence that says how long the first answer was."""
    read = round(first.needed[0] + counted.of(sum(map(len, messages.TOO_LONG)) + 4) * first.calls)
    wrote = round(reply.tokens * first.calls)
    basis = f"{AT_MOST.format('every message is too long at first')}; input and output: as the first time"
    needed = (read, wrote)
    return Part("shorten", first.model, "messages that are too long", first.calls, None, read, wrote, basis, needed)


def _to_be_trained(run: Run) -> Student:
    """The student that a run of the file would train."""
    config = run.config
    asked = (config.models.student, "", config.fine_tune.prompt, config.evaluate.max_tokens, "not trained yet")
    return Student(run.id, config.name, *asked, dict(config.categories))


def stand_in_sql(run_id: str, source_run: str, only: Sequence[str]) -> Sql:
    """One category after the other for the tickets, of those that are answered."""
    wanted = f"AND category IN ({', '.join('?' * len(only))})" if only else ""
    return Sql(
        f"""UPDATE MESSAGE_INBOX SET category = p.category FROM (
            SELECT i.row_key, c.category FROM (
                SELECT row_key, ROW_NUMBER() OVER (ORDER BY row_key) AS n FROM MESSAGE_INBOX
                WHERE run_id = ? AND left_out IS NULL) i
            JOIN (
                SELECT category, ROW_NUMBER() OVER (ORDER BY position) - 1 AS place, COUNT(*) OVER () AS places
                FROM CATEGORIES WHERE run_id = ? {wanted}) c ON c.place = MOD(i.n, c.places)
        ) p WHERE MESSAGE_INBOX.run_id = ? AND MESSAGE_INBOX.row_key = p.row_key""",
        (run_id, source_run, *only, run_id),
    )


def history_sql(steps: Sequence[str], model: str) -> Sql:
    """Mean tokens of the newest replies of a model in these steps, and how many those are."""
    return Sql(
        f"""SELECT AVG(tokens), COUNT(tokens) FROM (
            SELECT answer:value:usage:completion_tokens::NUMBER AS tokens FROM COMPLETIONS
            WHERE step IN ({", ".join("?" * len(steps))}) AND model = ?
            QUALIFY ROW_NUMBER() OVER (ORDER BY answered_at DESC) <= {REPLIES})""",
        (*steps, model),
    )
