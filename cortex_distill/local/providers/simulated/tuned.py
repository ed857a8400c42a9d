"""Fine-tuning that really learns: TF-IDF of words and letter groups, and logistic regression over the completions.

scikit-learn trains; the files are plain JSON and NumPy arrays, never code, and answering needs NumPy only.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from cortex_distill.local.providers import Advance, CallError, Trained, Training
from cortex_distill.local.providers.simulated.words import words

MOST_CLASSES = 500  # completions that are told apart, the most frequent ones; more would be answers, not labels
UNSEEN = 1e-6  # probability of a completion that was never trained, for the validation loss


class Classifier(NamedTuple):
    """A tuned model in memory."""

    completions: list[str]
    places: dict[str, int]
    idf: Any
    coef: Any
    """One row per feature, one column per completion."""
    intercept: Any

    def probabilities(self, prompt: str) -> Any:
        """One probability per completion."""
        counts = Counter(place for name in features(prompt) if (place := self.places.get(name)) is not None)
        if not counts:
            return _softmax(self.intercept)
        places = np.fromiter(counts, dtype=np.intp, count=len(counts))
        weights = (1.0 + np.log(np.fromiter(counts.values(), dtype=float, count=len(counts)))) * self.idf[places]
        return _softmax((weights / np.linalg.norm(weights)) @ self.coef[places] + self.intercept)

    def answer(self, prompt: str) -> str:
        """The most probable completion."""
        return self.completions[int(np.argmax(self.probabilities(prompt)))]


def features(text: str) -> list[str]:
    """Words, pairs of words, and groups of 3 to 5 letters within a word; of the last 20,000 characters."""
    said = words(text[-20_000:])
    grams = [
        f"#{padded[i : i + n]}"
        for padded in (f" {w} " for w in said)
        for n in (3, 4, 5)
        for i in range(len(padded) - n + 1)
    ]
    return [*said, *(f"{one} {two}" for one, two in pairwise(said)), *grams]


def _softmax(scores: Any) -> Any:
    spread = np.exp(scores - scores.max())
    return spread / spread.sum()


def train(job: Training, tokens: Sequence[int]) -> Trained:
    """Train on rows of `tokens` each, save into `job.folder`, report. Raises CallError if there is nothing to learn."""
    rows = [(prompt, completion) for prompt, completion in job.train if prompt and completion]
    if not rows:
        raise CallError(f"fine-tuning {job.base_model}: no training row has both a prompt and a completion")
    job.progress(Advance(0.0))
    frequent = {completion for completion, _ in Counter(c for _, c in rows).most_common(MOST_CLASSES)}
    rows = [row for row in rows if row[1] in frequent]
    epochs = job.max_epochs or 3
    model = _fitted(rows, epochs, job)
    save(model, job.folder)
    validation = log_loss(model, job.validation) if job.validation else None
    job.progress(Advance(1.0))
    return Trained(log_loss(model, rows), validation, sum(tokens) * epochs)


def _fitted(rows: Sequence[tuple[str, str]], epochs: int, job: Training) -> Classifier:
    """More epochs hold the coefficients back less, as longer training would."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415  # seconds to import
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    vectors = TfidfVectorizer(analyzer=features, sublinear_tf=True, max_features=20_000)
    try:
        table = vectors.fit_transform([prompt for prompt, _ in rows])
    except ValueError as error:
        raise CallError(f"fine-tuning {job.base_model}: the training prompts hold no words") from error
    labels = [completion for _, completion in rows]
    index = {str(name): int(place) for name, place in vectors.vocabulary_.items()}
    if len(set(labels)) == 1:
        return Classifier(labels[:1], index, vectors.idf_, np.zeros((len(index), 1)), np.zeros(1))
    learner = LogisticRegression(max_iter=1000, tol=1e-3, warm_start=True)
    for epoch in range(1, epochs + 1):
        learner.set_params(C=4.0 * epoch).fit(table, labels)
        job.progress(Advance(0.1 + 0.8 * epoch / epochs))
    coef, intercept = learner.coef_.T, learner.intercept_
    if coef.shape[1] == 1:  # two completions: scikit-learn keeps the scores of the second one only
        coef, intercept = np.hstack([np.zeros_like(coef), coef]), np.append(0.0, intercept)
    return Classifier([str(c) for c in learner.classes_], index, vectors.idf_, coef, intercept)


def log_loss(model: Classifier, rows: Sequence[tuple[str, str]]) -> float:
    """Mean negative logarithm of the probability of the right completion."""
    place = {completion: n for n, completion in enumerate(model.completions)}
    losses = []
    for prompt, completion in rows:
        known = place.get(completion)
        right = UNSEEN if known is None else max(UNSEEN, float(model.probabilities(prompt)[known]))
        losses.append(-math.log(right))
    return sum(losses) / len(losses)


def save(model: Classifier, folder: Path) -> None:
    """Two files: model.json and model.npz."""
    names = sorted(model.places, key=model.places.__getitem__)
    (folder / "model.json").write_text(json.dumps({"completions": model.completions, "features": names}))
    idf, coef, intercept = (np.asarray(part, dtype=np.float32) for part in (model.idf, model.coef, model.intercept))
    np.savez(folder / "model.npz", idf=idf, coef=coef, intercept=intercept)


def load(folder: Path) -> Classifier:
    """Read what `save` wrote. Raises CallError if it is missing or damaged."""
    try:
        said = json.loads((folder / "model.json").read_text())
        with np.load(folder / "model.npz", allow_pickle=False) as arrays:
            index = {name: place for place, name in enumerate(said["features"])}
            return Classifier(said["completions"], index, arrays["idf"], arrays["coef"], arrays["intercept"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise CallError(f"the files of the tuned model in {folder.name} cannot be read: {error}") from error
