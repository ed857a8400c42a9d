"""The two charts of the page, with the colours of the reports: accuracies with intervals, and a confusion matrix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from door import Row
from look import one_line

# As in cortex_distill/charts.py, which is not there in Snowflake: after Okabe and Ito (2008), shapes say it once more.
ROLES = {
    "base student": ("#D55E00", "square"),
    "tuned student": ("#0072B2", "circle"),
    "teacher": ("#009E73", "diamond"),
}
INK, FAINT, LINE = "#24292f", "#5c6370", "#e3e5e8"
RIGHT, WRONG = "#0072B2", "#D55E00"
PITCH, ROOM = 30, 120  # pixels for a row of the chart; for its axis and legend
SAID = 84  # pixels right of the chart for the longest figure with its n, where an interval ends at 1
MOST_COLUMNS = 7  # of a matrix, before its names are slanted


def intervals(scores: Sequence[Row]) -> alt.LayerChart:
    """A line per score, in the order given: accuracy with its 95 % interval, and n. Scores need label, role, accuracy,
    accuracy_low, accuracy_high, n."""
    values = [
        {
            "place": f"{n:03}",
            "label": one_line(score["label"], 60),
            "role": score["role"],
            "accuracy": score["accuracy"],
            "low": score["accuracy_low"],
            "high": score["accuracy_high"],
            "said": f"{score['accuracy']:.2f}  n = {score['n']}",
        }
        for n, score in enumerate(scores)
    ]
    labels = [value["label"] for value in values]
    base = alt.Chart(pd.DataFrame(values))  # inline values would be lost: Streamlit sends frames only
    names = alt.Axis(labelExpr=_names(labels), title=None, labelLimit=330, ticks=False, domain=False, grid=True)
    y = alt.Y("place:N", sort=None, axis=names)
    scale = alt.Scale(domain=[0, 1])
    x = alt.X(
        "accuracy:Q", scale=scale, axis=alt.Axis(title="accuracy, with its 95 % interval", format=".1f", tickCount=10)
    )
    shown = {role: look for role, look in ROLES.items() if any(value["role"] == role for value in values)}
    colours = alt.Scale(domain=list(shown), range=[colour for colour, _ in shown.values()])
    shapes = alt.Scale(domain=list(shown), range=[shape for _, shape in shown.values()])
    legend = alt.Legend(title=None, orient="top", columns=2, symbolSize=90, symbolOpacity=1)  # 3 are cut off
    colour = alt.Color("role:N", scale=colours, legend=legend)
    tips = ["role:N", "label:N", alt.Tooltip("accuracy:Q", format=".3f"), "low:Q", "high:Q", "said:N"]
    bars = base.mark_rule(strokeWidth=4, opacity=0.4, strokeCap="round")
    dots = base.mark_point(filled=True, size=95, opacity=1)
    written: dict[str, Any] = {"align": "left", "dx": 8, "fontSize": 12}
    under = base.mark_text(**written, stroke="white", strokeWidth=5)  # lines of the grid end before a figure
    words = base.mark_text(**written, color=FAINT)
    end = alt.X("high:Q", scale=scale)
    layers = (
        bars.encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=y, color=colour),
        dots.encode(x=x, y=y, color=colour, shape=alt.Shape("role:N", scale=shapes, legend=legend), tooltip=tips),
        under.encode(x=end, y=y, text="said:N"),
        words.encode(x=end, y=y, text="said:N"),
    )
    room = {"left": 5, "right": SAID, "top": 5, "bottom": 5}
    return _looks(alt.layer(*layers).properties(height=PITCH * len(values) + ROOM, padding=room))


def matrix(cells: Sequence[Row], categories: Sequence[str]) -> alt.LayerChart:
    """Counts by category (rows) and prediction (columns; '' is called "no category"): right in blue, wrong in orange,
    stronger with the share of the row. Cells need category, prediction, n."""
    totals: dict[str, int] = {}
    for cell in cells:
        totals[cell["category"]] = totals.get(cell["category"], 0) + int(cell["n"])
    values = [
        {
            "category": one_line(cell["category"], 60),
            "prediction": one_line(cell["prediction"], 60) or "no category",
            "n": int(cell["n"]),
            "share": int(cell["n"]) / totals[cell["category"]],
            "right": cell["category"] == cell["prediction"],
        }
        for cell in cells
    ]
    rows = [one_line(category, 60) for category in categories]
    missing = any(value["prediction"] == "no category" for value in values)
    columns = [*rows, "no category"] if missing else rows
    base = alt.Chart(pd.DataFrame(values))
    slant = -40 if len(columns) > MOST_COLUMNS else 0
    x_axis = alt.Axis(title="answered", orient="top", labelAngle=slant, labelLimit=160, ticks=False, domain=False)
    y_axis = alt.Axis(title="written or labelled as", labelLimit=200, ticks=False, domain=False)
    x = alt.X("prediction:N", sort=None, scale=alt.Scale(domain=columns), axis=x_axis)
    y = alt.Y("category:N", sort=None, scale=alt.Scale(domain=rows), axis=y_axis)
    colour = alt.Color("right:N", scale=alt.Scale(domain=[True, False], range=[RIGHT, WRONG]), legend=None)
    strength = alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.15, 1]), legend=None)
    tips = ["category:N", "prediction:N", "n:Q", alt.Tooltip("share:Q", format=".0%")]
    boxes = base.mark_rect(stroke="white", strokeWidth=2).encode(x=x, y=y, color=colour, opacity=strength, tooltip=tips)
    ink = alt.condition("datum.share > 0.55", alt.value("white"), alt.value(INK))
    numbers = base.mark_text(fontSize=14).encode(x=x, y=y, text="n:Q", color=ink)
    return _looks(alt.layer(boxes, numbers).properties(height=34 * len(rows) + 140))


def _names(labels: Sequence[str]) -> str:
    """A Vega expression that gives each place its label: labels may be equal, places are not. Written as JSON in
    ASCII, so no label can end its text."""

    return f"{json.dumps(list(labels))}[toNumber(datum.value)]"


def _looks(chart: Any) -> alt.LayerChart:
    axis: dict[str, Any] = {"labelColor": INK, "titleColor": FAINT, "gridColor": LINE, "titleFontWeight": "normal"}
    axis |= {"labelFontSize": 13, "titleFontSize": 13, "labelFlush": False, "labelBound": False}
    dressed: alt.LayerChart = chart.configure_axis(**axis).configure_view(stroke=None)
    dressed = dressed.configure_legend(labelFontSize=13, labelColor=INK)
    return dressed
