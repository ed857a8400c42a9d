"""The full trainer's process: `python -m cortex_distill.local.providers.transformers.train FOLDER/job.json`.

In:   the job file, see `Job`
Out:  the adapter and training.json; what it says meanwhile: see `training.process`
"""

import json
import shutil
from pathlib import Path
from typing import Any

from cortex_distill.local.providers.training.course import follow
from cortex_distill.local.providers.training.files import RESULT, part_of, replacing
from cortex_distill.local.providers.training.process import Say, main
from cortex_distill.local.providers.transformers.job import ADAPTER, Job
from cortex_distill.local.providers.transformers.quiet import import_quietly

_LEARNER = "cortex_distill.local.providers.transformers.learner"


def run(job: Job, folder: Path, say: Say) -> dict[str, Any]:
    """Train the epochs that are left, write the adapter of the epoch taken. Returns what training.json has, too."""
    learner = import_quietly(_LEARNER).LoraLearner(job, folder)
    course = learner.restore()
    say(course.advance(1))
    follow(course, learner, say)
    for left in (folder / ADAPTER, part_of(folder / ADAPTER)):
        shutil.rmtree(left, ignore_errors=True)
    learner.write(part_of(folder / ADAPTER))
    part_of(folder / ADAPTER).rename(folder / ADAPTER)
    settings = {"rank": job.rank, "alpha": job.alpha, "seed": job.seed, "rate": learner.rate, "device": learner.device}
    facts = {**job.facts, "rows_cut": learner.rows_cut, "fingerprint": job.fingerprint}
    result = {**facts, **course.result(), **settings}
    with replacing(folder / RESULT) as file:
        file.write(json.dumps(result, indent=2).encode())
    return result


if __name__ == "__main__":
    main(lambda spec, folder, say: run(Job(**spec), folder, say))
