"""Speed of nnfit against scikit-learn, PyTorch and JAX: `python -m tests.benchmarks`.

It is no part of the test suite: pytest collects nothing here.
"""
