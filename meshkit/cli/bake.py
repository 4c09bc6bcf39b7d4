"""`meshkit bake`: carry a texture, colours, weights or landmarks from one mesh to another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import (
    FILE,
    check_outputs,
    file_option,
    json_option,
    output_option,
    parse_size,
)

if TYPE_CHECKING:
    import numpy as np

    from meshkit.baking import Places
    from meshkit.mesh import Mesh

FAR = 0.05  # of the target's size: a closest point further off is hardly the same (ours)


@click.command()
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
@output_option("TARGET's stem + _baked, as .png, .npy or .json, or TARGET's own suffix")
@file_option("--texture", "T.png", "Bake this picture, which lies on SOURCE's texture coordinates.")
@file_option(
    "--values",
    "W.npy",
    "Bake one row of numbers for each vertex of SOURCE, such as skinning weights, into an .npy "
    "with one for each vertex of TARGET.",
)
@file_option(
    "--landmarks",
    "L.json",
    "Bake vertices of SOURCE, a list or an object of names, into the nearest vertices of TARGET.",
)
@click.option(
    "--by",
    type=click.Choice(["closest", "map"]),
    default="closest",
    show_default=True,
    help="What corresponds: closest points, for meshes that lie on each other (meshkit register), "
    "or equal texture coordinates, for meshes of one layout.",
)
@click.option(
    "--size",
    default="1024",
    show_default=True,
    callback=parse_size,
    metavar="N|HxW",
    help="With --texture: height and width of the result in pixels.",
)
@json_option
def bake(
    source: Path,
    target: Path,
    output: Path | None,
    texture: Path | None,
    values: Path | None,
    landmarks: Path | None,
    by: str,
    size: tuple[int, int],
    as_json: bool,
) -> None:
    """Carry what SOURCE has over to TARGET, a mesh of another topology or layout.

    Give one of --texture, --values and --landmarks; without them the colours of SOURCE's vertices
    are baked, and OUT is TARGET with colours.

    Example: meshkit bake scan.obj head_registered.obj --texture scan.png --size 2048 -o head.png
    """
    given = [path for path in (texture, values, landmarks) if path is not None]
    if len(given) > 1:
        raise click.UsageError("Give one of --texture, --values and --landmarks.")
    suffix = {texture: ".png", values: ".npy", landmarks: ".json"}.get(given[0]) if given else None
    output = output or Path(f"{target.stem}_baked{suffix or target.suffix}")
    if suffix is not None and output.suffix.lower() != suffix:
        raise click.UsageError(f"Give -o a name that ends in {suffix}, not {output.name}.")
    check_outputs([source, target, *given], {"-o": output})
    from meshkit.cli.messages import about, print_report
    from meshkit.io import load_mesh

    with about(source):
        meshes = load_mesh(source), load_mesh(target)
        if texture is not None:
            places = _texture(meshes, texture, size, by, output)
        elif values is not None:
            places = _values(meshes, values, by, output)
        elif landmarks is not None:
            places = _landmarks(meshes, landmarks, by, output)
        else:
            places = _colors(source, meshes, by, output)
    report = {"source": source, "target": target, "output": output, "by": by, **_measure(places)}
    _warn_far(report, meshes[1], by)
    rows = {
        "by": by,
        "points": str(report["points"]),
        "distance": f"median {report['distance']['p50']:.3g}, 95 % up to "
        f"{report['distance']['p95']:.3g}, largest {report['distance']['p100']:.3g}",
    }
    print_report(report, rows, as_json, title=f"{source} on {target}", files=(output,))


def _measure(places: "Places") -> dict[str, Any]:
    import numpy as np

    percentiles = {f"p{p}": float(np.percentile(places.distance, p)) for p in (50, 95, 100)}
    return {"points": len(places.distance), "distance": percentiles}


def _warn_far(report: dict[str, Any], target: "Mesh", by: str) -> None:
    import numpy as np

    size = 1.0 if by == "map" else float(np.ptp(target.V, axis=0).max())
    if report["distance"]["p95"] > FAR * size:
        remedy = "meshkit register lays one on the other" if by == "closest" else "--by closest"
        click.echo(
            f"warning: {report['source']} and {report['target']} do not lie on each other: one "
            f"point in twenty is {report['distance']['p95']:.3g} or more off; {remedy}",
            err=True,
        )


def _texture(
    meshes: "tuple[Mesh, Mesh]", texture: Path, size: tuple[int, int], by: str, output: Path
) -> "Places":
    import numpy as np
    from PIL import Image

    from meshkit.baking import bake_texture
    from meshkit.files import atomic_path

    pixels = _load_picture(texture)
    source, target = meshes
    image, inside, places = bake_texture(source, pixels[::-1], target, size, by=by)
    codes = np.rint(255 * image).clip(0, 255).astype(np.uint8)
    if codes.shape[2] == 3:  # what no chart covers is transparent
        codes = np.concatenate(
            [codes, np.where(inside, 255, 0)[..., None].astype(np.uint8)], axis=2
        )
    with atomic_path(output) as aside:
        Image.fromarray(np.ascontiguousarray(codes[::-1])).save(aside, format="PNG")
    return places


def _load_picture(path: Path) -> "np.ndarray":
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    from meshkit.errors import FileFormatError

    try:
        with Image.open(path) as picture:
            kind = "RGBA" if "A" in picture.getbands() else "RGB"
            return np.asarray(picture.convert(kind), dtype=np.float64) / 255
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise FileFormatError(f"{path} is no picture that can be read: {error}") from None


def _values(meshes: "tuple[Mesh, Mesh]", path: Path, by: str, output: Path) -> "Places":
    import numpy as np

    from meshkit.archive import read_npy
    from meshkit.baking import vertex_places
    from meshkit.files import atomic_path

    source, target = meshes
    array = read_npy(path)
    if array.ndim not in (1, 2) or len(array) != len(source.V) or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{path} holds {array.dtype} {array.shape}, expected a row of numbers for each of the "
            f"{len(source.V)} vertices"
        )
    places = vertex_places(source, target, by=by)
    baked = places.read(source.F, array.reshape(len(array), -1).astype(np.float64))
    with atomic_path(output) as aside, aside.open("wb") as file:
        np.save(file, baked.reshape(len(baked), *array.shape[1:]))
    return places


def _landmarks(meshes: "tuple[Mesh, Mesh]", path: Path, by: str, output: Path) -> "Places":
    import json

    import numpy as np

    from meshkit.baking import vertex_places
    from meshkit.files import atomic_path
    from meshkit.registration.landmarks import named_vertices

    source, target = meshes
    names, vertices = named_vertices(path, len(source.V))
    back = vertex_places(target, source, by=by)  # the landmarks on the target
    face, bary = back.face[vertices], back.bary[vertices]
    nearest = target.F[face, bary.argmax(axis=1)].tolist()
    content = dict(zip(names, nearest, strict=True))
    with atomic_path(output) as aside:
        aside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return type(back)(face, bary, np.asarray(back.distance[vertices]))


def _colors(path: Path, meshes: "tuple[Mesh, Mesh]", by: str, output: Path) -> "Places":
    from dataclasses import replace

    from meshkit.baking import vertex_places
    from meshkit.io import save_mesh

    source, target = meshes
    if source.colors is None:
        raise ValueError(
            f"{path} has no colours of its vertices: give --texture, --values or --landmarks"
        )
    places = vertex_places(source, target, by=by)
    save_mesh(output, replace(target, colors=places.read(source.F, source.colors).clip(0, 1)))
    return places
