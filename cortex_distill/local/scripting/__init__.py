"""Snowflake Scripting: blocks read whole, then run statement by statement; procedures."""
