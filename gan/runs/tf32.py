"""How CUDA multiplies float32, for a block: as it is, or as TF32, with 10 bits of mantissa."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def tf32(on: bool) -> Iterator[None]:
    """Let products and convolutions read float32 as TF32, or not; the caller's choice is put back.

    Torch by itself uses TF32 in convolutions and not in products.
    """
    cudnn = torch.backends.cudnn
    products, convolutions = torch.get_float32_matmul_precision(), cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if on else "highest")
    cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        cudnn.allow_tf32 = convolutions
