"""CSV: text in, records and DataFrames out, and rows back to text.

What columns mean is not known here; that is the room `table`.
"""
