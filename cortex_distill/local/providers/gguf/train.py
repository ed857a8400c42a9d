"""The light trainer's process: `python -m cortex_distill.local.providers.gguf.train FOLDER/job.json`.

In:   the job file, see `Job`; token ids only, so that no tokenizer is needed here
Out:  the tuned GGUF and training.json beside it; what it says meanwhile: see `training.process`
"""

import json
from pathlib import Path
from typing import Any

from cortex_distill.local.providers.gguf.learner import Job, LightLearner
from cortex_distill.local.providers.gguf.weights import open_gguf, read_model, write_gguf
from cortex_distill.local.providers.training.course import follow
from cortex_distill.local.providers.training.files import RESULT, replacing
from cortex_distill.local.providers.training.process import Say, main

MODEL_FILE = "model.gguf"


def run(job: Job, folder: Path, say: Say) -> dict[str, Any]:
    """Train the epochs that are left, write the model of the epoch taken. Returns what training.json has, too."""
    reader = open_gguf(Path(job.source))
    learner = LightLearner(read_model(reader), job, folder)
    course = learner.restore()
    if len(course.losses) < course.epochs:
        learner.prepare(lambda share: say(course.advance(share)))
        follow(course, learner, say)
    write_gguf(reader, folder / MODEL_FILE, learner.best, job.template)
    settings = {"tuned_layers": job.tuned_layers, "rate": job.rate, "seed": job.seed, "fingerprint": job.fingerprint}
    result = {**job.facts, **course.result(), **settings}
    with replacing(folder / RESULT) as file:
        file.write(json.dumps(result, indent=2).encode())
    return result


if __name__ == "__main__":
    main(lambda spec, folder, say: run(Job(**spec), folder, say))
