"""A loaded model with its tokenizer and the adapters in use: what PyTorch is asked for."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LogitsProcessorList

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.transformers.asked import BATCH, Luck
from cortex_distill.local.providers.transformers.draw import Draw, noise
from cortex_distill.local.providers.transformers.job import ADAPTER
from cortex_distill.local.providers.transformers.likelihood import reply_likelihoods

MAX_ADAPTERS = 4
WITHOUT_LIMIT = 4096  # tokens of context, for a model that does not say how many it takes


class Reply(NamedTuple):
    """What was written; `cut` says that max_tokens, and not the model, ended it."""

    text: str
    tokens: int
    cut: bool


def load(folder: Path) -> tuple[Any, Any]:
    """Model and tokenizer, on the GPU in bfloat16 if there is one, else on the CPU in float32.

    Raises CallError if transformers cannot load them. Nothing is fetched, and no code of the folder is run.
    """
    on_gpu = torch.cuda.is_available()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=torch.bfloat16 if on_gpu else torch.float32
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise CallError(f"500 transformers cannot load the model in {folder}: {error}") from error
    return model.to("cuda" if on_gpu else "cpu"), tokenizer


def device() -> str:
    """Where models run, and how exactly they compute."""
    return "cuda in bfloat16" if torch.cuda.is_available() else "cpu in float32"


class LoadedModel:
    """One model; hold a lock around it. `tokenizer` is the one of its folder."""

    def __init__(self, folder: Path) -> None:
        self._model, self.tokenizer = load(folder)
        self._model.eval()
        ends = self._model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self._ends = sorted({end for end in (*ends, self.tokenizer.eos_token_id) if end is not None})
        config = self._model.config.get_text_config()
        self.context = int(getattr(config, "max_position_embeddings", None) or WITHOUT_LIMIT)
        self._adapters: OrderedDict[Path, str] = OrderedDict()

    @contextmanager
    def tuned(self, weights: Path | None) -> Iterator[str]:
        """As fine-tuned into that folder, or as it came; gives the hash of the adapter, or an empty text."""
        if weights is None:
            if self._adapters:
                with self._model.disable_adapter():
                    yield ""
            else:
                yield ""
            return
        if weights not in self._adapters:
            self._add(weights)
        self._adapters.move_to_end(weights)
        self._model.set_adapter(_name(weights))
        yield self._adapters[weights]

    def generate(self, prompts: Sequence[Sequence[int]], lucks: Sequence[Luck], most: int) -> list[Reply]:
        """Continue each prompt by at most so many tokens, and by what fits into the context."""
        longest = max(map(len, prompts))
        most = min(most, self.context - longest)
        ids = torch.zeros((len(prompts), longest), dtype=torch.long)
        there = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            there[row, longest - len(prompt) :] = 1
        config = GenerationConfig(
            max_new_tokens=most, do_sample=False, eos_token_id=self._ends or None, pad_token_id=0, use_cache=True
        )
        with torch.inference_mode():
            written = self._model.generate(
                input_ids=ids.to(self._model.device),
                attention_mask=there.to(self._model.device),
                generation_config=config,
                logits_processor=LogitsProcessorList([Draw(lucks)]),
            )
        return [self._reply(row[longest:].tolist(), most) for row in written]

    def choose(self, prompt: Sequence[int], replies: Sequence[str], luck: Luck) -> tuple[str, int]:
        """The most likely of the replies, or a draw among them; and its number of tokens."""
        targets = [self.tokenizer(reply, add_special_tokens=False).input_ids for reply in replies]
        parts = (targets[at : at + BATCH] for at in range(0, len(targets), BATCH))
        with torch.inference_mode():
            score = torch.cat([reply_likelihoods(self._model, prompt, part) for part in parts]).cpu()
        if luck.temperature > 0:
            score = score / luck.temperature + noise(len(score), torch.Generator().manual_seed(luck.seed))
        best = int(score.argmax())
        return replies[best], len(targets[best])

    def _reply(self, tokens: list[int], most: int) -> Reply:
        end = next((at for at, token in enumerate(tokens) if token in self._ends), None)
        said = tokens if end is None else tokens[:end]
        text = self.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Reply(text, len(said), end is None and len(tokens) >= most)

    def _add(self, weights: Path) -> None:
        folder = weights / ADAPTER
        file = folder / "adapter_model.safetensors"
        if not file.is_file():
            raise CallError(f"500 the fine-tuned model's file {file} is missing; fine-tune it again")
        if not isinstance(self._model, PeftModel):
            self._model = PeftModel.from_pretrained(self._model, folder, _name(weights), local_files_only=True).eval()
        else:
            self._model.load_adapter(folder, _name(weights), local_files_only=True)
        self._adapters[weights] = hashlib.sha256(file.read_bytes()).hexdigest()
        if len(self._adapters) > MAX_ADAPTERS:
            self._model.delete_adapter(_name(self._adapters.popitem(last=False)[0]))


def _name(weights: Path) -> str:
    """A name that a torch module may have."""
    return f"job_{hashlib.sha256(str(weights).encode()).hexdigest()[:16]}"
