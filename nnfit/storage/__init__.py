"""Whole files, .npz, JSON from strangers, and how the process leaves: what touches the disk.

Nothing here knows what the files are about, but for the first word of a model and a checkpoint.
"""
