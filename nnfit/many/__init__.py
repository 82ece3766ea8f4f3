"""Many runs of one config: folds and sweeps, and the engines that share them among workers.

What a single run does is in `run`; nothing here is shown but through the observer.
"""
