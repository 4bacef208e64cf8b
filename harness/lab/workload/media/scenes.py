"""The picture of every generated photo and video; its corners have four colours, to check rotations."""

import numpy as np
from numpy.typing import NDArray

Rgb = tuple[int, int, int]

TOP_LEFT: Rgb = (220, 40, 40)
TOP_RIGHT: Rgb = (40, 180, 60)
BOTTOM_LEFT: Rgb = (50, 70, 220)
BOTTOM_RIGHT: Rgb = (230, 200, 40)


def scene(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return a picture with four coloured corners and some texture, shape (height, width, 3) [pixels]."""
    rng = np.random.default_rng(seed)
    across = 60 * np.sin(np.linspace(0, rng.uniform(3, 20), width, dtype=np.float32))
    down = 60 * np.cos(np.linspace(0, rng.uniform(3, 20), height, dtype=np.float32))
    # Always between 0 and 255, so it need not be clipped.
    light = (120 + across + down[:, None]).astype(np.uint8) // 2 + 40
    light += rng.integers(0, 16, (height, width), dtype=np.uint8)
    tint = rng.integers(0, 60, 3, dtype=np.uint8)
    pixels: NDArray[np.uint8] = light[:, :, None] + tint
    tall, wide = max(1, height // 4), max(1, width // 4)
    pixels[:tall, :wide] = TOP_LEFT
    pixels[:tall, -wide:] = TOP_RIGHT
    pixels[-tall:, :wide] = BOTTOM_LEFT
    pixels[-tall:, -wide:] = BOTTOM_RIGHT
    return pixels
