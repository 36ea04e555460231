"""A Hugging Face tokenizer of the same vocabulary as a tiktoken rank file."""

import base64
import json

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


def read_ranks(path):
    with open(path, "rb") as lines:
        pairs = (line.split() for line in lines if line.strip())
        return {base64.b64decode(token): int(rank) for token, rank in pairs}


def byte_alphabet():
    """GPT-2's: printable Latin-1 characters stand for their byte, the others for 256, 257, ..."""
    alphabet, following = {}, 256
    for byte in range(256):
        if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE:
            alphabet[byte] = chr(byte)
        else:
            alphabet[byte] = chr(following)
            following += 1
    return alphabet


def last_merge(ranks, token, rank):
    """The two tokens whose merge makes `token`: byte pair encoding with the ranks below its own."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        best, best_rank = None, rank
        for i in range(len(parts) - 1):
            pair_rank = ranks.get(parts[i] + parts[i + 1], rank)
            if pair_rank < best_rank:
                best, best_rank = i, pair_rank
        if best is None:
            raise ValueError(f"rank {rank} is made by no two tokens")
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return parts


def tokenizer_json(ranks, special_tokens=("<|endoftext|>", "<|im_start|>", "<|im_end|>")):
    alphabet = byte_alphabet()

    def spell(token):
        return "".join(alphabet[byte] for byte in token)

    in_order = sorted(ranks.items(), key=lambda item: item[1])
    merges = [
        [spell(part) for part in last_merge(ranks, token, rank)] for token, rank in in_order if len(token) > 1
    ]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {"id": len(ranks) + i, "content": name, **flags} for i, name in enumerate(special_tokens)
            ],
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [
                    {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False},
                    {
                        "type": "ByteLevel",
                        "add_prefix_space": False,
                        "trim_offsets": False,
                        "use_regex": False,
                    },
                ],
            },
            "post_processor": None,
            "decoder": {
                "type": "ByteLevel",
                "add_prefix_space": False,
                "trim_offsets": False,
                "use_regex": False,
            },
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": "",
                "end_of_word_suffix": "",
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {spell(token): rank for token, rank in in_order},
                "merges": merges,
            },
        },
        ensure_ascii=False,
    )
