"""The numbers behind each picture: grids of predictions, surfaces of the loss, bins, permutations.

Nothing is drawn here, so that every number can be read back; `report.plots` draws.
"""
