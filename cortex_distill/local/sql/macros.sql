-- Snowflake functions that DuckDB lacks or defines otherwise. Created in memory each time the engine opens.

-- Any value where text is wanted, as Snowflake writes it: a VARIANT string loses its quotes, a whole FLOAT its ".0",
-- a timestamp has milliseconds (TIMESTAMP_OUTPUT_FORMAT), BINARY is hexadecimal.
CREATE OR REPLACE MACRO _fs_global.main._sf_text(x) AS
    CASE typeof(x)
        WHEN 'JSON' THEN json_extract_string(to_json(x), '$')
        WHEN 'DOUBLE' THEN regexp_replace(CAST(x AS VARCHAR), '\.0$', '')
        WHEN 'TIMESTAMP' THEN CASE WHEN x IS NOT NULL THEN substr(rpad(CAST(x AS VARCHAR)
            || CASE WHEN contains(CAST(x AS VARCHAR), '.') THEN '' ELSE '.' END, 23, '0'), 1, 23) END
        WHEN 'BLOB' THEN upper(replace(CAST(to_json(hex(CAST(x AS BLOB))) AS VARCHAR), '"', ''))
        ELSE CAST(x AS VARCHAR) END;

CREATE OR REPLACE MACRO _fs_global.main._sf_fitting(x, n) AS
    CASE WHEN length(x) > n THEN error('<<sf 100078 22000>>String ''' || x || ''' is too long and would be truncated<</sf>>')
         ELSE x END;

-- TO_CHAR with a format for dates and times; `form` is strftime's.
CREATE OR REPLACE MACRO _fs_global.main._sf_format(x, form) AS
    CASE WHEN typeof(x) IN ('DATE', 'TIMESTAMP', 'TIMESTAMP_NS', 'TIMESTAMP WITH TIME ZONE')
         THEN strftime(TRY_CAST(CAST(x AS VARCHAR) AS TIMESTAMP), form)
         WHEN x IS NOT NULL
         THEN error('<<sf 2 0A000>>not supported by the local engine: TO_CHAR with a format for ' || typeof(x) || '<</sf>>')
         END;

CREATE OR REPLACE MACRO _fs_global.main._sf_try_timestamp(x) AS
    CASE WHEN regexp_full_match(_fs_global.main._sf_text(x), '\d+')
         THEN error('<<sf 2 0A000>>not supported by the local engine: TRY_TO_TIMESTAMP of a number<</sf>>')
         ELSE TRY_CAST(_fs_global.main._sf_text(x) AS TIMESTAMP) END;

-- HASH is a signed 64-bit number in Snowflake (the values differ all the same).
CREATE OR REPLACE MACRO _fs_global.main._sf_signed(h) AS
    CAST(h::HUGEINT - 9223372036854775808::HUGEINT AS BIGINT);

-- Equal numbers have equal hashes whatever their type is (Source: docs: sql-reference/functions/hash).
CREATE OR REPLACE MACRO _fs_global.main._sf_hashed(x) AS
    CASE WHEN typeof(x) NOT IN ('DOUBLE', 'BIGINT', 'INTEGER', 'HUGEINT') AND NOT starts_with(typeof(x), 'DECIMAL')
         THEN typeof(x)[1] || _fs_global.main._sf_text(x)
         WHEN contains(CAST(x AS VARCHAR), 'e') OR NOT contains(CAST(x AS VARCHAR), '.') THEN '#' || CAST(x AS VARCHAR)
         ELSE '#' || rtrim(rtrim(CAST(x AS VARCHAR), '0'), '.') END;

-- COUNT leaves out the null of JSON (Source: docs: sql-reference/functions/count).
CREATE OR REPLACE MACRO _fs_global.main._sf_counted(x) AS
    CASE WHEN typeof(x) = 'JSON' AND CAST(x AS VARCHAR) = 'null' THEN NULL ELSE x END;

-- TO_DATE of a text that is a whole number: seconds, milli-, micro- or nanoseconds by its size.
-- Source: docs: sql-reference/functions/to_date.
CREATE OR REPLACE MACRO _fs_global.main._sf_date(x) AS
    CASE WHEN NOT regexp_full_match(_fs_global.main._sf_text(x), '\d+') THEN CAST(
             regexp_replace(_fs_global.main._sf_text(x), '^(\d{4}-\d\d-\d\d)[ T].*$', '\1') AS DATE)
         WHEN x IS NOT NULL THEN CAST(make_timestamp(CAST(CASE
             WHEN CAST(_fs_global.main._sf_text(x) AS HUGEINT) < 31536000000 THEN _fs_global.main._sf_text(x) || '000000'
             WHEN CAST(_fs_global.main._sf_text(x) AS HUGEINT) < 31536000000000 THEN _fs_global.main._sf_text(x) || '000'
             WHEN CAST(_fs_global.main._sf_text(x) AS HUGEINT) < 31536000000000000 THEN _fs_global.main._sf_text(x)
             ELSE left(_fs_global.main._sf_text(x), -3) END AS BIGINT)) AS DATE) END;

-- TO_NUMBER(text, 'XX'): hexadecimal, of as many digits at most.
CREATE OR REPLACE MACRO _fs_global.main._sf_hexadecimal(x, form) AS
    CASE WHEN length(x) > length(form) OR NOT regexp_full_match(x, '[0-9A-Fa-f]+')
         THEN error('<<sf 100140 22018>>Can''t parse ''' || x || ''' as number with format ''' || form || '''<</sf>>')
         ELSE CAST('0x' || x AS BIGINT) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_try_hexadecimal(x, form) AS
    CASE WHEN length(x) <= length(form) AND regexp_full_match(x, '[0-9A-Fa-f]+') THEN CAST('0x' || x AS BIGINT) END;

CREATE OR REPLACE MACRO _fs_global.main._sf_md5_lower(x) AS CAST('0x' || substr(md5(x), 17, 16) AS UBIGINT);
CREATE OR REPLACE MACRO _fs_global.main._sf_md5_upper(x) AS CAST('0x' || substr(md5(x), 1, 16) AS UBIGINT);

-- Exact numbers divide to a NUMBER whose scale is the dividend's and six more, but not more than twelve unless the
-- dividend has more (Source: docs: sql-reference/operators-arithmetic). _sf_quotient is never evaluated: it has that type.
-- DuckDB picks the overload by the types of the operands; it cannot where an aggregate is one, hence the second macro.
CREATE OR REPLACE MACRO _fs_global.main._sf_quotient(a, b) AS round(a, 6) * CAST(0 AS DECIMAL(6, 6)) + a + round(b, 0);
CREATE OR REPLACE MACRO _fs_global.main._sf_divide_any(a, b) AS
    CASE WHEN b = 0 AND a IS NOT NULL THEN error('<<sf 100051 22012>>Division by zero<</sf>>')
         ELSE cast_to_type(CAST(a AS DOUBLE) / nullif(b, 0), _fs_global.main._sf_quotient(a, b)) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_divide(a HUGEINT, b HUGEINT, _, _b) AS
        CASE WHEN b = 0 AND a IS NOT NULL THEN error('<<sf 100051 22012>>Division by zero<</sf>>')
             ELSE CAST((abs(a) * 2000000 // abs(nullif(b, 0)) + 1) // 2 * sign(a) * sign(b) AS DECIMAL(32, 0))
                  * CAST('0.000001' AS DECIMAL(6, 6)) END,
    (a DECIMAL(38, 12), b DECIMAL(38, 12), dividend, divisor) AS
        _fs_global.main._sf_divide_any(dividend, divisor),
    (a DOUBLE, b DOUBLE, _, _b) AS
        CASE WHEN b = 0 AND a IS NOT NULL THEN error('<<sf 100051 22012>>Division by zero<</sf>>')
             ELSE a / nullif(b, 0) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_modulo(a, b) AS
    CASE WHEN b = 0 AND a IS NOT NULL THEN error('<<sf 100051 22012>>Division by zero<</sf>>') ELSE a % nullif(b, 0) END;
-- The second parameter is the same value again, uncast: DuckDB casts an argument to the type of its parameter.
CREATE OR REPLACE MACRO _fs_global.main._sf_avg(a HUGEINT, _) AS CAST(avg(a) AS DECIMAL(38, 6)),
    (a DECIMAL(38, 12), x) AS cast_to_type(avg(x), _fs_global.main._sf_quotient(min(x), 1)),
    (a DOUBLE, _) AS avg(a);
CREATE OR REPLACE MACRO _fs_global.main._sf_avg_over(a HUGEINT, v, _) AS CAST(v AS DECIMAL(38, 6)),
    (a DECIMAL(38, 12), v, x) AS cast_to_type(v, _fs_global.main._sf_quotient(x, 1)),
    (a DOUBLE, v, _) AS v;

-- The same for operands that are text or VARIANT; what is no number is an error.
CREATE OR REPLACE MACRO _fs_global.main._sf_float(x) AS CAST(_fs_global.main._sf_text(x) AS DOUBLE);
CREATE OR REPLACE MACRO _fs_global.main._sf_divide_loose(a, b) AS
    CASE WHEN _fs_global.main._sf_float(b) = 0 AND a IS NOT NULL THEN error('<<sf 100051 22012>>Division by zero<</sf>>')
         ELSE _fs_global.main._sf_float(a) / nullif(_fs_global.main._sf_float(b), 0) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_avg_loose(a HUGEINT, _) AS CAST(avg(a) AS DECIMAL(38, 6)),
    (a DECIMAL(38, 12), x) AS cast_to_type(avg(x), _fs_global.main._sf_quotient(min(x), 1)),
    (a DOUBLE, _) AS avg(a), (a VARCHAR, x) AS avg(_fs_global.main._sf_float(x));
CREATE OR REPLACE MACRO _fs_global.main._sf_sum_loose(a HUGEINT, x) AS sum(x), (a DECIMAL(38, 12), x) AS sum(x),
    (a DOUBLE, x) AS sum(x), (a VARCHAR, x) AS sum(_fs_global.main._sf_float(x));
CREATE OR REPLACE MACRO _fs_global.main._sf_trunc_loose(unit, x) AS date_trunc(unit, CAST(x AS TIMESTAMP));

-- FLOAT to whole number rounds half away from zero; DuckDB's cast rounds half to even.
CREATE OR REPLACE MACRO _fs_global.main._sf_whole(x) AS
    CASE WHEN typeof(x) = 'DOUBLE' THEN CAST(round(TRY_CAST(CAST(x AS VARCHAR) AS DOUBLE)) AS BIGINT)
         ELSE CAST(x AS BIGINT) END;

-- Source: docs: sql-reference/functions/to_boolean.
CREATE OR REPLACE MACRO _fs_global.main._sf_try_boolean(x) AS
    CASE WHEN lower(trim(_fs_global.main._sf_text(x))) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
         WHEN lower(trim(_fs_global.main._sf_text(x))) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false
         WHEN typeof(x) NOT IN ('VARCHAR', 'JSON') THEN TRY_CAST(_fs_global.main._sf_text(x) AS DOUBLE) <> 0 END;
CREATE OR REPLACE MACRO _fs_global.main._sf_boolean(x) AS
    CASE WHEN _fs_global.main._sf_text(x) IS NOT NULL AND _fs_global.main._sf_try_boolean(x) IS NULL
         THEN error('<<sf 100037 22018>>Boolean value ''' || _fs_global.main._sf_text(x) || ''' is not recognized<</sf>>')
         ELSE _fs_global.main._sf_try_boolean(x) END;

-- A DATE stays one under DATE_TRUNC, and under DATEADD by days or more; DuckDB makes it a timestamp.
CREATE OR REPLACE MACRO _fs_global.main._sf_trunc(unit, x DATE) AS CAST(date_trunc(unit, x) AS DATE),
    (unit, x TIMESTAMP) AS date_trunc(unit, x), (unit, x TIMESTAMPTZ) AS date_trunc(unit, x);
CREATE OR REPLACE MACRO _fs_global.main._sf_add_days(x DATE, n) AS CAST(x + n AS DATE),
    (x TIMESTAMP, n) AS x + n, (x TIMESTAMPTZ, n) AS x + n;

-- A path of a VARIANT beside a value of another type: a number is compared as a number, all else as text.
CREATE OR REPLACE MACRO _fs_global.main._sf_equal(path, x) AS
    CASE WHEN typeof(x) IN ('VARCHAR', 'JSON', 'BOOLEAN', 'DATE', 'TIMESTAMP')
         THEN _fs_global.main._sf_text(path) = _fs_global.main._sf_text(x)
         ELSE TRY_CAST(_fs_global.main._sf_text(path) AS DOUBLE) = TRY_CAST(CAST(x AS VARCHAR) AS DOUBLE) END;

-- The entries of an ARRAY or OBJECT, for FLATTEN. p: how the entry is reached, as Snowflake writes paths. `this` is
-- left to _sf_flatten, which has the value: a copy in each entry would take the square of its size.
CREATE OR REPLACE MACRO _fs_global.main._sf_member(j, k) AS
    json_extract(j, '$."' || replace(replace(k, '\', '\\'), '"', '\"') || '"');
CREATE OR REPLACE MACRO _fs_global.main._sf_entries(j, prefix) AS (
    CASE json_type(j)
        WHEN 'OBJECT' THEN list_transform(json_keys(j), lambda k:
            struct_pack(k := k, p := CASE WHEN NOT regexp_full_match(k, '[A-Za-z_][A-Za-z0-9_$]*')
                                          THEN prefix || '[''' || k || ''']'
                                          WHEN prefix = '' THEN k ELSE prefix || '.' || k END,
                        i := NULL::BIGINT, v := _fs_global.main._sf_member(j, k), this := NULL::JSON))
        WHEN 'ARRAY' THEN list_transform(CAST(j AS JSON[]), lambda x, i:
            struct_pack(k := NULL::VARCHAR, p := prefix || '[' || (i - 1)::VARCHAR || ']', i := (i - 1)::BIGINT,
                        v := x, this := NULL::JSON))
        ELSE [] END);

CREATE OR REPLACE MACRO _fs_global.main._sf_at(j, path) AS
    json_extract(j, '$' || CASE WHEN coalesce(path, '') = '' THEN '' WHEN path[1] = '[' THEN path ELSE '.' || path END);

-- The input is written once, so that a model call in it is made once. Inner names are ones that no table has.
-- `kind` is the only type of container that is expanded, or BOTH.
CREATE OR REPLACE MACRO _fs_global.main._sf_flatten(input, path, is_outer, is_deep, kind) AS TABLE
    SELECT _sf_seq AS SEQ, _sf_e.k AS KEY, _sf_e.p AS PATH, _sf_e.i AS INDEX, _sf_e.v AS VALUE,
           coalesce(_sf_e.this, _sf_j) AS THIS
    FROM (
        SELECT _sf_j, hash(_sf_j)::HUGEINT % 9223372036854775807 AS _sf_seq, unnest(
            CASE WHEN is_outer AND len(coalesce(_sf_found, [])) = 0
                 THEN [struct_pack(k := NULL::VARCHAR, p := NULL::VARCHAR, i := NULL::BIGINT, v := NULL::JSON,
                                   this := NULL::JSON)]
                 ELSE _sf_found END, recursive := false) AS _sf_e
        FROM (SELECT _sf_j, CASE
                  WHEN is_deep THEN list_transform(
                      from_json(_SF_TREE(CAST(_sf_j AS VARCHAR), coalesce(path, ''), kind),
                                '[{"k":"VARCHAR","p":"VARCHAR","i":"BIGINT","v":"VARCHAR","this":"VARCHAR"}]'),
                      lambda e: struct_pack(k := e.k, p := e.p, i := e.i, v := CAST(e.v AS JSON),
                                            this := CAST(e.this AS JSON)))
                  WHEN kind IN ('BOTH', json_type(_sf_j)) THEN _fs_global.main._sf_entries(_sf_j, coalesce(path, ''))
                  ELSE [] END AS _sf_found
              FROM (SELECT _fs_global.main._sf_at(to_json(input), path) AS _sf_j)));

-- One unnest: beside a second one DuckDB copies the list for each of its entries.
CREATE OR REPLACE MACRO _fs_global.main._sf_split_to_table(x, delimiter) AS TABLE
    SELECT 1::BIGINT AS SEQ, _sf_e.i AS INDEX, _sf_e.v AS VALUE
    FROM (SELECT unnest(list_transform(string_split(x, delimiter),
                                       lambda v, i: struct_pack(i := i::BIGINT, v := v))) AS _sf_e);

-- What AI functions return with return_error_details; the lambda sees its argument once. Source: docs: bcr-2184.
CREATE OR REPLACE MACRO _fs_global.main._sf_ai_null_if_error(cell) AS
    list_transform([cell], lambda _sf_c: CASE
        WHEN json_extract_string(_sf_c, '$.error') IS NOT NULL THEN NULL
        WHEN json_type(_sf_c, '$.value') = 'NULL' THEN NULL
        ELSE json_extract(_sf_c, '$.value') END)[1];

CREATE OR REPLACE MACRO _fs_global.main._sf_ai_throw_if_error(cell) AS
    list_transform([cell], lambda _sf_c: CASE
        WHEN json_extract_string(_sf_c, '$.error') IS NOT NULL
            THEN error('<<sf 100351 P0000>>' || json_extract_string(_sf_c, '$.error') || '<</sf>>')::JSON
        WHEN json_type(_sf_c, '$.value') = 'NULL' THEN NULL
        ELSE json_extract(_sf_c, '$.value') END)[1];
