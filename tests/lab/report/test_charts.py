from __future__ import annotations

import json
import re

import numpy as np
import pytest

from lab.report import charts
from lab.report.charts import Scale, Series, hover_data, line_chart, marker, path, readout, value_scale
from lab.report.curves import Band, aggregate
from lab.report.records import Curve


def series(name="catch", **seeds):
    curves = {
        int(key[1:]): Curve(np.array(list(p)), np.array(list(p.values()), dtype=float)) for key, p in seeds.items()
    }
    return Series(name, curves, aggregate(curves, "mean", 99))


def test_a_scale_places_by_proportion():
    scale = Scale(0, 50, 54, 554)
    assert scale.place(np.array([0, 10, 50])).tolist() == [54, 154, 554]
    upright = Scale(-10, 10, 200, 0)
    assert (upright.at(-10), upright.at(0), upright.at(5)) == (200, 100, 50)


def test_a_logarithmic_scale_places_by_powers():
    scale = Scale(0.01, 100, 200, 0, logarithmic=True)
    assert scale.place(np.array([0.01, 1, 10])).tolist() == pytest.approx([200, 100, 50])
    assert scale.ticks(5) == pytest.approx([0.01, 0.1, 1, 10, 100])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 50_000, [0, 10_000, 20_000, 30_000, 40_000, 50_000]),
        (-0.05, 1.02, [0, 0.25, 0.5, 0.75, 1.0]),
        (0.1, 0.32, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (-500, -60, [-500, -400, -300, -200, -100]),
        (0, 3e-13, [0, 1e-13, 2e-13, 3e-13]),
    ],
)
def test_ticks_are_round_numbers_within_the_scale(low, high, expected):
    assert Scale(low, high, 0, 1).ticks(5) == expected


def test_the_vertical_scale_holds_curves_and_target_with_air():
    scale = value_scale([series(s0={1: -100.0, 2: 300.0})], bound=400.0)
    assert (scale.low, scale.high) == (-130.0, 430.0)  # 6 % of 500
    assert not scale.logarithmic


def test_a_scale_that_nearly_reaches_0_starts_there():
    assert value_scale([series(s0={1: 1.0, 2: 20.0})], None).low == 0.0
    assert value_scale([series(s0={1: 10.0, 2: 20.0})], None).low == pytest.approx(9.4)


def test_more_than_two_decades_without_a_target_are_drawn_by_logarithm():
    assert value_scale([series(s0={1: 0.001, 2: 1.0})], None).logarithmic
    assert not value_scale([series(s0={1: 0.001, 2: 1.0})], 0.5).logarithmic
    assert not value_scale([series(s0={1: 0.0, 2: 1.0})], None).logarithmic


@pytest.mark.parametrize("values", [(5.0, 5.0), (0.0, 0.0), (1.7e308, -1.7e308), (5e-324, 1.0), (1e16, 1e16 + 2)])
def test_values_at_the_limits_of_arithmetic_are_drawn(values):
    drawing = line_chart([series(s0=dict(enumerate(values)))], colours=[0], title="t", unit="steps", bound=None)
    assert "nan" not in drawing


def test_a_path_goes_through_its_points_and_breaks_at_gaps():
    x, y = Scale(0, 4, 0, 40), Scale(0, 10, 100, 0)
    assert path(np.array([0, 1, 2, 3, 4]), np.array([0, 5, np.nan, 10, 2.5]), x, y) == ("M0 100l10-50M30 0l10 75")


def test_steps_along_a_path_do_not_add_up_their_roundings():
    across = np.arange(1, 1001) / 3
    x, y = Scale(0, 1, 0, 1), Scale(0, 1, 0, 1)
    drawn = path(across, np.full(1000, 0.25), x, y)
    start, steps = re.fullmatch(r"M(\.3) \.2l(.*)", drawn).groups()
    assert float(start) + sum(map(float, re.findall(r"-?[\d.]+", steps)[::2])) == pytest.approx(333.3, abs=0.01)


def test_the_drawing_of_one_arm_by_hand():
    drawn = line_chart(
        [series(s0={0: 0.0, 100: 90.0}, s1={0: 0.0, 100: 110.0})], colours=[0], title="t", unit="steps", bound=None
    )
    # The values span 0 to 110, and 6 % more at the top: 116.6. The plot is 242 high and begins at 256.
    high, centre, low = (256 - 242 * value / 116.6 for value in (110, 100, 90))
    assert [round(at, 1) for at in (high, centre, low)] == [27.7, 48.5, 69.2]
    [interval] = re.findall(r'class="interval" d="([^"]*)"', drawn)
    assert interval == "M54 256l492-228.3 0 41.5-492 186.8Z"  # up to 27.7, down to 69.2, and back
    [bold] = re.findall(r'class="centre" d="([^"]*)"', drawn)
    assert bold == "M54 256l492-207.5"
    assert len(re.findall('class="seed"', drawn)) == 2


def test_a_target_is_a_line_at_its_height():
    drawn = line_chart([series(s0={0: 0.0, 10: 100.0})], colours=[0], title="t", unit="steps", bound=50.0)
    [height] = re.findall(r'class="target" x1="54" x2="546" y1="([\d.]+)"', drawn)
    assert float(height) == pytest.approx(256 - 242 * 50 / 106, abs=0.05)


def test_the_interval_is_left_out_where_a_single_seed_is_left():
    band = Band(
        np.array([1, 2, 3]),
        {0: np.ones(3), 1: np.array([1, np.nan, 1])},
        np.ones(3),
        np.array([0.5, np.nan, 0.5]),
        np.array([1.5, np.nan, 1.5]),
    )
    drawn = line_chart(
        [Series("a", {0: Curve(band.steps, band.centre)}, band)], colours=[0], title="t", unit="u", bound=None
    )
    [interval] = re.findall(r'class="interval" d="([^"]*)"', drawn)
    assert interval.count("M") == interval.count("Z") == 2
    assert readout(band, 1) == "1.000 · 1 of 2 seeds"


def test_eight_arms_differ_in_colour_or_shape():
    looks = {(i % charts.NUM_COLOURS, marker(i, 0, 0)) for i in range(charts.NUM_COLOURS * charts.NUM_SHAPES)}
    assert len(looks) == charts.NUM_COLOURS * charts.NUM_SHAPES


def test_what_the_script_reads_is_json_that_cannot_end_its_element():
    text = hover_data([series(s0={0: 0.0, 100: 90.0}, s1={0: 0.0, 100: 110.0})], "</script>&", None)
    assert "<" not in text
    assert "&" not in text
    data = json.loads(text)
    assert data["unit"] == "</script>&"
    assert data["x"] == [0, 100, 54, 546]
    [only] = data["series"]
    assert only["steps"] == [0, 100]
    assert only["text"] == ["0 [0, 0]", "100.0 [90.00, 110.0]"]
    assert only["seeds"] == {"0": ["0", "90.00"], "1": ["0", "110.0"]}
    assert only["at"] == [256.0, pytest.approx(256 - 242 * 100 / 116.6, abs=0.05)]


def test_names_and_units_are_escaped():
    drawn = line_chart([series(s0={1: 1.0})], colours=[0], title='"><script>', unit="<b>", bound=None)
    assert "<script>" not in drawn
    assert "<b>" not in drawn


def drawn(*arms):
    return line_chart(list(arms), colours=range(len(arms)), title="t", unit="steps", bound=None)


def test_an_arm_that_ends_off_the_scale_points_to_where_it_is():
    near = [series(name, s0={0: 1.0, 10: 2.0}) for name in "ab"]
    above, below = series("c", s0={0: 99.0, 10: 100.0}), series("d", s0={0: -99.0, 10: -100.0})
    [up] = re.findall(r'class="marker off" d="([^"]*)"', drawn(*near, above))
    assert up == "M541.0 14.0h10l-5 -7Z"  # at the top of the plot, upwards
    [down] = re.findall(r'class="marker off" d="([^"]*)"', drawn(*near, below))
    assert down == "M541.0 256.0h10l-5 7Z"
    assert "marker off" not in drawn(*near)


def test_lines_are_cut_off_at_the_edge_of_the_plot():
    drawing = drawn(series(s0={0: 1.0, 10: 2.0}))
    assert '<svg class="lines" x="54" y="14" width="492" height="242" viewBox="54 14 492 242" aria-hidden="true">' in (
        drawing
    )


def test_far_beyond_the_plot_a_line_still_has_numbers_that_a_browser_draws():
    near = [series(name, s0={0: 1.0, 10: 2.0}) for name in "ab"]
    drawing = drawn(*near, series("c", s0={0: 1.0, 10: 1e300}))
    assert "inf" not in drawing
    assert len(max(re.findall(r"[\d.]+", drawing), key=len)) < 12
    data = json.loads(hover_data([*near, series("c", s0={0: 1.0, 10: 1e300})], "steps", None))
    assert data["series"][2]["at"][-1] == charts.TOP


def test_beside_many_arms_single_seeds_are_not_drawn():
    arms = [series(str(i), s0={0: 0.0, 10: 1.0}, s1={0: 0.0, 10: 2.0}) for i in range(5)]
    assert drawn(*arms[:4]).count('class="seed"') == 8
    crowded = drawn(*arms)
    assert crowded.count('class="seed"') == 0
    assert crowded.count('class="centre"') == crowded.count('class="interval"') == 5
    assert 'class="chart crowded"' in crowded


def test_a_colour_that_comes_again_is_dashed():
    assert charts.look(2) == "colour-2 dashes-0"
    assert charts.look(9) == "colour-2 dashes-1"
    assert len({charts.look(i) for i in range(charts.NUM_COLOURS * charts.NUM_DASHES)}) == 28


def test_small_charts_show_no_single_seeds():
    both = series(s0={0: 0.0, 100: 90.0}, s1={0: 0.0, 100: 110.0})
    small = Series(both.name, both.seeds, both.band, is_small=True)
    drawn = line_chart([small], colours=[0], title="t", unit="steps", bound=None)
    assert not re.findall('class="seed"', drawn)
    assert "seeds" not in json.loads(hover_data([small], "steps", None))["series"][0]
