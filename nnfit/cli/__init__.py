"""The commands: parse, call, print. Only Typer is imported before a command runs.

Typer makes an argument or option of each parameter: a command has as many as it has of them.
"""
