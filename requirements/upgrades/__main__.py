"""`make upgrades`: the newest versions that pyproject.toml allows, then each pin one step up, in separate environments.

The exit code is 1 if the allowed upgrade is red. Steps past a pin only inform.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from requirements.upgrades.page import Step, page, without_addresses
from requirements.upgrades.pins import Pin, all_pins, at, moved
from requirements.upgrades.steps import asks, next_step
from requirements.upgrades.trial import Trial
from requirements.upgrades.verdict import Verdict

ROOT = Path(__file__).parents[2]
SHORT = (  # of a step past a pin: the conformance suite, one whole flow, `make up` with a real server, the page
    "tests/local/test_conformance.py",
    "tests/flows/test_distill.py",
    "tests/flows/test_ways_to_start.py",
    "tests/app/test_app_pages.py",
)


Allowed = tuple[list[tuple[str, str, str]], Verdict | None]  # what would change in the lock; None: not tested


@click.command()
@click.argument("tests", nargs=-1)
@click.option("--only", multiple=True, metavar="PACKAGE", help="Try the pins of these packages alone (none: --only -).")
@click.option("--step-tests", default=" ".join(SHORT), help="Tests of a step past a pin.", show_default=True)
@click.option("--skip-allowed", is_flag=True, help="Only resolve the allowed upgrade; do not install and test it.")
@click.option(
    "--to", type=click.Path(path_type=Path), default=Path("upgrades"), show_default=True, help="Output folder."
)
def main(tests: tuple[str, ...], only: tuple[str, ...], step_tests: str, skip_allowed: bool, to: Path) -> None:
    """Try newer versions. TESTS: what the allowed upgrade has to pass (default: all)."""
    to.mkdir(parents=True, exist_ok=True)
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv") or "uv"
    with tempfile.TemporaryDirectory(prefix="upgrades-") as temporary:
        folder = Path(temporary)
        newer, allowed = _allowed(Trial(ROOT, folder / "allowed", uv), to, list(tests), skip_allowed)
        steps: list[Step] = []
        text = _written(to, newer, allowed, steps)
        for pin in all_pins(ROOT):
            if not only or pin.name in only:
                steps.append(_step(pin, folder, uv, step_tests.split(), to))
                text = _written(to, newer, allowed, steps)  # after each, as the next may be interrupted
    click.echo(text)
    sys.exit(0 if allowed is None or allowed.green else 1)


def _written(to: Path, newer: list[tuple[str, str, str]], allowed: Verdict | None, steps: list[Step]) -> str:
    made = f"Made by `make upgrades` on {datetime.now(UTC):%Y-%m-%d} with Python {sys.version.split()[0]}."
    text = page(newer, allowed, steps, made)
    (to / "upgrades.md").write_text(text, encoding="utf-8")
    return text


def _keep_log(trial: Trial, to: Path) -> None:
    (to / trial.log.name).write_text(without_addresses(trial.log.read_text(encoding="utf-8")), encoding="utf-8")


def _allowed(trial: Trial, to: Path, tests: list[str], skip: bool) -> Allowed:
    """What would change in the lock, and whether it works; the new lock is left in `to`."""
    before = trial.lock.read_text(encoding="utf-8")
    if problem := trial.resolve("--upgrade"):
        return [], Verdict(False, said=problem)
    after = trial.lock.read_text(encoding="utf-8")
    (to / "project.lock").write_text(without_addresses(after), encoding="utf-8")
    newer = moved(before, after)
    click.echo(f"{len(newer)} packages of the lock would change", err=True)
    if skip:
        return newer, None
    try:
        return newer, _installed(trial, tests, lint=True)
    finally:
        _keep_log(trial, to)


def _step(pin: Pin, folder: Path, uv: str, tests: list[str], to: Path) -> Step:
    """One package one version past its pin, all others as in the lock as far as they can stay."""
    tried = next_step(pin, asks(uv))
    if tried is None:
        return Step(pin, None, None)
    click.echo(f"{pin.name} {tried}: past {pin.text}", err=True)
    trial = Trial(ROOT, folder / pin.name, uv)
    try:
        problem = _resolve_past(trial, pin, tried)
        return Step(pin, tried, Verdict(False, said=problem) if problem else _installed(trial, tests, lint=False))
    finally:
        _keep_log(trial, to)
        shutil.rmtree(trial.folder, ignore_errors=True)


def _resolve_past(trial: Trial, pin: Pin, tried: str) -> str:
    """Our own pin is written anew, so that a conflict with others shows; another package's is overruled."""
    if pin.by:
        overrule = trial.folder / "overrule.txt"
        overrule.write_text(f"{pin.name}=={tried}\n", encoding="utf-8")
        return trial.resolve("--override", overrule.name)
    trial.allow(pin.text, at(pin.text, tried))
    return trial.resolve()


def _installed(trial: Trial, tests: list[str], lint: bool) -> Verdict:
    problem = trial.install()
    return Verdict(False, said=problem) if problem else trial.check(tests, lint)


if __name__ == "__main__":
    main()
