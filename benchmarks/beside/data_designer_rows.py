"""The workloads in NVIDIA's Data Designer: one column a stage. Runs in Data Designer's own environment.

python data_designer_rows.py w3 1000 http://127.0.0.1:PORT rows_a_group [stricter]
"""

import sys
from pathlib import Path

import data_designer.config as dd
import pandas as pd
from data_designer.interface import DataDesigner
from texts import ANSWER_WITH, CONCURRENCY, LISTED, RATE, SORT, STRICTER, WRITE, category, given

WRITTEN = WRITE.format(number="{{ number }}", category="{{ category }}", answer_with=ANSWER_WITH)
SORTED = SORT.format(categories=LISTED, request="{{ request }}")
RATED = RATE.format(category="{{ category }}", request="{{ request }}")


def main(workload: str, rows: int, address: str, group: int, stricter: bool) -> None:
    """Make the columns of a workload."""
    provider = dd.ModelProvider(name="stub", endpoint=f"{address}/v1", api_key="none")
    inference = dd.ChatCompletionInferenceParams(max_parallel_requests=CONCURRENCY)
    model = dd.ModelConfig(
        alias="stub", model="stub", provider="stub", inference_parameters=inference, skip_health_check=True
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    data = {"number": range(rows), "category": [category(n) for n in range(rows)]}
    columns = {"request": WRITTEN, "rating": f"{STRICTER} {RATED}" if stricter else RATED}
    if workload == "w1":
        data["request"], columns = [given(n) for n in range(rows)], {}
    pd.DataFrame(data).to_csv("rows.csv", index=False)
    builder.with_seed_dataset(dd.LocalFileSeedSource(path="rows.csv"))
    for name, prompt in (columns | {"answer": SORTED}).items():
        builder.add_column(dd.LLMTextColumnConfig(name=name, prompt=prompt, model_alias="stub"))
    designer = DataDesigner(artifact_path=Path("artifacts"), model_providers=[provider])
    designer.set_run_config(dd.RunConfig(buffer_size=group, otel_metrics_port=None))
    made = designer.create(builder, num_records=rows, dataset_name="rows", resume=dd.ResumeMode.IF_POSSIBLE)
    sys.stdout.write(f"{len(made.load_dataset())} rows\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), "stricter" in sys.argv[5:])
