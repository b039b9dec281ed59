"""Charts as Vega-Lite specifications, written by Altair. The page's script adds the data sets, by name.

Colours are CSS variables of the page, so that the same chart is used in light mode, in dark mode and in print. Defended
and undefended models differ in colour, in shape and in dash.
"""

from functools import cache
from typing import Any, Final, Literal

import altair as alt

from amulet.core.measurements.curve import Scale

Spec = dict[str, Any]
Ends = tuple[float, float]

KINDS: Final = ["undefended", "defended"]
SIDES: Final = {"right": (12, 0), "left": (-12, 0), "above": (0, -13), "below": (0, 13)}
"""Where a letter stands beside its mark, in pixels right and down."""
TRADE_OFF: Final = (270, 210)
"""Width and height of a trade-off, in pixels."""
_COLORS: Final = alt.Scale(domain=KINDS, range=["var(--before)", "var(--after)"])
_SHAPES: Final = alt.Scale(domain=KINDS, range=["circle", "triangle-up"])
_DASHES: Final = alt.Scale(domain=KINDS, range=[[5, 3], [1, 0]])
_LEGEND: Final = alt.Legend(title=None, orient="top", symbolOpacity=1)
_FONT: Final = "system-ui, sans-serif"
_QUIET: Final = {"labelColor": "var(--soft)", "titleColor": "var(--ink)", "titleFontWeight": "normal"}


@cache
def difference() -> Spec:
    """Each seed's difference, the interval of their mean, and the band in which a difference does not matter.

    Data "points": value; data "judged", one line: minus, margin, low, high, mean.
    """
    judged, seeds = alt.NamedData("judged"), alt.NamedData("points")
    band = alt.Chart(judged).mark_rect(color="var(--band)").encode(x=_shift("minus"), x2="margin:Q")
    zero = alt.Chart(judged).mark_rule(color="var(--soft)").encode(x=alt.datum(0, type="quantitative"))
    span = (
        alt.Chart(judged)
        .mark_rule(color="var(--after)", strokeWidth=3, yOffset=11)
        .encode(x=_shift("low"), x2="high:Q")
    )
    mean = alt.Chart(judged).mark_tick(color="var(--after)", thickness=3, size=15, yOffset=11).encode(x=_shift("mean"))
    dots = alt.Chart(seeds).mark_point(
        filled=True, size=70, opacity=0.7, color="var(--after)", shape="triangle-up", yOffset=-9
    )
    return _plain(alt.layer(band, zero, span, mean, dots.encode(x=_shift("value"))), height=60)


@cache
def curve(x_title: str, y_title: str, scale: Scale) -> Spec:
    """Lines of every seed, thin, and their means. Data "seeds" and "means": seed, kind, x, y.

    On log scales the diagonal of guessing is drawn: as many are accused wrongly as are found.
    """
    kind = alt.Scale(type="log") if scale == "log" else alt.Scale(zero=True)
    axis = alt.Axis(format="~g", tickCount=5)
    where = {
        "x": alt.X("x:Q", title=x_title, scale=kind, axis=axis),
        "y": alt.Y("y:Q", title=y_title, scale=kind, axis=axis),
    }
    color = alt.Color("kind:N", scale=_COLORS, legend=_LEGEND)
    dash = alt.StrokeDash("kind:N", scale=_DASHES, legend=_LEGEND)
    seeds = alt.Chart(alt.NamedData("seeds")).mark_line(strokeWidth=1, opacity=0.3)
    means = alt.Chart(alt.NamedData("means")).mark_line(strokeWidth=2.5)
    lines = [
        seeds.encode(**where, color=color, detail="seed:N", strokeDash=dash),
        means.encode(**where, color=color, strokeDash=dash),
    ]
    guess = alt.Chart(alt.NamedData("means")).mark_line(strokeWidth=1, strokeDash=[1, 3], color="var(--soft)")
    diagonal = guess.encode(x=where["x"], y=alt.Y("x:Q", title=y_title, scale=kind, axis=axis))
    return _plain(alt.layer(*([diagonal] if scale == "log" else []), *lines), height=280)


@cache
def trade_off(x_title: str, y_title: str, x_ends: Ends | None = None, y_ends: Ends | None = None) -> Spec:
    """Every row's mean by its letter, tied to its seeds; the cross is the undefended model.

    The axes end as stated, or where the values do.

    Data "before" (the undefended mean) and "means": letter, side (where the letter stands, of `SIDES`), kind, x, y;
    "seeds": the same with seed_x and seed_y.
    """
    axis = alt.Axis(tickCount=4, grid=False, labelFlush=False, titlePadding=8)
    x = alt.X("x:Q", title=x_title, scale=_between(x_ends), axis=axis)
    y = alt.Y("y:Q", title=None, scale=_between(y_ends), axis=alt.Axis(tickCount=5, grid=False))
    before, ties, marks = (alt.Chart(alt.NamedData(name)) for name in ("before", "seeds", "means"))
    ties, marks = ties.encode(x=x, y=y), marks.encode(x=x, y=y)
    layers = (
        before.mark_rule(color="var(--rule)").encode(x=x),
        before.mark_rule(color="var(--rule)").encode(y=y),
        ties.mark_rule(color="var(--soft)", strokeWidth=1, opacity=0.5).encode(x2="seed_x:Q", y2="seed_y:Q"),
        ties.mark_square(color="var(--soft)", size=9, opacity=0.6).encode(x="seed_x:Q", y="seed_y:Q"),
        marks.mark_point(filled=True, opacity=1, size=90).encode(
            color=alt.Color("kind:N", scale=_COLORS, legend=None),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=KINDS, range=["square", "circle"]), legend=None),
        ),
        *(_letters(marks, side) for side in SIDES),
    )
    chart = alt.layer(
        *layers, title=alt.Title(y_title, anchor="start", color="var(--ink)", fontSize=12, fontWeight="normal")
    )
    return _plain(chart, height=TRADE_OFF[1], width=TRADE_OFF[0])


def _between(ends: Ends | None) -> alt.Scale:
    return alt.Scale(zero=False, padding=14) if ends is None else alt.Scale(domain=list(ends), nice=False)


def _letters(marks: alt.Chart, side: str) -> alt.Chart:
    dx, dy = SIDES[side]
    here: alt.Chart = marks.transform_filter(alt.FieldEqualPredicate(field="side", equal=side))
    here = here.mark_text(color="var(--ink)", fontSize=12, fontWeight="bold", dx=dx, dy=dy)
    return here.encode(text="letter:N")


def _shift(field: str) -> alt.X:
    return alt.X(
        f"{field}:Q",
        title="difference to the undefended model",
        axis=alt.Axis(format="+.3~f", labelExpr="datum.value == 0 ? '0' : datum.label", tickCount=5, grid=False),
    )


def _plain(
    chart: alt.LayerChart | alt.FacetChart, height: int, width: int | Literal["container"] = "container"
) -> Spec:
    """The spec in the page's dress, without the schema's address; by default as wide as there is room."""
    dressed = (
        chart.properties(width=width, height=height, background="transparent")
        .configure(font=_FONT, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            **_QUIET,
            gridColor="var(--rule)",
            domainColor="var(--soft)",
            tickColor="var(--soft)",
            labelFontSize=12,
            titleFontSize=12,
        )
        .configure_legend(labelColor="var(--ink)", labelFontSize=12, symbolStrokeWidth=2, symbolSize=300)
    )
    spec: Spec = dressed.to_dict()
    del spec["$schema"]
    return spec
