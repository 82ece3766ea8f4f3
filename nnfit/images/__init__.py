"""Pictures as rows of pixels: read by Pillow, flattened to a CSV."""
