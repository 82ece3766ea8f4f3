"""The commands: parse, call, print. Only Typer is imported before a command runs."""
