"""One llama.cpp server inside this process: it has loaded one GGUF file and answers one call at a time.

Measured with xllamacpp 2026.10 on AVX2, and the reason for what may look odd below: a server that is freed before its
first call never returns; and what was cached changes the reply (log-probabilities move by 0.1 to 0.3) if flash
attention is on, or if the last piece of the prompt to be read is a single token. A greedy reply never has that; a
sampled one always, so that a prompt which repeats is read once.
"""

import json
import os
import secrets
from collections.abc import Sequence
from functools import lru_cache
from http.client import HTTPConnection, HTTPException
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from cortex_distill.local.providers import CallError

CONTEXT = 4096
"""Tokens of prompt and reply together, or as many as the model was trained for."""

READ_AT_ONCE = 256
"""Tokens of a prompt that are read in one piece; 512 took 4.3 ms a token instead of 3.95, and more memory."""

SPIN = "100000"
"""How long libgomp's idle threads spin before they sleep (0.1 ms or so), where a server has several threads. Seconds
per ticket on two idle cores: 5.3 with OMP_WAIT_POLICY=PASSIVE (waking a thread costs more than the work it gets), 2.0
here, 1.9 with ACTIVE. ACTIVE starves on a busy machine."""


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


def shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of the common beginning."""
    both = enumerate(zip(first, second, strict=False))
    return next((at for at, pair in both if pair[0] != pair[1]), min(len(first), len(second)))


class Server:
    """Not for two calls at once; `tokens` and `rendered` are for any thread at any time."""

    def __init__(self, path: Path, threads: int, context: int) -> None:
        """Load `path`, 0.4 s for 145 MB. Raises CallError if llama.cpp cannot. `threads` 0: one per physical core."""
        self._path, self._context = path, context
        self._key = secrets.token_hex(16)  # llama.cpp also listens on a loopback port: nobody else is to use it
        self._server: Any = _load(path, self._key, threads, context)
        self._port = int(self._server.listening_address.rpartition(":")[2])
        self._read: list[int] = []
        self._known = lru_cache(maxsize=1024)(self._tokenized)
        self.reply([0], Sampling(1, 0.0, 1.0, 0, None))  # see the module's docstring: freeing it unused would hang

    def tokens(self, text: str, *, marks: bool = False) -> list[int]:
        """Token ids of `text`. With `marks`, `<|im_end|>` and the like are read as the model's own marks, and what the
        model wants at the beginning of a text is put there; without, they are plain characters."""
        return list(self._known(text, marks))

    def pieces(self, text: str) -> list[tuple[int, Any]]:
        """Id and text of each token, marks read as marks; bytes that are no whole character are a list of numbers."""
        said = self._ask("/tokenize", {"content": text, "parse_special": True, "with_pieces": True})
        return [(token["id"], token["piece"]) for token in said["tokens"]]

    def rendered(self, messages: list[dict[str, str]]) -> str:
        """The conversation as the file's own chat template writes it, up to where the reply begins. Models that can
        think aloud are told not to. Raises CallError if the template refuses, e.g. a system message."""
        options = {"enable_thinking": False}
        prompt: str = self._ask("/apply-template", {"messages": messages, "chat_template_kwargs": options})["prompt"]
        return prompt

    def reply(self, prompt: list[int], sampling: Sampling) -> Reply:
        """Continue the prompt. Raises CallError if prompt and context do not fit, or llama.cpp refuses."""
        room = self._context - len(prompt)
        if room < 1:
            raise CallError(f"400 prompt of {len(prompt)} tokens exceeds the context window of {self._context} tokens")
        if sampling.temperature > 0 and len(prompt) > 1 and prompt != self._read:
            self._complete(prompt[:-1], Sampling(1, 0.0, 1.0, 0, None), self._may_use_cache(prompt[:-1]))
            self._read = prompt  # now every draw of this prompt, the first one too, reads its last token alone
        sampled_again = sampling.temperature > 0 and prompt == self._read
        answer = self._complete(prompt, sampling, self._may_use_cache(prompt) or sampled_again, room)
        choice = answer["choices"][0]
        return Reply(choice["text"], answer["usage"]["completion_tokens"], choice["finish_reason"] == "length")

    def close(self) -> None:
        """Free the memory."""
        self._server = None

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
            raise CallError(f"500 {_reason(answer)}")
        return answer

    def _may_use_cache(self, prompt: list[int]) -> bool:
        """Whether the beginning shared with the last prompt can be kept without any effect on the reply."""
        last, self._read = self._read, prompt
        kept = shared(prompt, last)
        if kept == len(last) < len(prompt):
            return False  # what was replied to the last prompt lies behind it, and llama.cpp may keep of that, too
        kept = min(kept, len(prompt) - 1)  # the last token is always read, for its successor
        return len(prompt) % READ_AT_ONCE != 1 and (len(prompt) - kept) % READ_AT_ONCE != 1

    def _tokenized(self, text: str, marks: bool) -> tuple[int, ...]:
        body = {"content": text, "add_special": marks, "parse_special": marks}
        return tuple(self._ask("/tokenize", body)["tokens"])

    def _ask(self, route: str, body: dict[str, Any]) -> Any:
        """Half a millisecond. Not by urllib, which would go through the proxy that the environment may name."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        try:
            connection.request("POST", route, json.dumps(body), headers)
            response = connection.getresponse()
            said = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            raise CallError(f"500 llama.cpp did not answer {route} for {self._path.name}: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise CallError(f"400 {self._path.name}: {_reason(said)}")
        return said


def _reason(said: Any) -> str:
    return " ".join(str(said.get("error", {}).get("message", said)).split())


def _load(path: Path, key: str, threads: int, context: int) -> Any:
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN)  # read once, when the library is loaded
    llama = import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel, params.n_batch, params.n_ubatch = context, 1, READ_AT_ONCE, READ_AT_ONCE
    if threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_threads_http = 1
    params.verbosity, params.warmup, params.no_perf, params.ui = 0, False, True, False
    params.flash_attn_type = llama.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_ram_mib = 0  # the one slot keeps the last prompt; a second store would only cost memory
    params.api_keys = [key]
    try:
        return llama.Server(params)
    except RuntimeError as error:
        why = "it is damaged, or of an architecture that this version does not know"
        raise CallError(f"500 llama.cpp cannot load {path} ({error}): {why}") from error
