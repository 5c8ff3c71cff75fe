# Shared by the scripts in this folder: installing what is missing, building. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "== $*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    say "this step needs root (or sudo): $*"; return 1
  fi
}

# need KIND...: installs the packages of these kinds that are not there yet.
need() {
  local missing=() kinds=" $* " kind package line
  while read -r kind line; do
    case "$kinds" in *" $kind "*) ;; *) continue ;; esac
    for package in $line; do
      dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
  done < <(grep -v '^#' script/packages)
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build DIR [meson options]: configures once, then builds.
build() {
  local dir=$1; shift
  [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >&2
  ninja -C "$dir" >&2
}

# The widgets. Returns 1, and says so, where npm or its registry cannot be reached: everything else works without them. Returns 2 when
# they are there but cannot be installed or built, which is a fault of ours.
build_web() {
  if ! command -v npm >/dev/null; then
    say "installing node and npm"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null || return 1
  fi
  local stamp=web/node_modules/.lectern-lock
  if ! cmp -s web/package-lock.json "$stamp" 2>/dev/null; then
    say "installing web packages"
    if ! (cd web && timeout 300 npm ci --no-audit --no-fund --loglevel=error >&2); then
      (cd web && timeout 60 npm ping --loglevel=silent >/dev/null 2>&1) || { say "the npm registry cannot be reached: no widgets"; return 1; }
      say "the web packages cannot be installed"
      return 2
    fi
    cp web/package-lock.json "$stamp"
  fi
  (cd web && npm run --silent build >&2) || { say "the widgets cannot be built"; return 2; }
}
