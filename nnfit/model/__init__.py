"""A trained model: what it predicts, how well, what it holds, and its file.

It does not train.
"""
