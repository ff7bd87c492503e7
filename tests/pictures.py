"""What is in the files of films."""

from pathlib import Path

import numpy as np
from PIL import Image


def frames(path: Path) -> list[np.ndarray]:
    """RGB pictures, one after the other."""
    with Image.open(path) as image:
        found = []
        for k in range(image.n_frames):
            image.seek(k)
            found.append(np.asarray(image.convert("RGB"), int))
        return found
