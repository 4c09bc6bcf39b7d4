"""`meshkit info`: what is installed."""

import click

from meshkit.cli.parameters import json_option

REQUIRED = ("numpy", "scipy", "libigl", "OpenEXR", "pillow", "click", "rich")
OPTIONAL = {
    "torch": "meshkit.nn and gan: pip install 'meshkit-gan[torch]'",
    "h5py": "gan data sets: pip install 'meshkit-gan[gan]'",
    "robust_laplacian": "meshkit.robust_laplacian: pip install robust_laplacian",
    "open3d": "scans, rays: pip install 'meshkit-gan[scan]'",
    "viser": "meshkit view, gan view: pip install 'meshkit-gan[view]'",
    "pytorch3d": "rendering on a GPU: see its own instructions",
}


@click.command()
@json_option
def info(as_json: bool) -> None:
    """List the versions of meshkit, its libraries and its optional back ends.

    Example: meshkit info --json
    """
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from meshkit.cli.messages import print_json, print_table
    from meshkit.images.image_files import SUFFIXES
    from meshkit.io import SAVERS

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    report = {
        "meshkit": installed("meshkit-gan"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "required": {name: installed(name) for name in REQUIRED},
        "optional": {name: installed(name) for name in OPTIONAL},
        "mesh_formats": sorted(SAVERS),
        "image_formats": sorted(SUFFIXES),
    }
    if as_json:
        print_json(report)
        return
    rows = {"python": f"{report['python']} on {report['platform']}"}
    rows |= {name: installed(name) or "missing" for name in REQUIRED}
    rows |= {name: installed(name) or f"not installed ({why})" for name, why in OPTIONAL.items()}
    rows["mesh formats"] = " ".join(sorted(SAVERS))
    rows["image formats"] = " ".join(sorted(SUFFIXES))
    print_table(f"meshkit {report['meshkit'] or '(not installed)'}", rows)
