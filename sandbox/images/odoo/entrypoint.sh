#!/bin/bash
# The contract of the official image: HOST, PORT, USER and PASSWORD reach Odoo unless its configuration file names them; Odoo is
# started when PostgreSQL answers; anything that is neither `odoo` nor an option is run as it is.
set -e

: "${HOST:=${DB_PORT_5432_TCP_ADDR:=db}}"
: "${PORT:=${DB_PORT_5432_TCP_PORT:=5432}}"
: "${USER:=${DB_ENV_POSTGRES_USER:=${POSTGRES_USER:=odoo}}}"
: "${PASSWORD:=${DB_ENV_POSTGRES_PASSWORD:=${POSTGRES_PASSWORD:=odoo}}}"

database=()
argument() {
  local value
  value=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$ODOO_RC" | tr -d '"\r' | head -n 1)
  database+=("--$1" "${value:-$2}")
}
argument db_host "$HOST"
argument db_port "$PORT"
argument db_user "$USER"
argument db_password "$PASSWORD"

case "${1:-odoo}" in
  odoo | -- | -*)
    case "${1:-}" in odoo | --) shift ;; esac
    if [ "${1:-}" = scaffold ]; then exec odoo "$@"; fi
    wait-for-psql.py "${database[@]}" --timeout=30
    exec odoo "$@" "${database[@]}"
    ;;
  *)
    exec "$@"
    ;;
esac
