"""Commands of the documents that no test types, each with the reason. An entry that is on no page any more fails."""

TRIED_ELSEWHERE = {
    "docs/errors.md": "each `$ distill …` is a mistake that tests/flows/test_mistakes.py makes",
}

NOT_RUN = {
    "ollama pull qwen2.5:14b": "a download of 9 GB; a server with the same API stands in for Ollama",
    "ollama serve": "there is no Ollama here; a server with the same API stands in for it",
    ".venv/bin/pip install -e '.[block]'": "installs from a registry into the environment that all tests share",
    ".venv/bin/prefect block register -m prefect_snowflake": "needs that; tests/test_accounts.py has a stand-in",
    ".venv/bin/prefect deployment run distill/support_tickets -p engine=block:prod": "needs a block made in the UI",
    ".venv/bin/prefect deployment run distill/support_tickets -p 'overrides={\"review.tickets\": 10}'": (
        "waits for a person; tests/flows/test_review_waits.py is that person"
    ),
    ".venv/bin/python benchmarks/scale.py --tickets 1000,10000,100000": "takes a quarter of an hour",
}

# `make -n` alone: what they do is what CI does, or they install or delete.
DRY = {
    "make test": "CI itself",
    "make test-long": "takes minutes and repeats other tests",
    "make test-snowflake": "needs an account",
    "make check": "part of CI",
    "make install": "installs",
    "make install-train": "installs several GB",
    "make lock": "asks a registry",
    "make upgrades": "asks a registry",
    "make clean": "deletes what this test works with",
}
