#!/usr/bin/env bash
# Makes this machine able to build Grouter: Debian packages, Python wheels, links in .deps/. Only what is missing.
#   third_party/setup/setup.sh [--cuda]     --cuda: the CUDA toolkit's wheels too
# Exit status: 0 ready; 2 a machine we refuse, or root is needed (the line to run is printed); 3 a package failed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=third_party/setup/env.sh
. "$here/env.sh"
# shellcheck source=third_party/setup/machine.sh
. "$here/machine.sh"
# shellcheck source=third_party/setup/debian.sh
. "$here/debian.sh"
# shellcheck source=third_party/setup/wheels.sh
. "$here/wheels.sh"

cuda=0
for argument in "$@"; do
  case $argument in
    --cuda) cuda=1 ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) refuse "unknown argument $argument" "usage: third_party/setup/setup.sh [--cuda]" && exit 2 ;;
  esac
done

require_platform "${GROUTER_OS_RELEASE:-/etc/os-release}" "${GROUTER_MACHINE:-$(uname -m)}"

mapfile -t packages < <(missing_packages "$GROUTER_ROOT/third_party/debian.lock")
need_env=0 need_cuda=0
[ -e "$GROUTER_ENV/complete" ] || need_env=1
[ "$cuda" = 0 ] || [ -e "$GROUTER_CUDA_STAMP" ] || need_cuda=1

# What it costs is said, and looked for, before anything is fetched.
if [ "${#packages[@]}" -gt 0 ]; then
  echo "set-up: ${#packages[@]} Debian packages are missing (all of them: 530 MB to download, 1.9 GB installed)"
  require_space / 2500 60000 "installing Debian packages"
fi
if [ "$need_env" = 1 ]; then
  echo "set-up: Python wheels: $(lock_megabytes "$GROUTER_ROOT"/third_party/{requirements,extracts}.lock) MB to download, 1.5 GB in $GROUTER_ENV"
  require_space "$GROUTER_CACHE" 3000 40000 "unpacking the Python wheels"
fi
if [ "$need_cuda" = 1 ]; then
  echo "set-up: CUDA toolkit: $(lock_megabytes "$GROUTER_ROOT/third_party/cuda.lock") MB to download, 2.9 GB in $GROUTER_ENV"
  require_space "$GROUTER_CACHE" 6000 20000 "unpacking the CUDA toolkit"
fi
if [ ! -d "$GROUTER_BUILD" ]; then
  echo "set-up: build results: up to 6 GB in $GROUTER_BUILD, and a build cache of at most $GROUTER_CACHE_LIMIT_GB GB in $GROUTER_CACHE/bazel"
  require_space "$GROUTER_CACHE" 8000 100000 "building"
fi

if [ "${#packages[@]}" -gt 0 ]; then install_packages "$GROUTER_ROOT/third_party/debian.lock" "${packages[@]}"; fi

mkdir -p "$GROUTER_CACHE"
exec {lock}>"$GROUTER_CACHE/setup.lock"
if ! flock -n "$lock"; then
  echo "set-up: another set-up is at work; waiting for it"
  flock "$lock"
fi
if [ ! -e "$GROUTER_ENV/complete" ]; then install_env; fi
if [ "$cuda" = 1 ] && [ ! -e "$GROUTER_CUDA_STAMP" ]; then install_cuda; fi
prune_builds "$GROUTER_CACHE/build"
prune_folder "$GROUTER_CACHE/bazel" $((GROUTER_CACHE_LIMIT_GB * 1024))

# place_link TARGET NAME: .deps/NAME points to TARGET; replaced by a rename, so that a running build never misses it.
place_link() {
  [ "$(readlink "$GROUTER_ROOT/.deps/$2" 2>/dev/null)" = "$1" ] && return
  ln -sfn "$1" "$GROUTER_ROOT/.deps/.$2.new"
  mv -T "$GROUTER_ROOT/.deps/.$2.new" "$GROUTER_ROOT/.deps/$2"
}
mkdir -p "$GROUTER_ROOT/.deps"
place_link "$GROUTER_ENV" env
place_link "$GROUTER_SITE" libtorch
if [ -e "$GROUTER_CUDA_STAMP" ]; then
  place_link "$GROUTER_SITE/nvidia/cu13" cuda
else
  place_link ../third_party/cuda/absent cuda
fi
bazelrc="build --disk_cache=$GROUTER_CACHE/bazel
build --test_env=GROUTER_DEPS=$GROUTER_ENV"
if [ "$(cat "$GROUTER_ROOT/.deps/bazelrc" 2>/dev/null)" != "$bazelrc" ]; then
  printf '%s\n' "$bazelrc" >"$GROUTER_ROOT/.deps/bazelrc.new"
  mv "$GROUTER_ROOT/.deps/bazelrc.new" "$GROUTER_ROOT/.deps/bazelrc"
fi
