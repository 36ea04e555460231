# shellcheck shell=bash
# Debian packages of third_party/debian.lock. To be sourced after machine.sh.

# missing_packages LOCK: the names in LOCK that are not installed, or older than the lock's least version.
missing_packages() {
  local name least installed
  declare -A have
  while read -r name installed; do have[$name]=$installed; done < <(
    dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' 2>/dev/null | sed -n 's/^installed //p'
  )
  while read -r name least; do
    case $name in '' | '#'*) continue ;; esac
    if [ -z "${have[$name]:-}" ]; then
      echo "$name"
    elif [ "${have[$name]}" != "$least" ] && ! dpkg --compare-versions "${have[$name]}" ge "$least"; then
      echo "$name"
    fi
  done <"$1"
}

# least_version LOCK PACKAGE
least_version() { awk -v name="$2" '$1 == name { print $2 }' "$1"; }

# count_packages: a line for each hundred packages that apt fetched, unpacked or set up.
count_packages() {
  awk '/^Get:/ { did = "fetched" } /^Unpacking / { did = "unpacked" } /^Setting up / { did = "set up" }
    did { if (++count[did] % 100 == 0) { print "set-up:   " count[did] " packages " did; fflush() } did = "" }'
}

# apt_get ARGUMENT...: waits up to ten minutes for whoever holds apt's locks; output goes to the file $apt_log.
apt_get() {
  local attempt
  for attempt in $(seq 120); do
    if DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@" 2>&1 </dev/null |
      tee "$apt_log" | count_packages; then
      return 0
    fi
    grep -q 'Could not get lock\|Unable to lock directory' "$apt_log" || return 1
    [ "$attempt" = 1 ] && echo "set-up: another program holds apt's lock; waiting for it"
    sleep 5
  done
  return 1
}

# install_packages LOCK PACKAGE...: as root; else prints the line for root and returns 2.
install_packages() {
  local lock=$1 package candidate
  shift
  if [ "$(id -u)" != 0 ]; then
    refuse "missing Debian packages, and only root can install them. Run this, then start again:" \
      "  sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends $*'"
    return 2
  fi
  local apt_log
  apt_log=$(mktemp)
  echo "set-up: apt-get update"
  if ! apt_get -o APT::Update::Error-Mode=any update; then
    grep '^[EW]:' "$apt_log" | head -n 3 >&2
    refuse "apt-get update failed, so $1 and $(($# - 1)) other packages cannot be installed" \
      "check the network and /etc/apt, then try: apt-get update"
    rm -f "$apt_log"
    return 3
  fi
  for package in "$@"; do
    candidate=$(apt-cache policy "$package" | sed -n 's/^  Candidate: //p')
    if [ -z "$candidate" ] || [ "$candidate" = '(none)' ] ||
      ! dpkg --compare-versions "$candidate" ge "$(least_version "$lock" "$package")"; then
      refuse "your Debian mirror offers ${candidate:-no version} of $package, needed: $(least_version "$lock" "$package") or later" \
        "check that /etc/apt names bookworm with its updates, then try: apt-get install --no-install-recommends $package"
      rm -f "$apt_log"
      return 3
    fi
  done
  echo "set-up: installing $# Debian packages and what they need: $*"
  # It answers its own question with no, and then ends with a status of its own.
  { apt-get install --no-install-recommends --assume-no "$@" 2>/dev/null || true; } |
    sed -n '/^Need to get\|^After this/s/^/set-up:   /p'
  if ! apt_get install -y --no-install-recommends "$@"; then
    grep '^E:' "$apt_log" | head -n 5 >&2
    package=$(sed -n 's|^E: Failed to fetch .*/\([^/_]*\)_[^/]*\.deb.*|\1|p' "$apt_log" | head -n 1)
    refuse "apt-get could not install ${package:-$*}" \
      "try: apt-get install --no-install-recommends ${package:-$*}"
    rm -f "$apt_log"
    return 3
  fi
  rm -f "$apt_log"
}
