"""Tables: CSV in and out, and DataFrames to arrays; the only home of pandas.

The network and its training see arrays alone.
"""
