"""Prints pip constraints that pin every run-time dependency to its lower bound, extras too."""

import re
import tomllib

with open("pyproject.toml", "rb") as stream:
    project = tomllib.load(stream)["project"]
for dependency in project["dependencies"] + project["optional-dependencies"]["plot"]:
    print(re.sub(r">=", "==", dependency))
