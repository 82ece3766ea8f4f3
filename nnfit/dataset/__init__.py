"""From a config and a table to arrays: read, decide, encode.

No network is built here.
"""
