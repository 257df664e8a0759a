"""The colours of a report, once for light and once for dark screens.

The arms' colours follow Okabe and Ito's palette, which differs for every kind of colour vision; darker or lighter here
where a mark would have less than 3:1 contrast to the background. Text has at least 4.5:1, on `right` and `wrong` too.
Yellow belongs to errors, in matrices and in pictures, and to no arm.
"""

from importlib.resources import files

LIGHT = {
    "paper": "#fcfcfa",
    "panel": "#ffffff",
    "ink": "#16181d",
    "muted": "#585e69",
    "rule": "#dcdbd5",
    "grid": "#e8e7e2",
    "accent": "#0b5fa5",
    "right": "#9aa0aa",
    "wrong": "#e8b800",
    "arm-0": "#0072b2",
    "arm-1": "#d55e00",
    "arm-2": "#00805f",
    "arm-3": "#a8558a",
    "arm-4": "#80440f",
    "arm-5": "#2b87ba",
    "arm-6": "#3d4148",
}
DARK = {
    "paper": "#111317",
    "panel": "#191c21",
    "ink": "#ececea",
    "muted": "#a4aab4",
    "rule": "#30343c",
    "grid": "#272b32",
    "accent": "#6cb6f5",
    "right": "#5a616c",
    "wrong": "#826600",
    "arm-0": "#4fa8e6",
    "arm-1": "#f5873f",
    "arm-2": "#2fc79b",
    "arm-3": "#de97c2",
    "arm-4": "#ad6b4c",
    "arm-5": "#9ed6f7",
    "arm-6": "#c9ccd1",
}
THEMES = {"light": LIGHT, "dark": DARK}


def properties(colors: dict[str, str]) -> str:
    """The colours as CSS custom properties."""
    return "".join(f"--{name}:{color};" for name, color in colors.items())


def style_file(name: str) -> str:
    """The text of a file beside the templates."""
    return files("roadseg.report").joinpath("templates", name).read_text(encoding="utf-8")


def figure_style() -> str:
    """Style of a drawing that is a file of its own: without custom properties, which few programs but browsers know."""
    style = style_file("figure.css")
    return f"{_filled(style, LIGHT)}@media (prefers-color-scheme:dark){{{_filled(style, DARK)}}}"


def _filled(style: str, colors: dict[str, str]) -> str:
    for name, color in colors.items():
        style = style.replace(f"var(--{name})", color)
    return style
