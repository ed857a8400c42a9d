"""Charts: what stands in the picture, and that a name in it stays a name."""

import base64
import re
import xml.etree.ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from cortex_distill.charts import LOOKS, Mark, dot_plot, heat_map, heat_maps

SVG = "{http://www.w3.org/2000/svg}"
HARMLESS = {"svg", "rect", "g", "path", "line", "text", "tspan"}
HOSTILE = ["</svg><script>alert(1)</script>", "a & b <i>", "\"'`](http://evil)", "x" * 300, "\u202eabc\x00\ud800\ufffe"]


def drawn(markdown):
    """The picture as XML; the Markdown holds it and nothing else."""
    parser = MarkdownIt("commonmark", {"html": True})
    parser.validateLink = lambda url: True  # Prefect's two UIs show SVG, this parser would not
    page = parser.render(markdown)
    image = re.fullmatch(r'<p><img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]*)" /></p>\n', page)
    assert image, page[:300]
    return ET.fromstring(base64.b64decode(image[1]).decode())


def texts(svg):
    return [text.text or "".join(span.text for span in text) for text in svg.iter(f"{SVG}text")]


def shown(marks, title="t", **more):
    return drawn(dot_plot(marks, title, **more))


def run(row, base=0.3, tuned=0.6, teacher=0.9):
    values = {"base student": base, "tuned student": tuned, "teacher": teacher}
    return [Mark(row, series, value, value - 0.1, min(value + 0.1, 1)) for series, value in values.items()]


def points(svg):
    """Colour and shape of each mark; the legend's come first."""
    symbols = [g for g in svg.iter(f"{SVG}g") if "mark-symbol role-mark" in g.get("class", "")]
    return [(path.get("fill"), path.get("d")) for group in symbols for path in group.iter(f"{SVG}path")]


def test_every_mark_is_drawn_once_with_its_figure():
    svg = shown([*run("one"), *run("two", 0.2, 0.5, 0.8)])
    assert len(points(svg)) == 6
    assert {"0.30", "0.60", "0.90", "0.20", "0.50", "0.80", "one", "two"} <= set(texts(svg))


def test_series_differ_in_shape_as_well_as_in_colour():
    marks = points(shown([*run("one"), Mark("one", "another", 0.5, 0.4, 0.6), Mark("one", "fifth", 0.5, 0.4, 0.6)]))
    assert len({colour for colour, _ in marks}) == len({shape for _, shape in marks}) == 5
    assert {colour.lower() for colour, _ in LOOKS.values()} <= {colour.lower() for colour, _ in marks}


def test_rows_stand_in_the_order_given():
    said = texts(shown([*run("b"), *run("a")]))
    assert said.index("b") < said.index("a")


def test_two_rows_that_are_cut_alike_stay_two_rows():
    assert len(points(shown([*run("x" * 300 + "1"), *run("x" * 300 + "2")]))) == 6


def test_a_second_line_of_a_row_is_a_text_of_its_own():
    assert {"run 1", "n = 60"} <= set(texts(shown(run("run 1\nn = 60"))))


def test_the_alt_text_says_what_the_picture_says():
    said = dot_plot(run("one"), "All arms").replace("\\", "")
    assert said.startswith("![All arms. one: base student 0.30 (0.20 to 0.40), tuned student 0.60")


def test_a_figure_at_the_end_of_the_scale_is_inside_the_picture():
    svg = shown([Mark("all right", "teacher", 1.0, 0.8, 1.0)])
    assert "1.00" in texts(svg)
    assert int(svg.get("width")) < 700


def test_no_marks_are_an_error():
    with pytest.raises(ValueError, match="at least one"):
        dot_plot([], "t")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_a_text_and_nothing_else(name):
    svg = shown([*run(f"{name}\n{name}"), Mark(name, name, 0.5, 0.4, 0.6)], title=name, x=name)
    assert {element.tag for element in svg.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "rect", "g", "path", "line", "text", "tspan")
    }
    assert int(svg.get("width")) < 700
    svg = drawn(heat_map({(name, name): 1, (name, ""): 2}, [name, "b"], [name, "b", ""], name))
    assert int(svg.get("width")) < 700


def test_a_heat_map_has_a_number_in_each_cell_that_is_not_empty():
    svg = drawn(heat_map({("a", "a"): 7, ("b", "a"): 3, ("b", "b"): 11}, ["a", "b"], ["a", "b", ""], "who is who"))
    said = texts(svg)
    assert {"7", "3", "11", "a", "b", "no category", "who is who"} <= set(said)
    assert "0" not in said


def test_mistakes_are_orange_and_right_answers_blue():
    svg = drawn(heat_map({("a", "a"): 4, ("b", "a"): 4}, ["a", "b"], ["a", "b"], "t"))
    boxes = [g for g in svg.iter(f"{SVG}g") if "mark-rect role-mark" in g.get("class", "")]
    colours = [path.get("fill").lower() for path in boxes[-1].iter(f"{SVG}path")]
    assert [colour for colour in colours if colour != "#f0f1f3"] == ["#0072b2", "#d55e00"]  # on pale rows


def test_a_heat_map_says_the_most_frequent_confusions_in_words():
    said = heat_map({("a", "a"): 7, ("b", "a"): 3, ("b", ""): 4}, ["a", "b"], ["a", "b", ""], "t").replace("\\", "")
    assert "7 of 14 on the diagonal; most often confused: b answered as no category 4×; b answered as a 3×" in said


@pytest.mark.parametrize("categories", [2, 12, 24, 77])
def test_any_number_of_categories_fits_the_page(categories):
    names = [f"a rather long category {n}" for n in range(categories)]
    image = heat_map({(name, name): 5 for name in names}, names, [*names, ""], "t")
    assert int(drawn(image).get("width")) < 700
    assert len(image) < 100_000


def test_small_heat_maps_stand_two_beside_each_other_in_one_picture():
    panels = {name: {("a", "a"): 1, ("b", "a"): 2} for name in ("one\n0.50", "two", "</svg>" * 50)}
    said = drawn(heat_maps(panels, ["a", "b"], ["a", "b", ""], "several"))
    assert texts(said).count("2") == 3
    assert {"one", "0.50", "two"} <= set(texts(said))
    assert int(said.get("width")) < 700
