"""The epoch loop, its history and the metrics. Arrays come in and go out, never a DataFrame."""
