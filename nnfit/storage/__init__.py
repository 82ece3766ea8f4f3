"""Whole files, .npz, JSON from strangers, and how the process leaves: what touches the disk.

Nothing here knows what the files are about.
"""
