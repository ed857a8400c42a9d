"""Snowflake's HTTP protocol, from the connector's request to its reply."""
