"""Colours as red, green and blue from 0 to 255."""

Number = int | float  # spelled out, as the type checker of the tests takes float by its word
Color = tuple[Number, Number, Number]


def scaled(color: Color, factor: Number) -> Color:
    """The colour, brighter or darker by a factor."""
    return color[0] * factor, color[1] * factor, color[2] * factor


def whole(color: Color) -> tuple[int, int, int]:
    """The colour as bytes for Pillow; what is too bright becomes white."""
    return min(255, int(color[0])), min(255, int(color[1])), min(255, int(color[2]))
