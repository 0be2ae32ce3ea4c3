#!/bin/bash
# The contract of the official image: POSTGRES_USER, POSTGRES_PASSWORD[_FILE], POSTGRES_DB and PGDATA at the first start, scripts of
# /docker-entrypoint-initdb.d then, and the server never as root.
set -euo pipefail

from_file() {
  local name=$1 file_name="$1_FILE"
  if [ -n "${!file_name:-}" ]; then
    if [ -n "${!name:-}" ]; then
      echo "error: both $name and $file_name are set" >&2
      exit 1
    fi
    export "$name=$(< "${!file_name}")"
    unset "$file_name"
  fi
}

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" != postgres ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres:postgres '{}' +
  chmod 0700 "$PGDATA"
  # Secrets may be readable by root only: they are read before the privileges go.
  for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB; do from_file "$name"; done
  exec setpriv --reuid=postgres --regid=postgres --init-groups "${BASH_SOURCE[0]}" "$@"
fi

for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB; do from_file "$name"; done

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=${POSTGRES_USER:-postgres}
  database=${POSTGRES_DB:-$user}
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
    echo "error: the database is not initialized and POSTGRES_PASSWORD is not set" >&2
    exit 1
  fi
  initdb --username="$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-unused}") --auth-local=trust \
    --auth-host="${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" ${POSTGRES_INITDB_ARGS:-}
  printf 'host all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"

  # Only on the socket while it is being set up, so that nobody connects to a half-made database.
  pg_ctl --wait --options="-c listen_addresses=''" start
  query() { psql --username="$user" --no-psqlrc -v ON_ERROR_STOP=1 "$@"; }
  if [ "$database" != postgres ]; then
    query --dbname=postgres -v name="$database" <<< 'CREATE DATABASE :"name";'
  fi
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sh) . "$file" ;;
      *.sql) query --dbname="$database" --file="$file" ;;
    esac
  done
  pg_ctl --wait --mode=fast stop
  echo "PostgreSQL init process complete; ready for start up."
fi

unset POSTGRES_PASSWORD
exec "$@" -c listen_addresses='*'
