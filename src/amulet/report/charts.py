"""The charts, as Vega-Lite specs that Altair writes; data come in later, by the names in `Named`.

Colours are the page's own variables, so that one chart serves light, dark and print. What is defended differs from
what is not by colour, by shape and by dash.
"""

from typing import Any, Final

import altair as alt

from amulet.core.curve import Scale

Spec = dict[str, Any]

KINDS: Final = ["undefended", "defended"]
_COLORS: Final = alt.Scale(domain=KINDS, range=["var(--before)", "var(--after)"])
_SHAPES: Final = alt.Scale(domain=KINDS, range=["circle", "triangle-up"])
_DASHES: Final = alt.Scale(domain=KINDS, range=[[5, 3], [1, 0]])
_FONT: Final = "system-ui, sans-serif"
_QUIET: Final = {"labelColor": "var(--soft)", "titleColor": "var(--ink)", "titleFontWeight": "normal"}


def points() -> Spec:
    """A metric seed by seed, each pair of models joined by a line. Data "points": seed, kind, value."""
    base = alt.Chart().encode(x=alt.X("kind:N", sort=KINDS, title=None, axis=alt.Axis(labelAngle=0, grid=False)))
    value = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, nice=True))
    pairs = base.mark_line(color="var(--soft)", strokeWidth=1, opacity=0.5).encode(y=value, detail="seed:N")
    dots = base.mark_point(filled=True, size=70, opacity=0.85).encode(
        y=value,
        color=alt.Color("kind:N", scale=_COLORS, legend=None),
        shape=alt.Shape("kind:N", scale=_SHAPES, legend=None),
    )
    return _plain(alt.layer(pairs, dots, data=alt.NamedData("points")), height=190)


def difference() -> Spec:
    """Each seed's difference, the interval of their mean, and the band in which a difference does not matter.

    Data "points": value; data "judged", one line: minus, margin, low, high, mean.
    """
    judged, seeds = alt.NamedData("judged"), alt.NamedData("points")
    band = alt.Chart(judged).mark_rect(color="var(--band)").encode(x=_shift("minus"), x2="margin:Q")
    zero = alt.Chart(judged).mark_rule(color="var(--soft)").encode(x=alt.datum(0, type="quantitative"))
    span = alt.Chart(judged).mark_rule(color="var(--after)", strokeWidth=3, yOffset=11).encode(x=_shift("low"), x2="high:Q")
    mean = alt.Chart(judged).mark_tick(color="var(--after)", thickness=3, size=15, yOffset=11).encode(x=_shift("mean"))
    dots = alt.Chart(seeds).mark_point(
        filled=True, size=70, opacity=0.7, color="var(--after)", shape="triangle-up", yOffset=-9
    )
    return _plain(alt.layer(band, zero, span, mean, dots.encode(x=_shift("value"))), height=60)


def curve(x_title: str, y_title: str, scale: Scale) -> Spec:
    """Lines of every seed, thin, and their means. Data "seeds" and "means": seed, kind, x, y.

    On log scales the diagonal of guessing is drawn: as many are accused wrongly as are found.
    """
    kind = alt.Scale(type="log") if scale == "log" else alt.Scale(zero=True)
    axis = alt.Axis(format="~g", tickCount=5)
    where = {"x": alt.X("x:Q", title=x_title, scale=kind, axis=axis), "y": alt.Y("y:Q", title=y_title, scale=kind, axis=axis)}
    color = alt.Color("kind:N", scale=_COLORS, legend=alt.Legend(title=None, orient="top"))
    dash = alt.StrokeDash("kind:N", scale=_DASHES, legend=alt.Legend(title=None, orient="top"))
    seeds = alt.Chart(alt.NamedData("seeds")).mark_line(strokeWidth=1, opacity=0.3)
    means = alt.Chart(alt.NamedData("means")).mark_line(strokeWidth=2.5)
    lines = [
        seeds.encode(**where, color=color, detail="seed:N", strokeDash=dash),
        means.encode(**where, color=color, strokeDash=dash),
    ]
    guess = alt.Chart(alt.NamedData("means")).mark_line(strokeWidth=1, strokeDash=[1, 3], color="var(--soft)")
    diagonal = guess.encode(x=where["x"], y=alt.Y("x:Q", title=y_title, scale=kind, axis=axis))
    return _plain(alt.layer(*([diagonal] if scale == "log" else []), *lines), height=280)


def _shift(field: str) -> alt.X:
    return alt.X(f"{field}:Q", title="difference to the undefended model", axis=alt.Axis(format="+~g", tickCount=5, grid=False))


def _plain(chart: alt.LayerChart, height: int) -> Spec:
    """The spec in the page's dress; as wide as there is room, without the schema's address."""
    dressed = (
        chart.properties(width="container", height=height, background="transparent")
        .configure(font=_FONT, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            **_QUIET, gridColor="var(--rule)", domainColor="var(--soft)", tickColor="var(--soft)", labelFontSize=12, titleFontSize=12
        )
        .configure_legend(labelColor="var(--ink)", labelFontSize=12, symbolStrokeWidth=2, symbolSize=300)
    )
    spec: Spec = dressed.to_dict()
    del spec["$schema"]
    return spec
