# shellcheck shell=bash
# What set-up asks of the machine. To be sourced. A refusal says what, why and what to do; its function returns 2.

refuse() { printf 'set-up: %s\n' "$@" >&2; }

# require_platform OS_RELEASE_FILE MACHINE: Debian 12 on x86_64.
require_platform() {
  local id version name
  if [ ! -r "$1" ]; then
    refuse "no $1: this is not Debian 12, the one system whose packages are pinned here" \
      "use a Debian 12 machine or container, e.g. docker run -it debian:12"
    return 2
  fi
  id=$(sed -n 's/^ID=//p' "$1" | tr -d '"')
  version=$(sed -n 's/^VERSION_ID=//p' "$1" | tr -d '"')
  name=$(sed -n 's/^PRETTY_NAME=//p' "$1" | tr -d '"')
  if [ "$id" != debian ] || [ "$version" != 12 ]; then
    refuse "${name:-$id $version} is not Debian 12, the one system whose packages are pinned here" \
      "use a Debian 12 machine or container, e.g. docker run -it debian:12"
    return 2
  fi
  if [ "$2" != x86_64 ]; then
    refuse "a $2 processor: the pinned LibTorch is built for x86_64" "use an x86_64 machine"
    return 2
  fi
}

# require_space FOLDER MEGABYTES INODES PURPOSE: the file system of FOLDER (or its nearest parent) has that much free.
require_space() {
  local folder=$1 free_mb free_inodes
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  read -r free_mb free_inodes < <(df -BM --output=avail,iavail "$folder" | tail -n 1 | tr -d M)
  if [ "$free_mb" -lt "$2" ]; then
    refuse "$4 needs $2 MB under $1, and $free_mb MB are free" \
      "free some space, or set XDG_CACHE_HOME to a folder on a larger disk"
    return 2
  fi
  # btrfs and some network file systems have no fixed number of inodes and report none.
  if [[ $free_inodes =~ ^[0-9]+$ ]] && [ "$free_inodes" -gt 0 ] && [ "$free_inodes" -lt "$3" ]; then
    refuse "$4 needs $3 inodes under $1, and $free_inodes are free" \
      "delete small files there, or set XDG_CACHE_HOME to a folder on another file system"
    return 2
  fi
}

# prune_folder FOLDER MEGABYTES: deletes the files used longest ago until three quarters of the limit are left.
prune_folder() {
  local limit_kb=$(($2 * 1024)) size_kb
  [ -d "$1" ] || return 0
  size_kb=$(du -sk "$1" | cut -f1)
  [ "$size_kb" -gt "$limit_kb" ] || return 0
  echo "set-up: $1 holds $((size_kb / 1024)) MB, more than $2 MB: deleting what was used longest ago"
  local excess_kb=$((size_kb - limit_kb * 3 / 4))
  # A file's last use is the later of its reading and its writing: some mounts do not record readings.
  find "$1" -type f -printf '%A@ %T@ %k %p\0' |
    awk -v RS='\0' -v ORS='\0' '{ used = $1 > $2 ? $1 : $2; size = $3; path = $0
      sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", path); printf "%.3f %d %s%c", used, size, path, 0 }' |
    sort -zn | awk -v RS='\0' -v ORS='\0' -v excess="$excess_kb" '{ if (gone >= excess) exit; gone += $2
      path = $0; sub(/^[^ ]+ [^ ]+ /, "", path); printf "%s%c", path, 0 }' |
    xargs -0 -r rm -f --
}

# prune_builds FOLDER: deletes the build results of checkouts that are gone; each folder there names its checkout.
prune_builds() {
  local note
  for note in "$1"/*/checkout; do
    [ -e "$note" ] || continue
    if [ ! -d "$(cat "$note")" ]; then
      echo "set-up: deleting the build results of $(cat "$note"), which is gone"
      rm -rf "$(dirname "$note")"
    fi
  done
}
