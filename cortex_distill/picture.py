"""A chart as a Markdown image that both Prefect UIs show: SVG in a data URI, since they strip inline SVG and styles."""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cortex_distill.markup import escaped, one_line

if TYPE_CHECKING:
    import altair as alt

# The text column of Prefect's newer UI is 680 pixels wide in a window of 1440, and 390 in one of 1024. There a picture
# is scaled down: a chart of 446 pixels with its padding of 32 to 0.81, and a text of 14 pixels to 11.
WIDTH = 446
TEXT = 14
ENLARGED = 1.15  # where there is room
FONT = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"  # of like widths
INK, FAINT, LINE = "#24292f", "#5c6370", "#e3e5e8"
CARD, CARD_EDGE = "#fcfcfb", "#d5d8dc"
LONGEST_ALT = 4000


def as_image(chart: alt.LayerChart | alt.FacetChart, title: str, said: str) -> str:
    """`![said](data:…)`: the chart and its title on a light card of its own, so that it is legible in a dark UI."""
    import altair as alt  # noqa: PLC0415  these two cost half a second, which only a report should pay
    import vl_convert  # noqa: PLC0415

    parts = [one_line(part, 120) for part in title.split("\n")]
    lines = [line for part in parts for line in textwrap.wrap(part, 2 * WIDTH // 17)] or [""]
    titled = chart.properties(title=alt.Title(lines, limit=WIDTH, lineHeight=19))
    spec = titled.configure(**_look()).to_dict(validate=False)  # the chart is this project's own, and validation slow
    svg = _on_card(vl_convert.vegalite_to_svg(spec))
    return f"![{escaped(said, LONGEST_ALT)}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def drawn(rows: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """A chart of some rows, to be given marks."""
    import altair as alt  # noqa: PLC0415

    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def pixels(channel: type[Any], field: str) -> Any:
    """A field that says where, in pixels."""
    return channel(field, type="quantitative", scale=None, axis=None)


def words(rows: Sequence[Mapping[str, Any]], **look: Any) -> alt.Chart:
    """Texts: `said` at the pixels `x` and `y`, in the colour `ink` where rows have one. The library escapes them."""
    import altair as alt  # noqa: PLC0415

    texts = drawn(rows).mark_text(**{"baseline": "middle", "fontSize": TEXT, "color": INK, "align": "left", **look})
    placed: alt.Chart = texts.encode(x=pixels(alt.X, "x"), y=pixels(alt.Y, "y"), text=alt.Text("said", type="nominal"))
    return placed.encode(color=_as_is("ink")) if rows and "ink" in rows[0] else placed


def boxes(rows: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """Rectangles from the pixels `x` and `y` to `right` and `bottom`, each in its `colour`; later ones on top."""
    import altair as alt  # noqa: PLC0415

    x, y = pixels(alt.X, "x"), pixels(alt.Y, "y")
    placed: alt.Chart = drawn(rows).mark_rect().encode(x=x, x2="right:Q", y=y, y2="bottom:Q", color=_as_is("colour"))
    return placed


def _as_is(field: str) -> alt.Color:
    import altair as alt  # noqa: PLC0415

    return alt.Color(field, type="nominal", scale=None, legend=None)


def _on_card(svg: str) -> str:
    """Vega draws the background with square corners. As text, since the rest stays as it is."""
    size = re.compile(
        r'<svg ([^>]*?)width="([\d.]+)" height="([\d.]+)"([^>]*)><rect width="[^"]*" height="[^"]*" fill="[^"]*"/>'
    )

    def card(found: re.Match[str]) -> str:
        before, width, height, after = found.groups()
        shown = f'width="{float(width) * ENLARGED:.0f}" height="{float(height) * ENLARGED:.0f}"'
        edge = f'x="0.5" y="0.5" width="{float(width) - 1:g}" height="{float(height) - 1:g}" rx="8"'
        return f'<svg {before}{shown}{after}><rect {edge} fill="{CARD}" stroke="{CARD_EDGE}"/>'

    return size.sub(card, svg, count=1)


def _look() -> dict[str, Any]:
    return {
        "aria": False,  # the alt text says it; marks one by one would only make the page long
        "background": CARD,
        "font": FONT,
        "padding": 16,
        "view": {"stroke": None},
        "title": {"anchor": "start", "fontSize": 15, "fontWeight": 600, "color": INK, "offset": 10},
        "axis": {
            "labelColor": FAINT,
            "titleColor": FAINT,
            "labelFontSize": TEXT,
            "titleFontSize": TEXT,
            "titleFontWeight": "normal",
            "gridColor": LINE,
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
            "labelFlush": False,
        },
        "legend": {"labelFontSize": TEXT, "labelColor": INK, "title": None, "orient": "top", "symbolSize": 100}
        | {"symbolOpacity": 1, "labelLimit": 110, "columnPadding": 14, "offset": 6},
    }
