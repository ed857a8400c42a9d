-- Snowflake functions that DuckDB lacks or defines otherwise. Created in memory each time the engine opens.

-- A VARIANT where text is wanted: a string loses its JSON quotes, all else is cast.
CREATE OR REPLACE MACRO _fs_global.main._sf_text(x) AS
    CASE WHEN typeof(x) = 'JSON' THEN json_extract_string(to_json(x), '$') ELSE CAST(x AS VARCHAR) END;

-- HASH is a signed 64-bit number in Snowflake (the values differ all the same).
CREATE OR REPLACE MACRO _fs_global.main._sf_signed(h) AS
    CAST(h::HUGEINT - 9223372036854775808::HUGEINT AS BIGINT);

CREATE OR REPLACE MACRO _fs_global.main._sf_md5_lower(x) AS CAST('0x' || substr(md5(x), 17, 16) AS UBIGINT);
CREATE OR REPLACE MACRO _fs_global.main._sf_md5_upper(x) AS CAST('0x' || substr(md5(x), 1, 16) AS UBIGINT);

CREATE OR REPLACE MACRO _fs_global.main._sf_divide(a, b) AS
    CASE WHEN b = 0 THEN error('<<sf 100051 22012>>Division by zero<</sf>>') ELSE a / b END;

-- The entries of an ARRAY or OBJECT, for FLATTEN.
CREATE OR REPLACE MACRO _fs_global.main._sf_entries(j) AS (
    CASE json_type(j)
        WHEN 'OBJECT' THEN list_transform(json_keys(j), lambda k:
            struct_pack(k := k, p := k, i := NULL::BIGINT,
                        v := json_extract(j, '$."' || replace(replace(k, '\', '\\'), '"', '\"') || '"')))
        WHEN 'ARRAY' THEN list_transform(CAST(j AS JSON[]), lambda x, i:
            struct_pack(k := NULL::VARCHAR, p := '[' || (i - 1)::VARCHAR || ']', i := (i - 1)::BIGINT, v := x))
        ELSE [] END);

CREATE OR REPLACE MACRO _fs_global.main._sf_at(j, path) AS
    json_extract(j, '$' || CASE WHEN coalesce(path, '') = '' THEN '' ELSE '.' || path END);

-- The input is written once, so that a model call in it is made once. Inner names are ones that no table has.
CREATE OR REPLACE MACRO _fs_global.main._sf_flatten(input, path, is_outer) AS TABLE
    SELECT _sf_seq AS SEQ, _sf_e.k AS KEY, _sf_e.p AS PATH, _sf_e.i AS INDEX, _sf_e.v AS VALUE, _sf_j AS THIS
    FROM (
        SELECT _sf_j, hash(_sf_j)::HUGEINT % 9223372036854775807 AS _sf_seq, unnest(
            CASE WHEN is_outer AND len(coalesce(_sf_found, [])) = 0
                 THEN [struct_pack(k := NULL::VARCHAR, p := NULL::VARCHAR, i := NULL::BIGINT, v := NULL::JSON)]
                 ELSE _sf_found END, recursive := false) AS _sf_e
        FROM (SELECT _sf_j, _fs_global.main._sf_entries(_fs_global.main._sf_at(_sf_j, path)) AS _sf_found
              FROM (SELECT to_json(input) AS _sf_j)));

CREATE OR REPLACE MACRO _fs_global.main._sf_size(x) AS
    CASE json_type(to_json(x)) WHEN 'ARRAY' THEN json_array_length(to_json(x)) END;

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
