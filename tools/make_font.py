"""Make the font of the pictures' captions: what of DejaVu Sans European names and formulas need.

python tools/make_font.py    # writes meshkit/rendering/DejaVuSans.ttf; equal bytes every time

The whole font, as matplotlib brings it, has 760 kB; Pillow's own font has no accents, no Greek and
no ², and would draw boxes in their place.
"""

from pathlib import Path

from fontTools import subset
from matplotlib import get_data_path

from meshkit.rendering import fonts

OUT = Path(fonts.__file__).with_name("DejaVuSans.ttf")


def main() -> None:
    options = subset.Options(hinting=False, layout_features=["kern"], recalc_timestamp=False)
    options.name_IDs = [0, 1, 2, 5, 13, 14]  # copyright, family, style, version, licence
    source = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[c for low, high in fonts.RANGES for c in range(low, high + 1)])
    subsetter.subset(font)
    subset.save_font(font, OUT, options)
    print(f"{OUT}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
