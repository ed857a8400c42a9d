"""The GGUF files that a provider may be made for: the one that comes with the package, or one of the user's."""

import hashlib
from pathlib import Path
from typing import Any

from cortex_distill.errors import SetupError
from cortex_distill.local.providers import CallError
from cortex_distill.local.providers.gguf.asking import Ask, ask_by_template, ask_smollm2
from cortex_distill.local.providers.gguf.base_model import NAME, base_gguf
from cortex_distill.local.providers.gguf.chat import TUNED_TEMPLATE
from cortex_distill.local.providers.gguf.header import is_gguf, read_header
from cortex_distill.local.providers.gguf.pool import EnginePool
from cortex_distill.local.providers.gguf.template import templated_tokens

TEMPLATE_KEY = "tokenizer.chat_template"
HINT = "see `file` of the provider gguf in local.toml"


class Shipped:
    """SmolLM2-135M-Instruct."""

    name = NAME
    ask: Ask = staticmethod(ask_smollm2)

    @property
    def path(self) -> Path:
        """Raises CallError if it is not installed, or its copy cannot be written."""
        try:
            return base_gguf()
        except SetupError as error:
            raise CallError(f"500 {error}") from error

    def identity(self) -> str:
        """The same on every machine."""
        return self.name

    def training(self, pool: EnginePool) -> dict[str, Any]:
        """What the trainer has to know of the chat format: nothing, this one is its own."""
        return {}


class UserFile:
    """A file that local.toml names. It may be replaced while the engine runs: then it is another model."""

    ask: Ask = staticmethod(ask_by_template)

    def __init__(self, path: Path) -> None:
        """Raises SetupError if it is not there or no GGUF file."""
        self._path, self.name = path, path.stem
        try:
            if not is_gguf(path):
                raise SetupError(f"{path} is no GGUF file; {HINT}")
        except OSError as error:
            raise SetupError(f"{path} cannot be read ({error.strerror}); {HINT}") from error

    @property
    def path(self) -> Path:
        """Raises CallError if it has gone."""
        if not self._path.is_file():
            raise CallError(f"500 {self._path} is missing; {HINT}")
        return self._path

    def identity(self) -> str:
        """Name, and a few digits that change with the file's size or date."""
        state = self.path.stat()
        changed = hashlib.sha256(f"{state.st_size} {state.st_mtime_ns}".encode()).hexdigest()
        return f"{self.name} {changed[:8]}"

    def training(self, pool: EnginePool) -> dict[str, Any]:
        """The file's own chat format, which the tuned file will carry on: template, prompts, and the end of a reply."""

        def ask(prompt: str) -> list[int]:
            with pool.lease(self.path) as engine:
                return templated_tokens([{"role": "user", "content": prompt}], engine.reader)

        header = read_header(self.path)
        end = header.get("tokenizer.ggml.eos_token_id")
        if end is None:
            raise CallError(f"500 {self._path} does not say which token ends a reply; it cannot be fine-tuned")
        return {"template": header.get(TEMPLATE_KEY, TUNED_TEMPLATE), "ask": ask, "end": end}
