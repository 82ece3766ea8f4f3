"""Computation graphs of expressions in the language of φ(x), differentiated forward and backward.

Nothing is drawn or printed here; that is the room `report`.
"""
