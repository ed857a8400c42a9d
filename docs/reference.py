"""Writes docs/reference/ and the keys in README.md from the code: `python -m docs.reference`, or `make reference`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs.reference_pages import command_page, index_page, readme_keys, tables_page, toml_page, yaml_page

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
README = ROOT / "README.md"
PAGES: dict[str, Callable[[], str]] = {
    "README.md": index_page.page,
    "yaml.md": yaml_page.page,
    "command-line.md": command_page.page,
    "tables.md": tables_page.page,
    "table_comments.sql": tables_page.comments,
    "local-toml.md": toml_page.page,
}


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
    README.write_text(readme_keys.put_into(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
