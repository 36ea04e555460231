#!/usr/bin/env python3
"""Makes the demo's corpus: a folder per domain, a file per document, from Debian packages.

Needs no rights: packages are downloaded with `apt-get download` and unpacked into the cache folder.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import domains
import extract
import packages


def say(message):
    print(message, file=sys.stderr, flush=True)


def recipe_digest():
    """Of the scripts themselves: another recipe is another corpus."""
    digest = hashlib.sha256()
    for name in ("domains.py", "extract.py", "make.py", "packages.py"):
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


def write_domain(folder, documents):
    folder.mkdir(parents=True)
    digest = hashlib.sha256()
    for name in sorted(documents):
        content = documents[name].encode()
        (folder / name).write_bytes(content)
        digest.update(name.encode() + b"\0" + content)
    return {
        "domain": folder.name,
        "documents": len(documents),
        "bytes": sum(len(text.encode()) for text in documents.values()),
        "sha256": digest.hexdigest(),
    }


def make(cache, out, quick):
    """Writes out/text and out/manifest.json; returns the manifest. Keeps what an earlier, equal run made."""
    roots, inputs = packages.fetch(cache, say=say)
    settings = {"recipe": recipe_digest(), "inputs": inputs, "quick": quick}
    manifest_path = out / "manifest.json"
    if manifest_path.is_file():
        try:
            manifest = json.loads(manifest_path.read_text())
        except ValueError:
            manifest = {}
        if all(manifest.get(key) == value for key, value in settings.items()):
            return manifest
    max_bytes = domains.MAX_DOMAIN_BYTES // (10 if quick else 1)
    for left in out.parent.glob(f"{out.name}.tmp.*"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    fresh = out.with_name(f"{out.name}.tmp.{os.getpid()}")
    try:
        summaries = []
        for name, documents_of in domains.DOMAINS.items():
            begin = time.monotonic()
            summary = write_domain(fresh / "text" / name, domains.choose(documents_of(roots), max_bytes))
            if summary["documents"] == 0:
                raise extract.FormatError(f"domain {name}: no document found in its packages")
            summaries.append(summary)
            say(
                f"  {name:12} {summary['documents']:5} documents {summary['bytes'] / 1e6:6.2f} MB"
                f" ({time.monotonic() - begin:.1f} s)"
            )
        manifest = dict(settings, domains=summaries, bytes=sum(s["bytes"] for s in summaries))
        (fresh / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        shutil.rmtree(out, ignore_errors=True)
        os.rename(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cache", type=Path, required=True, help="folder for downloaded and unpacked packages"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to make: text/DOMAIN/DOCUMENT and manifest.json"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it started ends with it
    try:
        arguments.cache.mkdir(parents=True, exist_ok=True)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        manifest = make(arguments.cache, arguments.out, arguments.quick)
    except (packages.PackageError, extract.FormatError, OSError) as error:
        say(f"grouter: error: the demo corpus cannot be made: {error}")
        return 3
    say(f"{arguments.out / 'text'}: {len(manifest['domains'])} domains, {manifest['bytes'] / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
