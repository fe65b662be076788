#!/usr/bin/env python3
"""Turns src/api/openapi.yaml into a C++ header that holds it as JSON: openapi_header.py IN OUT."""

import json
import sys
from pathlib import Path

import yaml

# A raw string literal may not be arbitrarily long for every compiler; 8 KiB pieces always work.
PIECE = 8192


def main() -> int:
    source, target = map(Path, sys.argv[1:3])
    text = json.dumps(yaml.safe_load(source.read_text()), separators=(",", ":"))
    pieces = [text[i : i + PIECE] for i in range(0, len(text), PIECE)]
    literal = "\n".join(f'R"openapi({piece})openapi"' for piece in pieces)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        "#pragma once\n\n#include <string_view>\n\nnamespace pixell::api {\n\n"
        f"inline constexpr std::string_view kOpenapiJson =\n{literal};\n\n"
        "}  // namespace pixell::api\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
