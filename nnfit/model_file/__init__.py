"""The model file: one plain .npz (a zip of .npy, no pickle), written and read with care."""

from nnfit.model_file.declared import FORMAT_VERSION
from nnfit.model_file.reading import load
from nnfit.model_file.writing import save, to_bytes

__all__ = ["FORMAT_VERSION", "load", "save", "to_bytes"]
