"""The network by hand: activations, losses, initialisation, forward, backward, optimizers.

NumPy alone is imported here. Nothing in this room knows of files, tables or terminals.
"""
