"""The mistakes of docs/errors.md: each a command and the surroundings that make it fail, in a folder of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tomlkit
import yaml

from cortex_distill.local.service import client, door
from tests.conftest import SMALL

HOLDOUT = "request,category\nWhere is my parcel?,Late delivery\n"
EXPERIMENT = "configs/shoes.yaml"
ON_LOCAL = ("validate", EXPERIMENT, "--engine", "local")


class Where(NamedTuple):
    """The folder of one mistake, and the environment of the command."""

    folder: Path
    environment: dict[str, str]

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def experiment(self, **changes: object) -> None:
        """SMALL with dotted keys changed (`__` for the dot), in configs/shoes.yaml."""
        data = yaml.safe_load(SMALL)
        for dotted, value in {"models__judge": "mistral-large3", **changes}.items():
            *parents, last = dotted.split("__")
            place = data
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
        self.write(EXPERIMENT, yaml.safe_dump(data, sort_keys=False))

    def holdout(self, content: str | bytes) -> None:
        self.write("configs/rows.csv", content)
        self.experiment(holdout__file="rows.csv")

    def connection(self, **changes: object) -> None:
        """An engine of its own behind a port, and a connection `my_account` to it in connections.toml."""
        found = client.find_or_start(self.folder / "account", "simulated")
        parameters = {**found.parameters(), **changes}
        document = {"my_account": {key: value for key, value in parameters.items() if value is not None}}
        self.write("snowflake/connections.toml", tomlkit.dumps(document)).chmod(0o600)
        self.environment["SNOWFLAKE_HOME"] = str(self.folder / "snowflake")


class Mistake(NamedTuple):
    """One of them."""

    title: str
    command: tuple[str, ...]
    make: Callable[[Where], object]
    own_process: bool = False
    """Whether the command needs a process of its own: what it reads is read once in a process."""


def _retired(where: Where) -> None:
    where.experiment(models__teacher="llama3.1-405b", models__judge="mistral-large", models__student="llama3-8b")


def _garbage(where: Where) -> None:
    where.write(".cortex/DISTILL.db", b"no database" * 1000)


def _foreign_folder(where: Where) -> None:
    where.write("afile", "")
    where.environment["DISTILL_HOME"] = str(where.folder / "afile" / "cortex")


def _routes(content: str) -> Callable[[Where], object]:
    return lambda where: (where.write("local.toml", content), where.environment.pop("DISTILL_MODELS"))


def _table(where: Where) -> None:
    where.experiment(holdout__table="SUPPORT.PUBLIC.LABELLED")


def _inbox(where: Where) -> None:
    where.write("configs/inbox.csv", "ticket_id,request\n1,refund me\n")
    where.experiment(source__file="inbox.csv", label__prompt="{{ categories }} {{ request }}")


def _typo(where: Where) -> None:
    where.experiment()
    path = where.folder / EXPERIMENT
    path.write_text(path.read_text().replace("per_category", "per_categroy"))


ON_ACCOUNT = ("validate", EXPERIMENT, "--engine", "my_account")
MISTAKES = [
    Mistake("A key of the experiment file has a typo", ("validate", EXPERIMENT), _typo),
    Mistake("The experiment file is not there", ("run", "configs/shoe.yaml"), lambda where: None),
    Mistake("An override names a key that is not there",
            ("run", EXPERIMENT, "--set", "judge.treshold.valid=5"), lambda where: None),
    Mistake("Models are retired or legacy", ON_LOCAL, _retired),
    Mistake("A model's name has a typo", ON_LOCAL, lambda where: where.experiment(models__teacher="lama3.3-70b")),
    Mistake("The student cannot be fine-tuned", ON_LOCAL, lambda where: where.experiment(models__student="qwen3-32b")),
    Mistake("More tickets than FINETUNE takes", ON_LOCAL,
            lambda where: where.experiment(generate__per_category=100_000, fine_tune__max_epochs=3)),
    Mistake("A prompt is longer than the model can read", ON_LOCAL,
            lambda where: where.experiment(prompts__long="request: {{ request }} " + "word " * 130_000)),
    Mistake("The holdout has no row", ON_LOCAL, lambda where: where.holdout("request,category\n")),
    Mistake("The holdout has a label that is no category", ON_LOCAL,
            lambda where: where.holdout(HOLDOUT + "I want my money back,Refunds\n")),
    Mistake("The holdout lacks a column", ON_LOCAL, lambda where: where.holdout("text,category\na,Refund\n")),
    Mistake("The holdout has to be fetched first", ("run", EXPERIMENT), lambda where: where.experiment(
        holdout__file="rows.csv", holdout__source="https://example.com/rows", holdout__licence="CC BY 4.0")),
    Mistake("The requests that the teacher should label lack a column", ON_LOCAL, _inbox),
    Mistake("The holdout is not UTF-8", ON_LOCAL, lambda where: where.holdout(b"request,category\nTr\xe8s,Refund\n")),
    Mistake("The holdout's table is not there, or may not be read", ON_LOCAL, _table),
    Mistake("The connection is unknown", ("validate", EXPERIMENT, "--engine", "my_acount"),
            lambda where: where.connection(), True),
    Mistake("The login is refused", ON_ACCOUNT, lambda where: where.connection(password="wrong"), True),
    Mistake("Nobody answers at the account's address", ON_ACCOUNT, lambda where: where.connection(port=9), True),
    Mistake("The connection names no database and schema", ON_ACCOUNT,
            lambda where: where.connection(database=None, schema=None), True),
    Mistake("The role has no rights in the schema", ON_ACCOUNT, lambda where: where.connection(role="ANALYST"), True),
    Mistake("The local engine's database file is broken", ON_LOCAL, _garbage),
    Mistake("The local engine may not write into its folder", ON_LOCAL, _foreign_folder, True),
    Mistake("local.toml is not TOML", ON_LOCAL, _routes('[[models]\nname = "*"\n')),
    Mistake("local.toml names an unknown provider", ON_LOCAL, _routes('[[models]]\nname = "*"\nprovider = "ollama"\n')),
    Mistake("local.toml leaves a model out", ON_LOCAL,
            _routes('[[models]]\nname = "llama3.1-8b"\nprovider = "simulated"\n')),
    Mistake("The student's server cannot train", ON_LOCAL,
            _routes('[[models]]\nname = "*"\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n')),
    Mistake("The GGUF file is missing", ON_LOCAL,
            _routes('[[models]]\nname = "*"\nprovider = "gguf"\nfile = "models/qwen.gguf"\n')),
    Mistake("The day of the models is no day", ON_LOCAL,
            lambda where: where.environment.update(DISTILL_MODELS_AS_OF="yesterday")),
    Mistake("Prefect's server does not answer", ("run", EXPERIMENT),
            lambda where: where.environment.update(PREFECT_API_URL="http://127.0.0.1:9/api"), True),
]  # fmt: skip


def stop(where: Where) -> None:
    """Stop the engines that a mistake has started."""
    for home in (where.folder / "account", where.folder / ".cortex"):
        if home.is_dir() and door.read(home):
            client.stop(home, 0)
    shutil.rmtree(where.folder / "account", ignore_errors=True)
