"""The workloads in curator: one LLM class a stage, as its documentation shows. Runs in curator's own environment.

    python curator_rows.py w3 1000 http://127.0.0.1:PORT

The source is copied to where it runs; a change of the judge's prompt is made there, as a person would make it.
"""

import json
import sys

from bespokelabs import curator
from texts import CONCURRENCY, category, given, rate, sort, write

LIMITS = {"max_concurrent_requests": CONCURRENCY, "max_requests_per_minute": 10**6, "max_tokens_per_minute": 10**9}


class Writer(curator.LLM):
    def prompt(self, row: dict) -> str:
        return write(row["number"])

    def parse(self, row: dict, response: str) -> dict:
        return {**row, "request": json.loads(response)["request"]}


class Judge(curator.LLM):
    def prompt(self, row: dict) -> str:
        return rate(row["request"], row["category"])

    def parse(self, row: dict, response: str) -> dict:
        return {**row, "rating": response}


class Sorter(curator.LLM):
    def prompt(self, row: dict) -> str:
        return sort(row["request"])

    def parse(self, row: dict, response: str) -> dict:
        return {**row, "answer": response}


def main(workload: str, rows: int, address: str) -> None:
    """Run the stages of a workload one after the other."""
    backend = LIMITS | {"base_url": f"{address}/v1", "api_key": "none"}
    data = [
        {"number": n, "category": category(n), "request": given(n) if workload == "w1" else ""} for n in range(rows)
    ]
    for stage in (Sorter,) if workload == "w1" else (Writer, Judge, Sorter):
        answered = stage(model_name="stub", backend="openai", backend_params=backend)(data)
        data = getattr(answered, "dataset", answered)
    sys.stdout.write(f"{len(data)} rows\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
