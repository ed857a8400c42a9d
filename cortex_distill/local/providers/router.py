"""The provider of an engine: sends each call to whoever the routes name for its model."""

import json
import threading
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from cortex_distill.errors import SetupError
from cortex_distill.local.providers import NEVER, Answer, Call, CallError, Heard, Provider, Trained, Training, nobody
from cortex_distill.local.providers.routes import FILE, AnyRoute, ByEndpoint, ByGguf, ByTransformers, Routes, Simulated

MADE_BY = "provider.json"
"""In the folder of a tuned model: the route of the provider that trained it, and that alone can serve it."""

_PACKAGE = "cortex_distill.local.providers"
_ROUTE: TypeAdapter[AnyRoute] = TypeAdapter(AnyRoute)


class Router:
    """Implements `Provider` by others. A name without a route fails its calls alone."""

    def __init__(self, routes: Routes) -> None:
        """Make every provider of the routes, which loads no model yet. Raises SetupError if one cannot be."""
        self._routes = routes
        self._making = threading.Lock()
        self._pool: Any = None
        self._providers = {_key(route): self._made(route) for route in routes.models}

    def complete(
        self, calls: Sequence[Call], stop: threading.Event = NEVER, heard: Heard = nobody
    ) -> list[Answer | CallError]:
        """Answer every call, in order; calls for one provider go to it together."""
        answers: dict[int, Answer | CallError] = {}
        parts: dict[str, tuple[Provider, list[int]]] = {}
        for place, call in enumerate(calls):
            try:
                key, provider = self._of(call)
                parts.setdefault(key, (provider, []))[1].append(place)
            except CallError as error:
                answers[place] = error
        for provider, places in parts.values():
            told = partial(_told, heard, places)
            answers |= zip(places, provider.complete([calls[at] for at in places], stop, told), strict=True)
        return [answers[place] for place in range(len(calls))]

    def finetune(self, job: Training) -> Trained:
        """Train with the provider of the base model, which will serve the result, too; a job that is taken up again
        stays with the one that began it."""
        made_by = job.folder / MADE_BY
        try:
            route = _ROUTE.validate_json(made_by.read_bytes())
        except (FileNotFoundError, ValidationError):
            route = self._route(job.base_model)
            made_by.write_text(route.model_dump_json(), "utf-8")
        return self._provider(route)[1].finetune(job)

    def count_tokens(self, text: str, model: str = "", *, asked: bool = False) -> int:
        """Tokens as the provider of that model counts them."""
        return self._provider(self._route(model))[1].count_tokens(text, model, asked=asked)

    def served_by(self, model: str) -> str:
        """Who would answer to that name. Raises CallError if nobody does."""
        return self._provider(self._route(model))[1].served_by(model)

    def obstacle(self, model: str, *, tuning: bool) -> str:
        """Why calls of that model, or its training, would fail, as far as its provider knows beforehand; '' if it
        knows of nothing."""
        try:
            provider: Any = self._provider(self._route(model))[1]
            return str(provider.obstacle(model, tuning=tuning)) if hasattr(provider, "obstacle") else ""
        except CallError as error:
            return str(error)

    def close(self) -> None:
        """Close everyone who was asked."""
        with self._making:
            for provider in self._providers.values():
                provider.close()

    def _of(self, call: Call) -> tuple[str, Provider]:
        made_by = None if call.weights is None else call.weights / MADE_BY
        if made_by is not None and made_by.is_file():
            return self._provider(_ROUTE.validate_json(made_by.read_bytes()))
        return self._provider(self._route(call.model))

    def _route(self, model: str) -> AnyRoute:
        route = self._routes.of(model)
        if route is None:
            raise CallError(
                f"400 nobody on this machine answers to the model '{model}': add to {FILE}"
                f' [[models]] name = "{model}" with provider = "openai" or "gguf"'
            )
        return route

    def _provider(self, route: AnyRoute) -> tuple[str, Provider]:
        """The provider of a route, and a key that tells it from others. Raises CallError if it cannot be had."""
        key = _key(route)
        with self._making:
            if key not in self._providers:  # of a tuned model, whose route has left the file since
                try:
                    self._providers[key] = self._made(route)
                except SetupError as error:
                    raise CallError(f"500 provider '{route.provider}': {error}") from error
            return key, self._providers[key]

    def _made(self, route: AnyRoute) -> Provider:
        """Imported here, so that an engine loads no library that it does not use."""
        try:
            package: Any = import_module(f"{_PACKAGE}.{route.provider}")
        except ImportError as error:
            raise SetupError(f"provider '{route.provider}' needs a package that is missing: {error}") from error
        match route:
            case ByGguf():
                made: Provider = package.GgufProvider(route.file and Path(route.file), self._gguf_pool(package))
            case ByEndpoint():
                made = package.OpenAiProvider(
                    route.base_url, route.model, route.api_key_env, route.concurrency, route.timeout
                )
            case ByTransformers():
                made = package.TransformersProvider(Path(route.folder))
            case Simulated():
                made = package.from_spec(f"simulated:{route.knobs}" if route.knobs else "simulated")
        return made

    def _gguf_pool(self, package: Any) -> Any:
        """One for all GGUF models: they share the memory."""
        if self._pool is None:
            gigabytes = self._routes.gguf.memory_gb
            self._pool = package.EnginePool(gigabytes and int(gigabytes * 1e9))
        return self._pool


def _key(route: AnyRoute) -> str:
    return json.dumps(route.model_dump(exclude={"name"}), sort_keys=True)


def _told(heard: Heard, places: Sequence[int], at: int, answer: Answer) -> None:
    heard(places[at], answer)
