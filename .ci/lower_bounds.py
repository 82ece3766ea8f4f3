"""Prints pip constraints that pin every run-time dependency to its lower bound."""

import re
import tomllib

with open("pyproject.toml", "rb") as stream:
    dependencies = tomllib.load(stream)["project"]["dependencies"]
for dependency in dependencies:
    print(re.sub(r">=", "==", dependency))
