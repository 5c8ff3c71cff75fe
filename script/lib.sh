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
  case " ${missing[*]} " in *" postgresql-"*) no_main_cluster ;; esac
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Debian's package of PostgreSQL would make a database and a daemon of the system's at once. Tests want its programs alone.
no_main_cluster() {
  as_root mkdir -p /etc/postgresql-common/createcluster.d
  echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.d/lectern.conf >/dev/null
}

# The directory of PostgreSQL's server programs, the newest there are (Debian keeps them out of PATH); fails when there are none.
postgres_programs() {
  local dir
  dir=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
  [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && printf '%s\n' "$dir"
}

# The system tests that ask most of the store, and those that only a PostgreSQL can answer: some five minutes.
stored_tests="register tasks tasks_once sessions limits privacy events courses search idempotency switches secrets keys reports response_cache lists isolation migrate_store register_months shared_state"

# start_postgres: a PostgreSQL of our own, for as long as this script runs: a temporary directory, a free port of the loopback, a password that nobody else
# knows, nothing synced to the disk. Its programs refuse to run as root: then somebody without rights runs them. Sets LECTERN_TEST_POSTGRES (the tests make
# databases there). Fails, and says so, where it cannot be started.
start_postgres() {
  local bin port user
  bin=$(postgres_programs) || { say "PostgreSQL's server programs (postgresql-15) are not there"; return 1; }
  postgres_dir=$(mktemp -d)
  postgres_run=()
  trap stop_postgres EXIT
  if [ "$(id -u)" = 0 ]; then
    user=postgres; id postgres >/dev/null 2>&1 || user=nobody
    postgres_run=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups env "HOME=$postgres_dir")
  fi
  postgres_run+=("$bin/pg_ctl" -D "$postgres_dir/data" -s)
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > "$postgres_dir/password"
  [ -z "${user:-}" ] || chown -R "$user" "$postgres_dir"
  (cd "$postgres_dir" && "${postgres_run[@]}" initdb -o "-U lectern --auth=password --pwfile=$postgres_dir/password --encoding=UTF8 --no-locale --no-sync" >/dev/null) || return 1
  for _ in 1 2 3; do # somebody may take the port meanwhile
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    if (cd "$postgres_dir" && "${postgres_run[@]}" start -w -t 60 -l "$postgres_dir/log" -o "-k $postgres_dir -c listen_addresses=127.0.0.1 -p $port -c fsync=off \
        -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=4GB -c checkpoint_timeout=1h -c max_connections=500 -c shared_buffers=256MB" >/dev/null); then
      LECTERN_TEST_POSTGRES="postgresql://lectern:$(cat "$postgres_dir/password")@127.0.0.1:$port"
      export LECTERN_TEST_POSTGRES
      return 0
    fi
  done
  tail -5 "$postgres_dir/log" >&2
  return 1
}

stop_postgres() {
  [ -n "${postgres_dir:-}" ] || return 0
  "${postgres_run[@]}" stop -m immediate >/dev/null 2>&1 || true
  rm -rf "$postgres_dir"
  unset postgres_dir LECTERN_TEST_POSTGRES
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
