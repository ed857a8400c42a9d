"""Staged files: PUT, GET, LIST, COPY INTO, SELECT FROM @stage."""
