"""A picture as a value: drawn when it is looked at, and let go of at once.

Nothing of matplotlib's global state is used, so that a chart may be drawn on any thread. Pictures
have no background and mid-grey words, so that they can be read in a light and in a dark theme;
colours are told apart by the colour-blind too, and never say anything that a shape does not.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PALETTE",
    "RED",
    "Chart",
    "panels",
    "said",
    "whole_numbers",
]

GREY = "#7a7a7a"  # contrast above 4 on white and on JupyterLab's dark background
BLUE, ORANGE, GREEN, RED = "#2a83c4", "#c67c00", "#0f9d75", "#d55e00"
PALETTE = (ORANGE, RED, "#b5679d", "#3b93c9", "#a08a00", "#7d7bd1")
"""After Okabe and Ito, "Color Universal Design", 2008, light enough and dark enough."""

_DPI = 90
_SMALL = 8  # points
_WIDTH = 7.6  # inches
_IN_A_ROW = 5  # names below a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One picture, and the same facts as text.

    Attributes
    ----------
    heading
        What is shown; stands in the text, and is the picture's alternative text.
    text
        The facts of the picture.
    height
        Inches; every chart is equally wide.
    draw
        Draws into an empty figure.
    """

    heading: str
    text: str
    height: float
    draw: Callable[[Figure], None] = field(repr=False)

    def figure(self) -> Figure:
        """Return the picture as a figure of its own, which pyplot does not know of."""
        from matplotlib.figure import Figure

        figure = Figure(
            figsize=(_WIDTH, self.height), dpi=_DPI, facecolor="none", layout="constrained"
        )
        self.draw(figure)
        return figure

    def png(self) -> bytes:
        """Return the picture as PNG; the same facts always make the same bytes."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure, buffer = self.figure(), BytesIO()
        FigureCanvasAgg(figure)
        figure.savefig(
            buffer, format="png", metadata={"Software": None}, pil_kwargs={"optimize": True}
        )
        figure.clear()
        return buffer.getvalue()

    def html(self) -> str:
        """Return the picture as HTML that needs nothing from elsewhere."""
        picture = b64encode(self.png()).decode()
        return f'<img alt="{escape(self.heading)}" src="data:image/png;base64,{picture}">'

    def __str__(self) -> str:
        return f"{self.heading}\n{self.text}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        data = {"image/png": b64encode(self.png()).decode(), "text/plain": str(self)}
        return data, {"image/png": {"alt": self.heading}}


def panels(figure: Figure, titles: Sequence[str], *, heights: Sequence[float] = ()) -> list[Axes]:
    """Return plain axes above each other that share their times, each with its title."""
    ratios = list(heights) or [1.0] * len(titles)
    grid = figure.subplots(len(titles), 1, sharex=True, squeeze=False, height_ratios=ratios)
    found: list[Axes] = list(grid[:, 0])
    for axes, title in zip(found, titles, strict=True):
        axes.set_facecolor("none")
        axes.set_title(title, loc="left", fontsize=_SMALL + 1, color=GREY)
        axes.tick_params(colors=GREY, labelcolor=GREY, labelsize=_SMALL, length=3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.grid(visible=True, axis="y", color=GREY, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
    return found


def said(figure: Figure) -> None:
    """Put the names of what is drawn below the picture, each once, where they hide nothing."""
    drawn = [axes.get_legend_handles_labels() for axes in figure.axes]
    named = {
        label: handle
        for handles, labels in drawn
        for handle, label in zip(handles, labels, strict=True)
    }
    if named:
        figure.legend(
            named.values(),
            named.keys(),
            loc="outside lower center",
            ncols=_IN_A_ROW,
            fontsize=_SMALL,
            labelcolor=GREY,
            frameon=False,
        )


def whole_numbers(axes: Axes) -> None:
    """Let the axis of times or counts carry whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
