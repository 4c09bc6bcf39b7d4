"""`gan view`."""

from pathlib import Path
from typing import Any

import click

from gan.cli.options import chosen_checkpoint, run_argument, seed_option
from meshkit.cli.parameters import json_option
from meshkit.cli.serving import serving_options


@click.command()
@run_argument
@seed_option("Of the random faces.")
@serving_options
@json_option
def view(run: Path, seed: int, open_browser: bool | None, as_json: bool, **serving: Any) -> None:
    """Move the faces of RUN in the browser: sliders, classes, transfer, landmarks to pull.

    RUN is a folder of `gan train` or `gan baseline`, or a .safetensors file of `gan export`. Serves
    until Ctrl-C; every browser has a face of its own.

    Example: gan view runs/faces
    """
    import torch

    from gan.runs.checkpoints import load_model
    from gan.viewing.face_viewer import view_faces
    from meshkit.cli.messages import about, print_json
    from meshkit.cli.serving import announce

    torch.set_num_threads(max(1, torch.get_num_threads() // 2))  # the other half compresses, sends
    with about(run):
        model = load_model(run, checkpoint=chosen_checkpoint())
    with view_faces(model, seed=seed, **serving) as server:

        def tell() -> None:
            if as_json:
                print_json({"url": server.url, "port": server.port, "run": str(run)})
            announce(server, open_browser=open_browser, quiet=as_json)

        server.wait(tell)
