"""The folder of a Hugging Face model: whether it and the packages for it are there, and which model it holds."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from cortex_distill.errors import SetupError

PACKAGES = ("torch", "transformers", "peft")
WHOLE = 16 << 20  # bytes up to which a file is hashed whole
SAMPLES, SAMPLE = 64, 1 << 16  # of a larger one: so many pieces of so many bytes, evenly spread


def check(folder: Path) -> None:
    """Raise SetupError unless models can be loaded from there. Reads nothing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise SetupError(
            f"the provider 'transformers' needs {', '.join(missing)}; run `make install-train`"
            " (torch for Linux is several GB)"
        )
    if not (folder / "config.json").is_file():
        raise SetupError(f"{folder} is no Hugging Face model: it has no config.json; name the folder that has it")


def fingerprint(folder: Path) -> str:
    """Eight characters that change with the model; of large files a sample counts, as hashing 16 GB takes a minute.

    Independent of dates, so that a copied folder is the same model. 64 samples of a file of weights miss a change
    only if it leaves almost all tensors as they were.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        size = file.stat().st_size
        digest.update(f"{file.name} {size} ".encode())
        whole = size <= WHOLE
        with file.open("rb") as content:
            for start in range(0, size, WHOLE if whole else size // SAMPLES):
                content.seek(start)
                digest.update(content.read(WHOLE if whole else SAMPLE))
    return digest.hexdigest()[:8]
