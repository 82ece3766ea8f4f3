"""`nnfit schema`: the JSON Schema of the config, for editors."""

from __future__ import annotations

import json

from nnfit.cli.options import QuietOption


def schema(quiet: QuietOption = False) -> None:
    """Print the JSON Schema of the config.

    Example: nnfit schema > nnfit.schema.json
    """
    from nnfit.cli.streams import result_stream
    from nnfit.config.schema import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False), file=result_stream())
