"""The real routing trace: where it is, and its arrays."""

import os

import numpy as np
import rows

NAME = "gpt_oss_20b_ids.npz"


def load():
    """(ids [layers, tokens, k], seq_len [sequences]), or (None, reason)."""
    given = os.environ.get("GROUTER_TRACE")
    path = given or os.path.join(os.path.dirname(rows.ROOT), "shared", "traces", NAME)
    if given and os.path.isdir(given):
        path = os.path.join(given, NAME)
    if not os.path.exists(path):
        return None, f"no {NAME}: name it in GROUTER_TRACE"
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["ids"], arrays["seq_len"]
