"""Distil a large language model into a small one on Snowflake Cortex: everything that is not a step."""
