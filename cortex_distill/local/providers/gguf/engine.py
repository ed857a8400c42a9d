"""One loaded GGUF model: llama.cpp's server inside this process, one call at a time.

Measured with xllamacpp 2026.10 on AVX2, and the reason for what may look odd below: two calls at once change each
other's sampled text; a server that is freed before its first call never returns; and what was cached changes the
reply (log-probabilities move by 0.1 to 0.3) if flash attention is on, or if the last piece of the prompt to be read
is a single token. A greedy reply never has that; a sampled one always, so that a prompt which repeats is read once.
"""

import json
import os
import secrets
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf.base_model import file_hash

CONTEXT = 4096
"""Tokens of prompt and reply together; the model could do 8192, at 90 MB more per loaded model."""

READ_AT_ONCE = 512
"""Tokens of a prompt that are read in one piece."""


SPIN = "100000"
"""How long libgomp's idle threads spin before they sleep (0.1 ms or so). Seconds per ticket on two idle cores: 5.3
with OMP_WAIT_POLICY=PASSIVE (waking a thread costs more than the work it gets), 2.0 here, 1.9 with ACTIVE. Beside a
niced process that computes all the time: 2.8 here, 3.7 at a tenth of it. ACTIVE starves on a busy machine."""


class Sampling(NamedTuple):
    """How the reply is drawn; temperature 0 is greedy and ignores the rest but `grammar`."""

    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    grammar: str | None


class Reply(NamedTuple):
    """What came back; `cut` says that max_tokens, and not the model, ended it."""

    text: str
    tokens: int
    cut: bool


class Engine:
    """A model file, loaded. Hold `lock` around calls: prompts that follow each other share their cached prefix."""

    def __init__(self, path: Path) -> None:
        """Load `path`, which takes 0.5 to 1 s and 250 to 350 MB. Raises CallError if llama.cpp cannot."""
        self.sha256 = file_hash(path)
        self.lock = threading.Lock()
        self._key = secrets.token_hex(16)  # llama.cpp also listens on a loopback port: nobody else is to use it
        self._server: Any = _load(path, self._key)
        self._address = f"{self._server.listening_address}/tokenize"
        self._read: list[int] = []
        self.reply([0], Sampling(1, 0.0, 1.0, 0, None))  # see the module's docstring: freeing it unused would hang

    def tokenize(self, text: str) -> list[int]:
        """Token ids of `text`; marks such as `<|im_end|>` are read as plain characters. About 1 ms."""
        body = json.dumps({"content": text, "add_special": False, "parse_special": False}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        with urlopen(Request(self._address, body, headers), timeout=60) as response:
            tokens: list[int] = json.load(response)["tokens"]
        return tokens

    def reply(self, prompt: list[int], sampling: Sampling) -> Reply:
        """Continue the prompt. Raises CallError if prompt and context do not fit, or llama.cpp refuses."""
        room = CONTEXT - len(prompt)
        if room < 1:
            raise CallError(f"400 prompt of {len(prompt)} tokens exceeds the context window of {CONTEXT} tokens")
        if sampling.temperature > 0 and len(prompt) > 1 and prompt != self._read:
            self._complete(prompt[:-1], Sampling(1, 0.0, 1.0, 0, None), self._may_use_cache(prompt[:-1]))
            self._read = prompt  # now every draw of this prompt, the first one too, reads its last token alone
        sampled_again = sampling.temperature > 0 and prompt == self._read
        answer = self._complete(prompt, sampling, self._may_use_cache(prompt) or sampled_again, room)
        choice = answer["choices"][0]
        return Reply(choice["text"], answer["usage"]["completion_tokens"], choice["finish_reason"] == "length")

    def _complete(self, prompt: list[int], sampling: Sampling, cache: bool, room: int = 1) -> Any:
        request = {
            "prompt": prompt,
            "max_tokens": max(1, min(sampling.max_tokens, room)),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "min_p": 0.05,
            "seed": sampling.seed,
            "cache_prompt": cache,
        }
        if sampling.grammar:
            request["grammar"] = sampling.grammar
        answer = self._server.handle_completions(request)
        if "choices" not in answer:
            raise CallError(f"500 {answer.get('error', {}).get('message', answer)}")
        return answer

    def _may_use_cache(self, prompt: list[int]) -> bool:
        """Whether the beginning shared with the last prompt can be kept without any effect on the reply."""
        last, self._read = self._read, prompt
        shared = next((at for at, pair in enumerate(zip(prompt, last, strict=False)) if pair[0] != pair[1]), None)
        kept = min(len(prompt), len(last)) if shared is None else shared
        kept = min(kept, len(prompt) - 1)  # the last token is always read, for its successor
        return len(prompt) % READ_AT_ONCE != 1 and (len(prompt) - kept) % READ_AT_ONCE != 1

    def close(self) -> None:
        """Free the model's memory."""
        self._server = None


def _load(path: Path, key: str) -> Any:
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN)  # read once, when the library is loaded
    llama = import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = CONTEXT, 1, READ_AT_ONCE, READ_AT_ONCE
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = min(2, os.cpu_count() or 1)
    params.verbosity, params.warmup, params.no_perf, params.ui = 0, False, True, False
    params.flash_attn_type = llama.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_ram_mib = 0  # the one slot keeps the last prompt; a second store would only cost memory
    params.api_keys = [key]
    try:
        return llama.Server(params)
    except RuntimeError as error:
        raise CallError(f"500 llama.cpp cannot load {path}: {error}") from error
