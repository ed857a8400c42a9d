"""Imports PyTorch so that its idle threads sleep.

They spin otherwise, which is fine on an idle machine and a disaster on a busy one. CPU seconds for 8 replies of 12
tokens of a 135M model, 2 threads on 2 cores with other work on them: 19.1 as it comes, 24.7 with the spin count that
llama.cpp is given (`gguf.engine`), 2.9 with PASSIVE; 2.4 with one thread.
"""

import os
from importlib import import_module
from typing import Any

_SPIN: dict[str, str | None] = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": None}
"""Read when the library is loaded, once; a spin count would win over the policy."""


def import_quietly(module: str) -> Any:
    """A module of ours that imports PyTorch and transformers; the progress bars of the latter are switched off."""
    before = {name: os.environ.get(name) for name in _SPIN}
    _set(_SPIN)
    try:
        found = import_module(module)
        logging = import_module("transformers.utils.logging")
    finally:
        _set(before)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    return found


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
