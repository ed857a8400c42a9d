"""A chart as a Markdown image that both Prefect UIs show: SVG in a data URI, since they strip inline SVG and styles."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cortex_distill.markup import escaped

if TYPE_CHECKING:
    import altair as alt

WIDTH = 640  # of a chart; with its padding it fills the text column of Prefect's newer UI at 1440 pixels, not scaled
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, FAINT, LINE = "#24292f", "#5c6370", "#e3e5e8"
CARD, CARD_EDGE = "#fcfcfb", "#d5d8dc"
LONGEST_ALT = 4000


def as_image(chart: alt.LayerChart | alt.FacetChart, title: str, said: str, width: int = WIDTH) -> str:
    """`![said](data:…)`: the chart with its title on a light card of its own, so that it is legible in a dark UI."""
    import altair as alt  # noqa: PLC0415  these two cost half a second, which only a report should pay
    import vl_convert  # noqa: PLC0415

    titled = chart.properties(title=alt.Title(title, limit=width))
    spec = titled.configure(**_look()).to_dict()
    svg = _on_card(vl_convert.vegalite_to_svg(spec))
    return f"![{escaped(said, LONGEST_ALT)}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def drawn(rows: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """A chart of some rows, to be given marks."""
    import altair as alt  # noqa: PLC0415

    return alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))


def pixels(channel: type[Any], field: str) -> Any:
    """A field that says where, in pixels."""
    return channel(field, type="quantitative", scale=None, axis=None)


def words(chart: alt.Chart, field: str, **look: Any) -> alt.Chart:
    """Text marks of a field, 12 pixels high if nothing else is said; the library escapes what it writes."""
    import altair as alt  # noqa: PLC0415

    said: alt.Chart = chart.mark_text(**{"baseline": "middle", "fontSize": 12, "color": INK, **look})
    return said.encode(text=alt.Text(field, type="nominal"))


def _on_card(svg: str) -> str:
    """Vega draws the background with square corners."""
    card = rf'\1 rx="8" fill="{CARD}" stroke="{CARD_EDGE}"/>'
    return re.sub(r'(<svg [^>]*><rect width="[^"]*" height="[^"]*") fill="[^"]*"/>', card, svg, count=1)


def _look() -> dict[str, Any]:
    return {
        "aria": False,  # the alt text says it; marks one by one would only make the page long
        "background": CARD,
        "font": FONT,
        "padding": {"left": 16, "right": 12, "top": 14, "bottom": 12},
        "view": {"stroke": None},
        "title": {"anchor": "start", "fontSize": 15, "fontWeight": 600, "color": INK, "offset": 10},
        "axis": {
            "labelColor": FAINT,
            "titleColor": FAINT,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "gridColor": LINE,
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
            "labelFlush": False,
        },
        "legend": {"labelFontSize": 13, "labelColor": INK, "title": None, "orient": "top", "symbolSize": 100}
        | {"symbolOpacity": 1, "labelLimit": 130, "columnPadding": 18, "offset": 6},
    }
