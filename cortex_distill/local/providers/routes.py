"""`local.toml`: which provider and which real model answer for which model name; the first match wins.

In:   a spec: "gguf", "simulated", "simulated:knob=value,…", or the path of a file, with `#` and its digest behind it
Out:  Routes
"""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cortex_distill.errors import SetupError

FILE = "local.toml"
_HINT = 'write for instance [[models]] name = "*", provider = "gguf"'


class Strict(BaseModel):
    """Data only: no unknown keys, no conversions, no changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Route(Strict):
    """One table `[[models]]`."""

    name: str = Field(default="*", min_length=1, description="model name as Cortex spells it; * stands for anything")
    files: ClassVar[tuple[str, ...]] = ()
    """Keys that hold a path, which starts beside the file."""


class ByGguf(Route):
    """A GGUF file on this machine, through llama.cpp; `FINETUNE` trains its last layers."""

    provider: Literal["gguf"]
    file: str | None = Field(default=None, description="the GGUF file; by default SmolLM2-135M-Instruct, which is here")
    files: ClassVar[tuple[str, ...]] = ("file",)


class ByEndpoint(Route):
    """A server that speaks OpenAI's chat API: Ollama, vLLM, llama.cpp's server, a hosted one."""

    provider: Literal["openai"]
    base_url: str = Field(pattern=r"^https?://[^@\s]+$", description="address up to /v1, without a password in it")
    model: str = Field(min_length=1, description="name of the model on that server")
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_]\w*$", description="variable that holds the key")
    concurrency: int = Field(default=32, ge=1, le=1000, description="calls under way at once (1 to 1000)")
    timeout: float = Field(
        default=120.0, gt=0, le=3600, description="seconds until a call is given up (above 0, at most 3600)"
    )


class ByTransformers(Route):
    """A Hugging Face folder on this machine, through PyTorch (`make install-train`); `FINETUNE` trains an adapter."""

    provider: Literal["transformers"]
    folder: str = Field(min_length=1, description="folder with config.json, the weights and the tokenizer")
    files: ClassVar[tuple[str, ...]] = ("folder",)


class Simulated(Route):
    """A stand-in for tests, which reads the prompt that it is given."""

    provider: Literal["simulated"]
    knobs: str = Field(default="", description="misbehaviour, such as broken_json=0.2,latency_ms=5")


AnyRoute = Annotated[ByGguf | ByEndpoint | ByTransformers | Simulated, Field(discriminator="provider")]


class Memory(Strict):
    """Limits of the provider gguf: one table `[gguf]`."""

    memory_gb: float | None = Field(
        default=None,
        gt=0,
        description="GB for all loaded GGUF models together (above 0); by default half of the machine's",
    )


class Routes(Strict):
    """A whole file."""

    models: list[AnyRoute] = Field(min_length=1, description="who answers; the first table whose name fits")
    gguf: Memory = Field(default=Memory(), description="limits of the provider gguf")

    def of(self, model: str) -> AnyRoute | None:
        """The route of a model name, in any case; None if nobody answers to it."""
        asked = model.lower()
        return next((route for route in self.models if fnmatchcase(asked, route.name.lower())), None)


def spec_of(file: Path) -> str:
    """The spec of a file as it reads now: whoever asks for another content asks for other models."""
    return f"{file.resolve()}#{hashlib.sha256(_bytes(file)).hexdigest()[:8]}"


def routes_of(spec: str) -> Routes:
    """The routes of a spec. Raises SetupError: what is wrong with it, and what to write."""
    kind, colon, knobs = spec.partition(":")
    if spec == "gguf":
        return Routes(models=[ByGguf(provider="gguf")])
    if kind == "simulated" and (knobs or not colon):
        return Routes(models=[Simulated(provider="simulated", knobs=knobs)])
    path, _, digest = spec.partition("#")
    if not path.endswith(".toml"):
        raise SetupError(
            f"DISTILL_MODELS: models '{spec}' are unknown;"
            f" use 'gguf', 'simulated', 'simulated:knob=value,…' or a path such as {FILE}"
        )
    content = _bytes(Path(path))
    if digest and not hashlib.sha256(content).hexdigest().startswith(digest):
        raise SetupError(f"{path} was changed while the engine started; try again")
    return _read(Path(path), content)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror}); {_HINT}") from error


def _read(file: Path, content: bytes) -> Routes:
    try:
        data = tomllib.loads(content.decode())
        return Routes.model_validate(_absolute(data, file.parent))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: is no TOML: {error}; {_HINT}") from error
    except ValidationError as error:
        problems = [_said(data, each["loc"], each["msg"]) for each in error.errors(include_url=False)]
        raise SetupError("\n".join(f"{file}: {problem}" for problem in problems)) from error


def _absolute(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Paths start beside the file, wherever the engine was started."""
    tables = data.get("models")
    kinds = {"gguf": ByGguf.files, "transformers": ByTransformers.files}
    for table in tables if isinstance(tables, list) else []:
        for key in kinds.get(str(table.get("provider")), ()) if isinstance(table, dict) else ():
            if isinstance(table.get(key), str):
                table[key] = str((folder / Path(table[key]).expanduser()).resolve())
    return data


def _said(data: dict[str, Any], place: Sequence[int | str], message: str) -> str:
    """One problem; a table is called by its number and name."""
    if len(place) < 2 or place[0] != "models" or not isinstance(place[1], int):
        return f"{'.'.join(map(str, place))}: {message[:1].lower()}{message[1:]}; {_HINT}"
    table = data["models"][place[1]]
    name = f" ({table['name']})" if isinstance(table, dict) and "name" in table else ""
    if found := re.match(r"input tag '(.*?)'.*expected tags: (.*)", message, re.IGNORECASE):
        known = "openai is for Ollama, vLLM and any other server with OpenAI's API"
        return f"[[models]] number {place[1] + 1}{name}: provider: there is no '{found[1]}'; write {found[2]} ({known})"
    key = ".".join(map(str, place[3:]))  # after the provider, by which pydantic chose
    return f"[[models]] number {place[1] + 1}{name}: {key and key + ': '}{message[:1].lower()}{message[1:]}"
