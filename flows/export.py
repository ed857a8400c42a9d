"""`distill export`: the tickets of a run as files, with a data card beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cortex_distill.errors import ConfigError, StepError
from cortex_distill.export_formats import (
    COLUMNS,
    DROPPED,
    write_chats,
    write_csv,
    write_jsonl,
    write_parquet,
    write_splits,
)
from cortex_distill.session import open_session
from flows.starting import ENGINE

if TYPE_CHECKING:
    from cortex_distill.card_facts import Files
    from cortex_distill.session import Session

FORMATS = ("jsonl", "parquet", "csv", "hf", "openai")
CARD = "README.md"
# Everything that an export of each format may write: a folder with anything else in it is somebody else's.
WRITES = {
    **{form: {f"tickets.{form}", CARD} for form in FORMATS[:3]},
    "hf": {"data", "data/train.parquet", "data/validation.parquet", "data/test.parquet", CARD},
    "openai": {"train.jsonl", "validation.jsonl", CARD},
}


@click.command()
@click.argument("run", required=False, default="")
@click.option(
    "--to", "form", type=click.Choice(FORMATS), required=True, help="what reads it; openai: chats to train on"
)
@ENGINE
@click.option("--out", type=click.Path(path_type=Path), help="folder  [default: exports/EXPERIMENT-RUN-FORMAT]")
@click.option("--all", "dropped", is_flag=True, help="dropped tickets, too, each with its reason")
def export(run: str, form: str, engine: str, out: Path | None, dropped: bool) -> None:
    """Write the kept tickets of RUN to files, with a data card (README.md) beside them.

    RUN is the beginning of a run's id; without one, the newest run is meant. The same run gives the same files.
    hf: a folder for datasets.load_dataset. openai: what the student was trained on, and validated with, as chats.
    """
    if dropped and form in ("hf", "openai"):
        raise click.UsageError(f"--all does not go with --to {form}: a dropped ticket has no share; write --to jsonl")
    session = open_session(engine)
    try:
        folder, files = export_run(session, engine, run, form, out, dropped=dropped)
    finally:
        session.close()
    for name, rows in files.rows.items():
        click.echo(f"{folder / name}: {rows:,} rows")
    if files.left_out:
        click.echo(files.left_out)
    click.echo(f"{folder / CARD}: data card; the licence is for you to fill in")


def export_run(
    session: Session, engine: str, run: str, form: str, out: Path | None, *, dropped: bool = False
) -> tuple[Path, Files]:
    """The folder, and what was written to it.

    Raises StepError for an unknown run or one without such rows, ConfigError for a folder with other files.
    """
    from cortex_distill.data_card import data_card  # noqa: PLC0415  statistics, and Prefect by its tasks
    from tasks.card_facts import card_facts  # noqa: PLC0415
    from tasks.pick_one import pick_run  # noqa: PLC0415

    chosen = pick_run(session, engine, run)
    folder = out or Path("exports") / f"{chosen.experiment}-{chosen.run_id[:8]}-{form}"
    _prepare(folder, form)
    files = _written(session, chosen.run_id, form, folder, dropped=dropped)
    if not any(files.rows.values()):
        raise StepError(f"run {chosen.run_id[:8]}: no rows for --to {form}; did it end before they were made?")
    (folder / CARD).write_text(data_card(card_facts(session, chosen), files), encoding="utf-8")
    return folder, files


def _prepare(folder: Path, form: str) -> None:
    """Make it, and take away what an earlier export of the format wrote: no file of another run may stay."""
    try:
        there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")} if folder.exists() else {}
        others = sorted(name for name in there if name.removesuffix(".part") not in WRITES[form])
        if others:
            raise ConfigError(f"--out {folder}: holds other files ({', '.join(others[:3])}); name an empty folder")
        for path in there.values():
            if path.is_file():
                path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {folder}: cannot be written ({error}); name another folder") from error


def _written(session: Session, run_id: str, form: str, folder: Path, *, dropped: bool) -> Files:
    from cortex_distill.card_facts import Files  # noqa: PLC0415
    from tasks.export_rows import ticket_pages, training_pages  # noqa: PLC0415

    if form == "openai":
        rows = {
            f"{split}.jsonl": write_chats(folder / f"{split}.jsonl", training_pages(session, run_id, split))
            for split in ("train", "validation")
        }
        return Files(form, rows, ())
    columns = (*COLUMNS, *(DROPPED if dropped else ()))
    pages = ticket_pages(session, run_id, columns, dropped=dropped)
    path = folder / f"tickets.{form}"
    if form == "jsonl":
        return Files(form, {path.name: write_jsonl(path, pages)}, columns)
    if form == "csv":
        return Files(form, {path.name: write_csv(path, columns, pages)}, columns)
    if form == "parquet":
        return Files(form, {path.name: write_parquet(path, columns, pages)}, columns)
    counts = write_splits(folder, columns, pages)
    left = counts.pop("", 0)
    said = f"{left:,} kept tickets have no share yet, and were left out." if left else ""
    return Files(form, {f"data/{name}.parquet": rows for name, rows in counts.items()}, columns, said)
