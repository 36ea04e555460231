# shellcheck shell=bash disable=SC2034
# Where Grouter keeps what it fetched and built. To be sourced; sets names and functions, runs nothing.

GROUTER_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
GROUTER_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/grouter
GROUTER_CACHE_LIMIT_GB=${GROUTER_CACHE_LIMIT_GB:-12}

# The wheels and files that the locks name, in a folder named after the locks' content.
GROUTER_ENV=$GROUTER_CACHE/env-$(cat "$GROUTER_ROOT"/third_party/{requirements,extracts}.lock | sha256sum | cut -c1-12)
GROUTER_SITE=$GROUTER_ENV/lib/python3.11/site-packages
# Its presence says that the CUDA toolkit of this lock lies in that folder too.
GROUTER_CUDA_STAMP=$GROUTER_ENV/cuda-$(sha256sum <"$GROUTER_ROOT/third_party/cuda.lock" | cut -c1-12)

# Bazel's output of this checkout: one folder per name ("main", "clang"), the same in each run, so that it stays warm.
GROUTER_BUILD=$GROUTER_CACHE/build/$(printf %s "$GROUTER_ROOT" | sha256sum | cut -c1-12)

# grouter_bazel NAME ARGUMENT...: Bazel with the output folder NAME of this checkout.
grouter_bazel() {
  local name=$1
  shift
  mkdir -p "$GROUTER_BUILD"
  [ -e "$GROUTER_BUILD/checkout" ] || printf '%s\n' "$GROUTER_ROOT" >"$GROUTER_BUILD/checkout"
  (cd "$GROUTER_ROOT" && bazel --output_base="$GROUTER_BUILD/$name" "$@")
}

# Ends the Bazel servers of this checkout's output folders. A server holds 1 GB and stays for minutes.
grouter_bazel_shutdown() {
  local folder
  for folder in "$GROUTER_BUILD"/*/; do
    if [ -e "$folder/server/server.pid.txt" ]; then
      (cd "$GROUTER_ROOT" && bazel --output_base="${folder%/}" shutdown >/dev/null 2>&1) || true
    fi
  done
}
