"""R's databases of character vectors, as R writes them: tiny ones for tests."""

import struct
import zlib


def r_character_vector(strings, version=3):
    out = b"X\n" + struct.pack(">iii", version, 0x040201, 0x030500)
    if version == 3:
        out += struct.pack(">i", 5) + b"UTF-8"
    out += struct.pack(">ii", 16, len(strings))
    for text in strings:
        if text is None:
            out += struct.pack(">ii", 9, -1)
        else:
            out += struct.pack(">ii", 0x8009, len(text.encode())) + text.encode()
    return out


def r_database(*objects):
    return b"".join(struct.pack(">I", len(o)) + zlib.compress(o) for o in objects)
