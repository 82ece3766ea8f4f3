"""The model file: one plain .npz (a zip of .npy, no pickle), written and read with care."""
