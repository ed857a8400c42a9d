"""What the full trainer trains: a LoRA on every matrix of a model, step by step, with checkpoints.

Source: Hu et al. (2021), arXiv 2106.09685; learning rate as in the Tinker cookbook of Thinking Machines,
5e-5 × 10 × (2000 / width)^0.781, which was fitted to Llama models from 1B to 70B.
"""

import pickle
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import torch
from peft import LoraConfig, get_peft_model

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.training.course import Check, Course, checked
from cortex_distill.local.providers.training.examples import Encoder, Example
from cortex_distill.local.providers.training.files import CHECKPOINT, replacing
from cortex_distill.local.providers.training.schedule import by_tokens, rate_at, steps
from cortex_distill.local.providers.transformers.chat import chat_tokens
from cortex_distill.local.providers.transformers.job import Job
from cortex_distill.local.providers.transformers.likelihood import log_likelihoods
from cortex_distill.local.providers.transformers.model import device, load


class LoraLearner:
    """Implements `Learner`."""

    def __init__(self, job: Job, folder: Path) -> None:
        """Loads the model and adds an adapter that changes nothing yet. Raises CallError if it cannot be loaded."""
        self._job, self._folder = job, folder
        base, self._tokenizer = load(Path(job.source))
        if self._tokenizer.eos_token_id is None:
            raise CallError(f"the tokenizer in {job.source} names no token that ends a text (eos_token)")
        torch.manual_seed(job.seed)  # of the adapter's first matrices
        config = LoraConfig(
            r=job.rank, lora_alpha=job.alpha, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        self.model, self.device = get_peft_model(base, config), device()
        self._tuned = {name: tensor for name, tensor in self.model.named_parameters() if tensor.requires_grad}
        self.rate = 5e-4 * (2000 / base.config.get_text_config().hidden_size) ** 0.781
        self._optimiser = torch.optim.AdamW(self._tuned.values(), self.rate, weight_decay=0.0)
        self._steps = 0
        self._best: Mapping[str, torch.Tensor] = {}
        self.rows_cut = 0
        self._train = self._encoded(job.train)
        cut, self._validation = self.rows_cut, self._encoded(job.validation)
        self.rows_cut = cut

    def restore(self) -> Course:
        """The epochs of an earlier process on the same job, if it left a checkpoint; else none yet."""
        course = Course(self._job.epochs, sum(map(_length, self._train)))
        try:
            kept = torch.load(self._folder / CHECKPOINT, map_location="cpu", weights_only=True)
            if kept["fingerprint"] != self._job.fingerprint:
                return course
        except (OSError, EOFError, BadZipFile, RuntimeError, ValueError, KeyError, pickle.UnpicklingError):
            return course  # none, or one that cannot be trusted
        self._set(kept["tuned"])
        self._optimiser.load_state_dict(kept["optimiser"])
        self._steps, self._best = kept["steps"], kept["best"] or kept["tuned"]
        return Course(course.epochs, course.tokens, kept["losses"], kept["checks"])

    def epoch(self, number: int, say: Callable[[float], None]) -> float:
        """Train on every row once. Epochs are shuffled by their number, so a resumed one sees the same order."""
        self.model.train()
        plan = steps(self._train, self._job.step_rows, random.Random(self._job.seed + number), _length)
        total = 0.0
        for done, rows in enumerate(plan, 1):
            tokens = sum(len(target) for _, target in rows)
            for part in by_tokens(rows, _length, self._job.chunk_tokens):
                loss = -log_likelihoods(self.model, part).sum()
                (loss / tokens).backward()
                total += loss.item()
            self._step(len(plan) * self._job.epochs)
            say(done / len(plan))
        return total / sum(len(target) for _, target in self._train)

    def validate(self) -> Check | None:
        """What the validation rows say."""
        if not self._validation:
            return None
        self.model.eval()
        with torch.no_grad():
            parts = list(by_tokens(self._validation, _length, self._job.chunk_tokens))
            losses = [loss for part in parts for loss in (-log_likelihoods(self.model, part)).tolist()]
        tokens = [len(target) for part in parts for _, target in part]
        return checked(list(zip(losses, tokens, strict=True)))

    def keep(self) -> None:
        """Copy the adapter."""
        self._best = self._copied()

    def save(self, course: Course) -> None:
        """Adapter, optimiser, the best adapter where it is another."""
        kept = {"fingerprint": self._job.fingerprint, "losses": course.losses, "checks": [*map(list, course.checks)]}
        is_last = course.taken == len(course.losses)
        tensors = {"tuned": self._copied(), "best": None if is_last else dict(self._best)}
        with replacing(self._folder / CHECKPOINT) as file:
            torch.save({**kept, **tensors, "steps": self._steps, "optimiser": self._optimiser.state_dict()}, file)

    def write(self, folder: Path) -> None:
        """Save the best adapter into that folder, for peft to load."""
        self._set(self._best)
        self.model.save_pretrained(folder)

    def _step(self, of: int) -> None:
        self._steps += 1
        torch.nn.utils.clip_grad_norm_(self._tuned.values(), 1.0)
        for group in self._optimiser.param_groups:
            group["lr"] = rate_at(self._steps, of, self.rate)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)

    def _encoded(self, rows: Sequence[tuple[str, str]]) -> list[Example]:
        def ask(prompt: str) -> list[int]:
            return chat_tokens([{"role": "user", "content": prompt}], self._tokenizer)

        def tokenize(text: str) -> list[int]:
            tokens: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
            return tokens

        limits = (self._job.most_prompt, self._job.most_completion)
        found = list(Encoder(ask, tokenize, self._tokenizer.eos_token_id, *limits).encode(rows))
        self.rows_cut = sum(cut for _, cut in found)
        return [example for example, _ in found]

    def _copied(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().cpu().clone() for name, tensor in self._tuned.items()}

    def _set(self, tensors: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, tensor in tensors.items():
                self._tuned[name].copy_(tensor)


def _length(example: Example) -> int:
    return len(example[0]) + len(example[1])
