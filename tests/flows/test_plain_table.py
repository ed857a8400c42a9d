"""Tables of the terminal in narrow windows."""

import pytest
from rich.console import Console

from flows.plain_table import plain

CELLS = {
    "model": "tuned student", "prompt": "with_definitions", "n": "100", "accuracy (95 %)": "0.29 (0.21–0.39)",
    "F1": "0.20", "off list": "100", "silent": "3", "tokens": "14,913",
}  # fmt: skip


def shown(width: int) -> str:
    columns = [(name, "" if name in ("model", "prompt") else "right") for name in CELLS]
    table = plain("a title", columns, ["tokens"])
    table.add_row(*CELLS.values())
    console = Console(width=width, color_system=None)
    with console.capture() as written:
        console.print(table)
    return written.get()


@pytest.mark.parametrize("width", [80, 90, 120])
def test_nothing_is_cut_off_but_columns_that_are_spare(width):
    text = shown(width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    assert [name for name, cell in CELLS.items() if cell not in text] == ([] if width > 80 else ["tokens"])


def test_where_there_is_room_every_head_is_one_line():
    assert all(name in shown(120) for name in CELLS)


def test_where_there_is_none_heads_take_two_lines():
    assert "off list" not in shown(90)
    assert "(95 %)" in shown(90)
