"""Snowflake SQL in, DuckDB SQL out: what fakesnow's own rewriting would get wrong, and whole statements of our own."""
