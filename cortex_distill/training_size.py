"""Whether FINETUNE can take what the run will have for it: found before the tickets are paid for, not after."""

from collections.abc import Iterator
from math import floor

from cortex_distill.config import ExperimentConfig
from cortex_distill.findings import Finding
from cortex_distill.model_catalogue import MOST_TRAINING_ROWS, READ_ON


def size_findings(config: ExperimentConfig, examples: int, requests: int = 0) -> Iterator[Finding]:
    """A problem if the tickets that are asked for, or the real requests, are more than the student can be trained on.

    As if all of them were kept.
    """
    most = MOST_TRAINING_ROWS.get(config.models.student.lower())
    if most is None:
        return
    epochs, rule = config.fine_tune.max_epochs, config.fine_tune.rows
    limit, categories = most // epochs, len(config.categories)
    shown = examples if rule != "tickets" else 0
    train = (config.split.train if rule != "examples" else 0.0, shown)
    for share, more in (train, (config.split.validation, 0)):
        written = floor(config.generate.per_category * share) * categories
        rows = (written if config.is_synthetic else floor(requests * share)) + more
        if rows <= limit:
            continue
        fewer = floor((limit - more) / categories / share) if share and limit > more else 0
        fits = most // rows
        wants = f"generate.per_category: {fewer}" if config.is_synthetic else "a source with fewer requests"
        ways = [wants] if fewer else []
        ways += [f"fine_tune.max_epochs: {fits}"] if fits else []
        page = f"its page as of {READ_ON}"
        what = f"FINETUNE takes {limit:,} rows of '{config.models.student}' at {epochs} epochs ({page})"
        at = "generate.per_category" if config.is_synthetic else "source"
        yield Finding(at, f"{what}, and {rows:,} are planned; write {' or '.join(ways) or 'fewer examples'}")
        return
