"""How large a network may be that a model file holds. Imports nothing."""

MAX_ARRAY_BYTES = 4 * 2**30  # of weights and history
MAX_LAYERS = 1000
MAX_WIDTH = 10**6
MAX_UNITS = 2**20  # of all layers together: prediction holds 512 rows of each
