# shellcheck shell=bash disable=SC2034
# Sourced by the scripts beside it.

# What this project installs for itself stays below target/, like everything it builds.
TOOLS=$PWD/target/tools
LOGS=$PWD/target/test-logs
export PATH="$TOOLS/bin:$PATH"

say() { printf '\n== %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# retry COMMAND…: what the network can fail is tried three times.
retry() {
  local try
  for try in 1 2 3; do
    "$@" && return 0
    [ "$try" = 3 ] || { say "failed, trying again in $((try * 5)) s: $*" && sleep $((try * 5)); }
  done
  return 1
}

# as_root COMMAND…: runs it as root, by sudo where that is needed.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "not root, and there is no sudo to run: $*"
  fi
}
