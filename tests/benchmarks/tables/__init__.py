"""How well a config of two lines does on tables, beside the systems that one would use instead.

How fast a step is, is measured beside this package, not in it.
"""
