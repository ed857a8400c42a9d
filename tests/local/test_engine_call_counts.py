"""One provider call per row that reaches a Cortex call, in every shape of statement; or a refusal before any call."""

import pytest
from snowflake.snowpark import functions as F
from snowflake.snowpark.exceptions import SnowparkSQLException

C = "SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', p)"
CN = "SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', n::STRING)"
TP = "SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', t.p)"
UP = "SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', u.p)"
FILTER = "AI_FILTER(p)"
REFUSED = "refused"
AT_MOST_ONCE = range(2, 11)  # DuckDB asks before it joins: at most once per row of t, and not for rows it leaves out


OBJECTS = {  # as a statement names them: what makes them
    " v": f"CREATE VIEW v AS SELECT n, {C} AS c FROM t",
    "ask(": "CREATE FUNCTION ask(x STRING) RETURNS STRING AS $$ SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', x) $$",
    "twice(": "CREATE FUNCTION twice(x STRING) RETURNS STRING AS $$ CONCAT(x, x) $$",
    "once(": "CREATE FUNCTION once(x STRING) RETURNS STRING AS $$ CONCAT('<', x, '>') $$",
}


@pytest.fixture
def tables(rows, request):
    """t and u, and of the others those that the shape names."""
    rows("CREATE TABLE t AS SELECT SEQ4() AS n, 'prompt ' || n % 8 AS p FROM TABLE(GENERATOR(ROWCOUNT => 10))")
    rows("CREATE TABLE u (n NUMBER, p STRING)")
    rows("INSERT INTO u VALUES (2, 'two'), (3, 'three'), (30, 'thirty')")
    given = getattr(request.node, "callspec", None)
    named = [str(value) for value in given.params.values()] if given else []
    statement = " ".join(str(SHAPES[name][0]) if name in SHAPES else name for name in named)
    for name, made in OBJECTS.items():
        if name in statement:
            rows(made)


SHAPES = {
    "select": (f"SELECT {C} FROM t", 10),
    "select constant": ("SELECT AI_COMPLETE('llama3.1-8b', 'x')", 1),
    "two calls": (f"SELECT {C}, {CN} FROM t", 20),
    "the same call twice": (f"SELECT {C}, {C} FROM t", 20),
    "where": (f"SELECT n FROM t WHERE {C} LIKE '%a%'", 10),
    "where on a filtered table": (f"SELECT n FROM (SELECT * FROM t WHERE n < 4) WHERE {C} <> ''", 4),
    "where after a cheap condition": (f"SELECT n FROM t WHERE n < 4 AND {C} <> ''", 4),
    "where before a cheap condition": (f"SELECT n FROM t WHERE {C} <> '' AND n < 4", 4),
    "where with or": (f"SELECT n FROM t WHERE n < 4 OR {C} = ''", 6),
    "ai_filter in where": (f"SELECT n FROM t WHERE {FILTER}", 10),
    "ai_filter, not": (f"SELECT n FROM t WHERE NOT {FILTER}", 10),
    "ai_filter in where and select": (f"SELECT {FILTER} FROM t WHERE {FILTER}", 20),
    "ai_filter and another condition": (f"SELECT n FROM t WHERE n > 7 AND {FILTER}", 2),
    "ai_filter in a join": ("SELECT * FROM t JOIN u ON AI_FILTER(PROMPT('{0} fits {1}', t.p, u.p))", 30),
    "order by the call": (f"SELECT n FROM t ORDER BY {C}", 10),
    "order by its alias": (f"SELECT {C} AS c FROM t ORDER BY c", 10),
    "order by its alias, limit": (f"SELECT {C} AS c FROM t ORDER BY c LIMIT 2", 10),
    "order by a column, limit": (f"SELECT {C} AS c FROM t ORDER BY n LIMIT 2", 10),
    "limit": (f"SELECT {C} FROM t LIMIT 2", 2),
    "limit of many": (f"SELECT {CN} FROM many LIMIT 5", 5),
    "order by and limit of many": (f"SELECT {CN} FROM many ORDER BY n DESC LIMIT 5", 5000),
    "top": (f"SELECT TOP 3 {C} FROM t", 3),
    "limit and offset": (f"SELECT {C} FROM t LIMIT 2 OFFSET 3", 10),
    "limit in a subquery": (f"SELECT {C} FROM (SELECT * FROM t LIMIT 4)", 4),
    "sample": (f"SELECT {C} FROM t SAMPLE (100)", 10),
    "sample of rows": (f"SELECT {C} FROM t SAMPLE (4 ROWS)", 4),
    "group by the alias": (f"SELECT {C} AS c, COUNT(*) FROM t GROUP BY c", 10),
    "group by its place": (f"SELECT {C} AS c, COUNT(*) FROM t GROUP BY 1", 10),
    "group by the call": (f"SELECT COUNT(*) FROM t GROUP BY {C}", 10),
    "having": (f"SELECT COUNT(*) FROM t GROUP BY p HAVING {C} <> ''", REFUSED),
    "call on a group key": (f"SELECT {C}, COUNT(*) FROM t GROUP BY p", 8),
    "call on an aggregate": ("SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', MAX(p)) FROM t", 1),
    "aggregate of calls": (f"SELECT MAX({C}), COUNT(*) FROM t", 10),
    "two aggregates of one call": (f"SELECT MIN({C}), MAX({C}) FROM t", 20),
    "listagg": (f"SELECT LISTAGG({C}, ',') FROM t", REFUSED),
    "array_agg": (f"SELECT ARRAY_AGG({C}) FROM t", REFUSED),
    "count distinct": (f"SELECT COUNT(DISTINCT {C}) FROM t", 10),
    "qualify": (f"SELECT n FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY p ORDER BY {C}) = 1", REFUSED),
    "window over a call": (f"SELECT ROW_NUMBER() OVER (ORDER BY {C}) FROM t", REFUSED),
    "window of a call": (f"SELECT MAX({C}) OVER (PARTITION BY n) FROM t", 10),
    "call on a window": (
        "SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', MAX(p) OVER (ORDER BY n)) FROM t", 10),
    "case, reached rows only": (f"SELECT CASE WHEN n < 4 THEN {C} ELSE 'no' END FROM t", 4),
    "case, call as condition": (f"SELECT CASE WHEN {C} = 'x' THEN 1 ELSE 2 END FROM t", 10),
    "case, a call in both branches": (f"SELECT CASE WHEN n < 4 THEN {C} ELSE {CN} END FROM t", 10),
    "case, call as operand": (f"SELECT CASE {C} WHEN 'x' THEN 1 WHEN 'y' THEN 2 END FROM t", 10),
    "iff": (f"SELECT IFF(n < 4, {C}, NULL) FROM t", 4),
    "iff on a call": (f"SELECT IFF({C} = 'x', 1, 2) FROM t", 10),
    "decode": (f"SELECT DECODE({C}, 'x', 1, 'y', 2) FROM t", REFUSED),
    "coalesce, first": (f"SELECT COALESCE({C}, 'x') FROM t", 10),
    "coalesce, second": (f"SELECT COALESCE(p, {C}) FROM t", 0),
    "nvl": (f"SELECT NVL({C}, 'x') FROM t", 10),
    "nvl2": (f"SELECT NVL2({C}, 'x', 'y') FROM t", 10),
    "nullif": (f"SELECT NULLIF({C}, 'x') FROM t", 10),
    "nullif of a trimmed call": (f"SELECT NULLIF(TRIM({C}), '') FROM t", 10),
    "equal_null": (f"SELECT EQUAL_NULL({C}, 'x') FROM t", 10),
    "zeroifnull": ("SELECT ZEROIFNULL(AI_FILTER(p)::INT) FROM t", 10),
    "div0": (f"SELECT DIV0(LENGTH({C}), LENGTH({C})) FROM t", REFUSED),
    "in": (f"SELECT {C} IN ('a', 'b') FROM t", 10),
    "not in, in where": (f"SELECT n FROM t WHERE {C} NOT IN ('a', 'b')", 10),
    "in a subquery's rows": (f"SELECT {C} IN (SELECT p FROM u) FROM t", 10),
    "rows of a subquery with a call": (f"SELECT n FROM t WHERE p IN (SELECT {C} FROM u)", 3),
    "between": (f"SELECT {C} BETWEEN 'a' AND 'b' FROM t", 10),
    "greatest": (f"SELECT GREATEST({C}, 'x') FROM t", 10),
    "least of two calls": (f"SELECT LEAST({C}, {CN}) FROM t", REFUSED),
    "like any": (f"SELECT {C} LIKE ANY ('a%', 'b%') FROM t", REFUSED),
    "ilike": (f"SELECT {C} ILIKE 'a%' FROM t", 10),
    "is null": (f"SELECT {C} IS NULL FROM t", 10),
    "not": (f"SELECT NOT {FILTER} FROM t", 10),
    "trim": (f"SELECT TRIM({C}, '\\n .') FROM t", 10),
    "lower of trim": (f"SELECT LOWER(TRIM({C})) FROM t", 10),
    "split": (f"SELECT SPLIT({C}, ' ')[0] FROM t", 10),
    "split_part": (f"SELECT SPLIT_PART({C}, ' ', 1) FROM t", REFUSED),
    "regexp_substr": (f"SELECT REGEXP_SUBSTR({C}, '[a-z]+') FROM t", 10),
    "regexp_replace": (f"SELECT REGEXP_REPLACE({C}, '[a-z]+', '') FROM t", 10),
    "replace": (f"SELECT REPLACE({C}, 'a', 'b') FROM t", 10),
    "left": (f"SELECT LEFT({C}, 3) FROM t", 10),
    "substr": (f"SELECT SUBSTR({C}, 2, 3) FROM t", 10),
    "initcap": (f"SELECT INITCAP({C}) FROM t", REFUSED),
    "contains": (f"SELECT CONTAINS({C}, 'a') FROM t", 10),
    "try_parse_json": (f"SELECT TRY_PARSE_JSON({C}) FROM t", 10),
    "path": (f"SELECT TRY_PARSE_JSON({C}):a.b::STRING FROM t", 10),
    "element": (f"SELECT PARSE_JSON({C})[0]:a::INT FROM t", 10),
    "path into ai_classify": ("SELECT AI_CLASSIFY(p, ['a', 'b']):labels[0]::STRING FROM t", 10),
    "try_cast": (f"SELECT TRY_CAST({C} AS NUMBER) FROM t", 10),
    "try_to_number": (f"SELECT TRY_TO_NUMBER({C}) FROM t", 10),
    "cast": (f"SELECT {C}::VARCHAR(10) FROM t", 10),
    "to_variant": (f"SELECT {C}::VARIANT FROM t", 10),
    "typeof": (f"SELECT TYPEOF(TRY_PARSE_JSON({C})) FROM t", 10),
    "array_size": (f"SELECT ARRAY_SIZE(TRY_PARSE_JSON({C})) FROM t", 10),
    "object_construct": (f"SELECT OBJECT_CONSTRUCT('a', {C}, 'b', {CN}) FROM t", 20),
    "array_construct": (f"SELECT ARRAY_CONSTRUCT({C}, {CN}) FROM t", 20),
    "concat": (f"SELECT CONCAT('a', {C}, 'b') FROM t", 10),
    "concat_ws": (f"SELECT CONCAT_WS(',', {C}, 'b') FROM t", REFUSED),
    "call on a call": (f"SELECT AI_COMPLETE('llama3.1-8b', {C}) FROM t", 20),
    "ai_null_if_error": (
        "SELECT AI_NULL_IF_ERROR(AI_COMPLETE(model => 'llama3.1-8b', prompt => p, return_error_details => TRUE))"
        " FROM t", 10),
    "where on grouped rows": (f"SELECT p FROM (SELECT p, COUNT(*) FROM t GROUP BY p) WHERE {C} <> ''", 8),
    "where on distinct rows": (f"SELECT p FROM (SELECT DISTINCT p FROM t) WHERE {C} <> ''", REFUSED),
    "distinct": (f"SELECT DISTINCT {C} FROM t", 10),
    "call on distinct rows": (f"SELECT {C} FROM (SELECT DISTINCT p FROM t)", 8),
    "union all": (f"SELECT {C} FROM t UNION ALL SELECT {C} FROM t", 20),
    "union": (f"SELECT {C} FROM t UNION SELECT {C} FROM u", 13),
    "except": (f"SELECT {C} FROM t EXCEPT SELECT p FROM u", 10),
    "intersect": (f"SELECT p FROM t INTERSECT SELECT {C} FROM u", 3),
    "join, call in the select list": (f"SELECT {TP} FROM t JOIN u ON t.n = u.n", 2),
    "join, call in the left side": (f"SELECT u.p FROM (SELECT n, {C} AS c FROM t) a JOIN u ON a.n = u.n", 0),
    "join, call in the right side": (f"SELECT a.c FROM t JOIN (SELECT n, {C} AS c FROM u) a ON a.n = t.n", 2),
    "join on a call": (f"SELECT * FROM t JOIN u ON t.n = u.n AND {TP} <> ''", AT_MOST_ONCE),
    "join on equal calls": (f"SELECT * FROM t JOIN u ON {TP} = {UP}", 13),
    "left join": (f"SELECT {UP} FROM t LEFT JOIN u ON t.n = u.n", 2),
    "cross join": (f"SELECT {TP} FROM t CROSS JOIN u", 30),
    "where after a join": (f"SELECT t.n FROM t JOIN u ON t.n = u.n WHERE {TP} <> ''", AT_MOST_ONCE),
    "where on one side of a cross join": (f"SELECT t.n FROM t, u WHERE {TP} <> ''", 10),
    "natural self join": (f"SELECT a.c FROM (SELECT n, {C} AS c FROM t) a JOIN (SELECT n FROM t) b USING (n)", 10),
    "flatten of a call": (f"SELECT f.value FROM t, LATERAL FLATTEN(input => TRY_PARSE_JSON({C})) f", 10),
    "flatten of a subquery": (
        f"SELECT f.value FROM (SELECT TRY_PARSE_JSON({C}) AS j FROM t), LATERAL FLATTEN(input => j) f", 10),
    "call on a flattened value": (
        "SELECT AI_COMPLETE('llama3.1-8b', f.value::STRING)"
        " FROM LATERAL FLATTEN(input => PARSE_JSON('[\"a\", \"b\"]')) f", 2),
    "cte": (f"WITH c AS (SELECT {C} AS r FROM t) SELECT r FROM c", 10),
    "cte read twice": (f"WITH c AS (SELECT {C} AS r FROM t) SELECT * FROM c a JOIN c b ON a.r = b.r", 10),
    "cte not read": (f"WITH c AS (SELECT {C} AS r FROM t) SELECT n FROM t", 0),
    "cte of a cte": (
        f"WITH a AS (SELECT {C} AS r FROM t), b AS (SELECT r || 'x' AS r FROM a) SELECT * FROM b, b AS c", 10),
    "subquery": (f"SELECT r FROM (SELECT {C} AS r FROM t) WHERE r <> '' AND LENGTH(r) > 1", 10),
    "subquery used twice in the outer select": (f"SELECT r, r || r, LENGTH(r) FROM (SELECT {C} AS r FROM t)", 10),
    "subquery whose column is dropped": (f"SELECT n FROM (SELECT n, {C} AS r FROM t)", 0),
    "scalar subquery": (f"SELECT (SELECT {C} FROM t WHERE n = 3)", 1),
    "scalar subquery beside rows": (f"SELECT n, (SELECT MAX({C}) FROM u) FROM t", REFUSED),
    "exists": (f"SELECT n FROM u WHERE EXISTS (SELECT 1 FROM t WHERE t.n = u.n AND {TP} <> '')", 2),
    "correlated subquery": ("SELECT (SELECT MAX(SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', u.p)) FROM u"
                            " WHERE u.n = t.n) FROM t", REFUSED),
    "call on a correlated value": (
        "SELECT (SELECT SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', t.p)) FROM t", 10),
    "alias in where": (f"SELECT {C} AS c FROM t WHERE c <> ''", REFUSED),
    "alias in another column": (f"SELECT {C} AS c, c || 'x' FROM t", REFUSED),
    "view": ("SELECT c FROM v", 10),
    "view, its call not wanted": ("SELECT n FROM v", 0),
    "view read twice": ("SELECT * FROM v a JOIN v b ON a.n = b.n", REFUSED),
    "view in nullif": ("SELECT NULLIF(c, 'x') FROM v", 10),
    "function with a call": ("SELECT ask(p) FROM t", 10),
    "function with a call, twice": ("SELECT ask(p), ask(n::STRING) FROM t", REFUSED),
    "function with a call, in nullif": ("SELECT NULLIF(ask(p), 'x') FROM t", REFUSED),
    "call as argument used once": (f"SELECT once({C}) FROM t", 10),
    "call as argument used twice": (f"SELECT twice({C}) FROM t", REFUSED),
    "create table as": (f"CREATE TABLE made AS SELECT {C} AS c FROM t", 10),
    "create or replace transient table as": (f"CREATE OR REPLACE TRANSIENT TABLE made AS SELECT {C} AS c FROM t", 10),
    "create view": (f"CREATE VIEW w AS SELECT {C} AS c FROM t", 0),
    "create function": (f"CREATE FUNCTION g(p STRING) RETURNS STRING AS $$ {C} $$", 0),
    "insert select": (f"INSERT INTO t (p) SELECT {C} FROM t", 10),
    "insert from a view": ("INSERT INTO t (p) SELECT c FROM v", 10),
    "insert values": ("INSERT INTO t VALUES (1, AI_COMPLETE('llama3.1-8b', 'x'))", 1),
    "insert select from values": ("INSERT INTO t SELECT 1, AI_COMPLETE('llama3.1-8b', $1) FROM VALUES ('a'), ('b')", 2),
    "update": (f"UPDATE t SET p = {C}", 10),
    "update where": (f"UPDATE t SET p = {C} WHERE n < 3", 3),
    "update with the call in an expression": (f"UPDATE t SET p = 'x' || {C}", 10),
    "update of two columns": (f"UPDATE t SET p = {C}, n = LENGTH({CN})", 20),
    "update where the call decides": (f"UPDATE t SET n = 0 WHERE {C} <> ''", 10),
    "update from": (f"UPDATE t SET p = s.c FROM (SELECT n, {C} AS c FROM u) s WHERE s.n = t.n", 2),
    "update from, call in set": ("UPDATE t SET p = SNOWFLAKE.CORTEX.COMPLETE('llama3.1-8b', u.p) FROM u"
                                 " WHERE u.n = t.n", 2),
    "delete where": (f"DELETE FROM t WHERE {C} = ''", 10),
    "delete where, reached rows": (f"DELETE FROM t WHERE n < 4 AND {C} = ''", 4),
    "delete using": (f"DELETE FROM t USING (SELECT n, {C} AS c FROM u) s WHERE s.n = t.n AND s.c = ''", 2),
    "merge, call in the source": (
        f"MERGE INTO t USING (SELECT n, {C} AS c FROM u) s ON t.n = s.n"
        " WHEN MATCHED THEN UPDATE SET p = s.c WHEN NOT MATCHED THEN INSERT (n, p) VALUES (s.n, s.c)", 3),
    "merge, call in update": (
        f"MERGE INTO t USING u ON t.n = u.n WHEN MATCHED THEN UPDATE SET p = {UP}", 2),
    "merge, call in insert": (
        f"MERGE INTO t USING u ON t.n = u.n WHEN NOT MATCHED THEN INSERT (n, p) VALUES (u.n, {UP})", REFUSED),
    "merge, call in both": (
        f"MERGE INTO t USING u ON t.n = u.n WHEN MATCHED THEN UPDATE SET p = {UP}"
        f" WHEN NOT MATCHED THEN INSERT (n, p) VALUES (u.n, {UP})", REFUSED),
    "merge, call in a condition": (
        f"MERGE INTO t USING u ON t.n = u.n WHEN MATCHED AND {UP} = '' THEN DELETE", 2),
    "merge, call in on": (f"MERGE INTO t USING u ON t.n = u.n AND {UP} <> '' WHEN MATCHED THEN DELETE", REFUSED),
    "pivot": (f"SELECT * FROM (SELECT n, {C} AS c FROM u) PIVOT (MAX(c) FOR n IN (2, 3))", 3),
    "values": ("SELECT AI_COMPLETE('llama3.1-8b', $1) FROM VALUES ('a'), ('b')", 2),
    "generator": ("SELECT AI_COMPLETE('llama3.1-8b', 'x') FROM TABLE(GENERATOR(ROWCOUNT => 4))", 4),
    "set a variable": ("SET x = (SELECT AI_COMPLETE('llama3.1-8b', 'x'))", 1),
    "no rows": (f"SELECT {C} FROM t WHERE n > 100", 0),
    "false": (f"SELECT {C} FROM t WHERE FALSE", 0),
    "null prompts": ("SELECT AI_COMPLETE('llama3.1-8b', NULLIF(n, 3)::STRING) FROM t", 9),
    "2048 rows": ("SELECT AI_COMPLETE('llama3.1-8b', n::STRING) FROM many WHERE n < 2048", 2048),
    "5000 rows": ("SELECT AI_COMPLETE('llama3.1-8b', n::STRING) FROM many", 5000),
    "5000 rows, ordered": ("SELECT AI_COMPLETE('llama3.1-8b', n::STRING) AS c FROM many ORDER BY c", 5000),
    "5000 rows, in where": ("SELECT n FROM many WHERE AI_FILTER(n::STRING)", 5000),
    "describe table": ("DESCRIBE TABLE t", 0),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_each_row_is_one_call(rows, tables, provider, shape):
    statement, calls = SHAPES[shape]
    if " many" in statement:
        rows("CREATE TABLE many AS SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 5000))")
    provider.reply = lambda call: '{"answer": true, "label": "a"}' if call.schema else '[{"a": 1}, {"a": 2}]'
    if calls == REFUSED:
        with pytest.raises(SnowparkSQLException, match="not supported by the local engine"):
            rows(statement)
        calls = 0
    else:
        rows(statement)
    assert len(provider.calls) in (calls if isinstance(calls, range) else [calls])


ASKED = F.ai_complete("llama3.1-8b", F.col("p"))
FRAMES = {
    "collect": (lambda t: t.select(ASKED).collect(), 10),
    "schema": (lambda t: t.select(ASKED.alias("c")).schema, 0),
    "columns": (lambda t: t.with_column("c", ASKED).columns, 0),
    "with_column": (lambda t: t.with_column("c", ASKED).collect(), 10),
    "a filter on the new column": (lambda t: t.with_column("c", ASKED).filter(F.col("c") != "").collect(), 10),
    "a column of the new column": (
        lambda t: t.with_column("c", ASKED).with_column("d", F.length("c")).select("c", "d").collect(), 10),
    "count": (lambda t: t.filter(F.ai_filter(F.col("p"))).count(), 10),
    "count of a column that nobody reads": (lambda t: t.with_column("c", ASKED).count(), 0),
    "cache_result": (lambda t: t.with_column("c", ASKED).cache_result().collect(), 10),
    "collect of a cached frame, twice": (lambda t: _twice(t.with_column("c", ASKED).cache_result()), 10),
    "collect twice": (lambda t: _twice(t.with_column("c", ASKED)), 20),
    "group_by": (lambda t: t.with_column("c", ASKED).group_by("c").count().collect(), 10),
    "sort and limit": (lambda t: t.with_column("c", ASKED).sort("c").limit(2).collect(), 10),
    "self join": (lambda t: _self_join(t.with_column("c", ASKED)), 20),
    "union_all": (lambda t: t.select(ASKED).union_all(t.select(ASKED)).collect(), 20),
    "to_pandas": (lambda t: t.select(ASKED).to_pandas(), 10),
    "save_as_table": (lambda t: t.with_column("c", ASKED).write.save_as_table("saved"), 10),
    "accessor complete": (lambda t: t.ai.complete("say {0}", [F.col("p")], model="llama3.1-8b").collect(), 10),
    "accessor classify": (lambda t: t.ai.classify("p", ["a", "b"]).collect(), 10),
    "accessor filter": (lambda t: t.ai.filter("Is {0} fine?", [F.col("p")]).collect(), 10),
}  # fmt: skip


def _twice(frame):
    frame.collect()
    frame.collect()


def _self_join(frame):
    frame.join(frame.select(F.col("n").alias("m"), F.col("c").alias("d")), F.col("n") == F.col("m")).collect()


@pytest.mark.parametrize("shape", FRAMES)
def test_a_data_frame_asks_once_per_row_and_only_when_it_runs(session, tables, provider, shape):
    provider.reply = lambda call: '{"answer": true, "label": "a"}' if call.schema else "x"
    act, calls = FRAMES[shape]
    act(session.table("t"))
    assert len(provider.calls) == calls


def test_binds_ask_once_per_row(session, tables, provider):
    cursor = session.connection.cursor()
    cursor.execute("SELECT AI_COMPLETE('llama3.1-8b', ?)", ("a",))
    assert len(provider.calls) == 1
    cursor.executemany("INSERT INTO t SELECT ?, AI_COMPLETE('llama3.1-8b', ?)", [(1, "a"), (2, "b")])
    assert len(provider.calls) == 3


def test_each_row_of_several_batches_gets_its_own_answer(rows, provider):
    rows("CREATE TABLE many AS SELECT SEQ4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 5000))")
    assert rows("SELECT COUNT(*) FROM (SELECT n, AI_COMPLETE('llama3.1-8b', n::STRING) AS c FROM many)"
                " WHERE c = 'echo ' || n") == [(5000,)]  # fmt: skip
    assert len({call.messages[0]["content"] for call in provider.calls}) == 5000 == len(provider.calls)


@pytest.mark.parametrize("source", [f"SELECT {C} AS c FROM t", "SELECT c FROM v", "SELECT ask(p) AS c FROM t"])
def test_a_conflict_after_a_model_was_asked_ends_the_statement(open_session, rows, tables, provider, source):
    other = open_session()
    other.sql("BEGIN").collect()
    other.sql("UPDATE u SET p = 'other' WHERE n = 2").collect()
    with pytest.raises(SnowparkSQLException, match="000625"):
        rows(f"UPDATE u SET p = s.c FROM (SELECT MAX(c) AS c FROM ({source})) s")
    assert len(provider.calls) == 10
    other.sql("ROLLBACK").collect()
