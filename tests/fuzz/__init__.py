"""Fuzzing of what nnfit reads: configs, CSVs, expressions and models, from hypothesis and atheris.

`python -m tests.fuzz TARGET --runs N` runs atheris (extra `fuzz`); `tests/test_fuzz.py` runs
hypothesis and the corpus of inputs that once found something.
"""
