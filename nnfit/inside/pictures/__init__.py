"""The numbers behind each picture: grids of predictions, surfaces of the loss, bins, permutations.

A module for each kind of `kinds`, whose `make` gives its numbers. Nothing is drawn here, so that
every number can be read back; `report.plots` draws.
"""
