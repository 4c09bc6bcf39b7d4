"""Learn decoupled 3D face models: data sets, training, evaluation.

Names are imported when they are first used, so that `import gan` loads neither torch nor h5py.
"""

import importlib
from typing import Any

_HOMES = {
    "load_dataset": "gan.datasets.store",
    "load_config": "gan.config",
    "train": "gan.training.loop",
    "load_model": "gan.runs.checkpoints",
    "FaceModel": "gan.models.face_model",
    "evaluate": "gan.evaluation",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gan' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
