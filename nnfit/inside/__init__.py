"""What a model or a config makes of rows of its own data: explained, checked, pictured.

Nothing is drawn or printed here; that is the room `report`.
"""
