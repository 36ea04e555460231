"""Turns text files into a C++ header of string_view constants: embed.py OUT.h NAME=FILE..."""

import sys

CHUNK = 8000  # bytes of one literal; compilers bound it


def literal(content):
    lines = []
    for begin in range(0, max(len(content), 1), CHUNK):
        text = "".join(
            chr(b) if 32 <= b < 127 and chr(b) not in '\\"?' else f"\\{b:03o}"
            for b in content[begin : begin + CHUNK]
        )
        lines.append(f'    "{text}"')
    return "\n".join(lines)


def main():
    out, files = sys.argv[1], [argument.split("=", 1) for argument in sys.argv[2:]]
    parts = ['#pragma once\n\n#include "absl/strings/string_view.h"\n\nnamespace grouter {\n']
    for name, path in files:
        with open(path, "rb") as file:
            content = file.read()
        parts.append(
            f"inline constexpr absl::string_view {name}(\n{literal(content)},\n    {len(content)});\n"
        )
    parts.append("}  // namespace grouter\n")
    with open(out, "w", encoding="ascii") as file:
        file.write("\n".join(parts))


main()
