-- ARRAY and OBJECT functions on JSON values. Source: docs: sql-reference/functions/<name of the function>.

CREATE OR REPLACE MACRO _fs_global.main._sf_size(x) AS
    CASE json_type(to_json(x)) WHEN 'ARRAY' THEN json_array_length(to_json(x)) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_list(x) AS
    CASE json_type(to_json(x)) WHEN 'ARRAY' THEN CAST(to_json(x) AS JSON[]) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_aggregated(l) AS
    coalesce(to_json(list_filter(l, lambda e: e IS NOT NULL)), CAST('[]' AS JSON));

CREATE OR REPLACE MACRO _fs_global.main._sf_array_append(a, x) AS
    to_json(CASE WHEN a IS NOT NULL THEN list_append(_fs_global.main._sf_list(a), to_json(x)) END);
CREATE OR REPLACE MACRO _fs_global.main._sf_array_prepend(a, x) AS
    to_json(CASE WHEN a IS NOT NULL THEN list_prepend(to_json(x), _fs_global.main._sf_list(a)) END);
CREATE OR REPLACE MACRO _fs_global.main._sf_array_cat(a, b) AS
    to_json(CASE WHEN a IS NOT NULL AND b IS NOT NULL
                 THEN list_concat(_fs_global.main._sf_list(a), _fs_global.main._sf_list(b)) END);
CREATE OR REPLACE MACRO _fs_global.main._sf_from_end(n, size) AS CASE WHEN n < 0 THEN greatest(size + n, 0) ELSE n END;
CREATE OR REPLACE MACRO _fs_global.main._sf_array_slice(a, f, t) AS
    to_json(list_slice(_fs_global.main._sf_list(a),
        _fs_global.main._sf_from_end(f, _fs_global.main._sf_size(a)) + 1,
        _fs_global.main._sf_from_end(t, _fs_global.main._sf_size(a))));
CREATE OR REPLACE MACRO _fs_global.main._sf_array_contains(a, x) AS
    CASE WHEN regexp_matches(typeof(x), '^(VARCHAR|BLOB|DATE|TIME)')
         THEN error('<<sf 1044 42P13>>SQL compilation error: Invalid argument types for function ''ARRAY_CONTAINS'': ('
             || typeof(x) || ', ARRAY); cast it, as in ''x''::VARIANT<</sf>>')
         WHEN x IS NOT NULL THEN list_contains(_fs_global.main._sf_list(a), to_json(x))
         WHEN len(list_filter(_fs_global.main._sf_list(a), lambda e: e IS NULL OR json_type(e) = 'NULL')) > 0 THEN true END;
CREATE OR REPLACE MACRO _fs_global.main._sf_array_position(a, x) AS
    nullif(list_position(_fs_global.main._sf_list(a), to_json(x)), 0) - 1;
CREATE OR REPLACE MACRO _fs_global.main._sf_first_ones(l) AS list_filter(l, lambda x, i: list_position(l, x) = i);
CREATE OR REPLACE MACRO _fs_global.main._sf_array_distinct(a) AS
    to_json(_fs_global.main._sf_first_ones(_fs_global.main._sf_list(a)));
CREATE OR REPLACE MACRO _fs_global.main._sf_array_compact(a) AS
    to_json(list_filter(_fs_global.main._sf_list(a), lambda x: json_type(x) <> 'NULL'));
CREATE OR REPLACE MACRO _fs_global.main._sf_array_to_string(a, separator) AS
    CASE WHEN separator IS NOT NULL THEN array_to_string(list_transform(_fs_global.main._sf_list(a),
        lambda x: coalesce(json_extract_string(x, '$'), '')), separator) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_arrays_overlap(a, b) AS
    list_has_any(_fs_global.main._sf_list(a), _fs_global.main._sf_list(b));
CREATE OR REPLACE MACRO _fs_global.main._sf_times(l, x) AS len(list_filter(l, lambda y: y = x));
CREATE OR REPLACE MACRO _fs_global.main._sf_both(l, m) AS list_filter(l, lambda x, i:
    _fs_global.main._sf_times(list_slice(l, 1, i), x) <= _fs_global.main._sf_times(m, x));
CREATE OR REPLACE MACRO _fs_global.main._sf_only_first(l, m) AS list_filter(l, lambda x, i:
    _fs_global.main._sf_times(list_slice(l, 1, i), x) > _fs_global.main._sf_times(m, x));
CREATE OR REPLACE MACRO _fs_global.main._sf_array_intersection(a, b) AS
    to_json(CASE WHEN b IS NOT NULL
                 THEN _fs_global.main._sf_both(_fs_global.main._sf_list(a), _fs_global.main._sf_list(b)) END);
CREATE OR REPLACE MACRO _fs_global.main._sf_array_except(a, b) AS
    to_json(CASE WHEN b IS NOT NULL
                 THEN _fs_global.main._sf_only_first(_fs_global.main._sf_list(a), _fs_global.main._sf_list(b)) END);
CREATE OR REPLACE MACRO _fs_global.main._sf_array_remove(a, x) AS
    to_json(CASE WHEN x IS NOT NULL THEN list_filter(_fs_global.main._sf_list(a), lambda y: y <> to_json(x)) END);
CREATE OR REPLACE MACRO _fs_global.main._sf_array_remove_at(a, n) AS
    to_json(CASE WHEN n IS NOT NULL THEN list_filter(_fs_global.main._sf_list(a), lambda y, i:
        i - 1 <> CASE WHEN n < 0 THEN _fs_global.main._sf_size(a) + n ELSE n END) END);
CREATE OR REPLACE MACRO _fs_global.main._sf_array_flatten(a) AS
    to_json(flatten(list_transform(_fs_global.main._sf_list(a), lambda x: CAST(x AS JSON[]))));
CREATE OR REPLACE MACRO _fs_global.main._sf_array_reverse(a) AS to_json(list_reverse(_fs_global.main._sf_list(a)));
CREATE OR REPLACE MACRO _fs_global.main._sf_to_array(x) AS
    CASE WHEN json_type(to_json(x)) = 'ARRAY' THEN to_json(x) WHEN x IS NOT NULL THEN json_array(to_json(x)) END;

CREATE OR REPLACE MACRO _fs_global.main._sf_made(entries) AS CAST(_SF_OBJECT_KEEP_NULL(
    list_transform(entries, lambda e: e.k), list_transform(entries, lambda e: CAST(e.v AS VARCHAR))) AS JSON);
CREATE OR REPLACE MACRO _fs_global.main._sf_object_pick(o, keys) AS CASE json_type(o) WHEN 'OBJECT'
    THEN _fs_global.main._sf_made(list_filter(_fs_global.main._sf_entries(o, ''),
        lambda e: list_contains(keys, e.k))) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_object_delete(o, keys) AS CASE json_type(o) WHEN 'OBJECT'
    THEN _fs_global.main._sf_made(list_filter(_fs_global.main._sf_entries(o, ''),
        lambda e: NOT list_contains(keys, e.k))) END;
CREATE OR REPLACE MACRO _fs_global.main._sf_object_insert(o, key, x, is_update) AS CASE
    WHEN o IS NULL OR key IS NULL THEN NULL
    WHEN NOT is_update AND list_contains(json_keys(o), key)
    THEN error('<<sf 100103 22000>>Duplicate field key ''' || key || '''<</sf>>')
    ELSE _fs_global.main._sf_made(list_concat(
        list_filter(_fs_global.main._sf_entries(o, ''), lambda e: e.k <> key),
        CASE WHEN x IS NULL THEN [] ELSE [struct_pack(k := key, p := '', i := NULL::BIGINT, v := to_json(x),
                                                      this := NULL::JSON)] END)) END;

-- A VARIANT is JSON here, so a FLOAT in it is DECIMAL or DOUBLE by how it is written, a date is VARCHAR.
CREATE OR REPLACE MACRO _fs_global.main._sf_typeof(x) AS CASE json_type(to_json(x))
    WHEN 'NULL' THEN 'NULL_VALUE' WHEN 'VARCHAR' THEN 'VARCHAR' WHEN 'BOOLEAN' THEN 'BOOLEAN'
    WHEN 'ARRAY' THEN 'ARRAY' WHEN 'OBJECT' THEN 'OBJECT'
    WHEN 'DOUBLE' THEN CASE WHEN contains(lower(CAST(to_json(x) AS VARCHAR)), 'e') THEN 'DOUBLE'
                            WHEN regexp_full_match(CAST(to_json(x) AS VARCHAR), '-?\d+(\.0*)?') THEN 'INTEGER'
                            ELSE 'DECIMAL' END
    WHEN NULL THEN NULL ELSE CASE WHEN x IS NOT NULL THEN 'INTEGER' END END;
CREATE OR REPLACE MACRO _fs_global.main._sf_is(x, kinds) AS list_contains(kinds, _fs_global.main._sf_typeof(x));
CREATE OR REPLACE MACRO _fs_global.main._sf_if(x, kinds) AS
    CASE WHEN list_contains(kinds, _fs_global.main._sf_typeof(x)) THEN to_json(x) END;
