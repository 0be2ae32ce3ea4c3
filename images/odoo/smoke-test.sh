#!/bin/sh
# Starts IMAGE the way the deployments do (read-only root, no capabilities, tmpfs noexec) beside a fresh PostgreSQL,
# installs a module if the image bakes release_info, and asks for health and login. Usage: smoke-test.sh IMAGE
# SMOKE_POSTGRES_IMAGE  an image with the official one's environment (default: postgres:16)
# SMOKE_SUBNET          the network to make (default: the first free /24 of 198.18.16.0/20, which is reserved for tests)
# SMOKE_LIMIT           seconds that each wait may take (default: 300)
set -eu
image=${1:?usage: smoke-test.sh IMAGE}
limit=${SMOKE_LIMIT:-300}
run="odoo-smoke-$$"
files=$(mktemp -d)
# As many processors as there are, and two at most: Docker refuses more than it has.
cpus=$(docker info --format '{{if lt .NCPU 2}}1{{else}}2{{end}}')
# What each container of this test may take at most. These are words, so used without quotes.
limits="--memory 2684354560 --cpus ${cpus} --pids-limit 512 --cap-drop ALL --security-opt no-new-privileges"

cleanup() {
  status=$?
  trap - EXIT
  if [ "${status}" -ne 0 ]; then docker logs --tail 40 "${run}-odoo" >&2 2>/dev/null || echo "no log of Odoo" >&2; fi
  for name in install odoo db; do
    if docker container inspect "${run}-${name}" >/dev/null 2>&1; then docker rm -f -v "${run}-${name}" >/dev/null; fi
  done
  for volume in data db; do
    if docker volume inspect "${run}-${volume}" >/dev/null 2>&1; then docker volume rm "${run}-${volume}" >/dev/null; fi
  done
  if docker network inspect "${run}" >/dev/null 2>&1; then docker network rm "${run}" >/dev/null; fi
  rm -rf "${files}"
  exit "${status}"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() { echo "$1: $2" >&2; exit 1; }

# wait_for CODE WHAT COMMAND…: repeats the command until it succeeds, for at most ${limit} seconds.
wait_for() {
  code=$1 what=$2; shift 2
  deadline=$(($(date +%s) + limit))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "${deadline}" ] || fail "${code}" "${what} not within ${limit} s"
    sleep 1
  done
}

# get PATH: exit 0 and the body if Odoo answers 200. python3 is the one client that every such image has.
get() {
  timeout 20 docker exec "${run}-odoo" python3 -c "
import sys, urllib.request as request
direct = request.build_opener(request.ProxyHandler({}))
answer = direct.open('http://127.0.0.1:8069' + sys.argv[1], timeout=15)
print(answer.status, answer.geturl(), answer.read().decode())" "$1"
}

# odoo_container NAME FLAGS… -- ARGS…: the hardening of production.
odoo_container() {
  name=$1; shift
  set -- --name "${run}-${name}" --network "${run}" --read-only \
    --tmpfs /tmp:rw,noexec,nosuid,size=100m --tmpfs /run:rw,noexec,nosuid,size=16m \
    --volume "${run}-data:/var/lib/odoo" --volume "${files}:/run/secrets:ro" \
    --env DB_HOST="${run}-db" --env DB_NAME=smoke --env DB_PASSWORD_FILE=/run/secrets/db \
    --env ADMIN_PASSWD_FILE=/run/secrets/admin --env WORKERS=2 "$@"
  docker run ${limits} "$@"
}

# Random per run, and readable by the container's user only through this directory of ours.
chmod 755 "${files}"
od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > "${files}/db"
od -An -N16 -tx1 /dev/urandom | tr -d ' \n' > "${files}/admin"

subnets="198.18.16.0/24 198.18.17.0/24 198.18.18.0/24 198.18.19.0/24 198.18.20.0/24 198.18.21.0/24"
for subnet in ${SMOKE_SUBNET:-${subnets}}; do
  if docker network create --subnet "${subnet}" "${run}" >/dev/null 2>"${files}/network.log"; then break; fi
done
docker network inspect "${run}" >/dev/null 2>&1 \
  || fail CONTAINER_START_FAILURE "no test network: $(cat "${files}/network.log")"
# The entrypoint of PostgreSQL begins as root, gives its directories to its own user, and becomes that user.
docker run ${limits} --detach --name "${run}-db" --network "${run}" --volume "${files}:/run/secrets:ro" \
  --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --cap-add SETGID --cap-add SETUID \
  --env POSTGRES_USER=odoo --env POSTGRES_DB=postgres --env POSTGRES_PASSWORD_FILE=/run/secrets/db \
  "${SMOKE_POSTGRES_IMAGE:-postgres:16}" >/dev/null

modules=base
if docker run ${limits} --rm --network none --entrypoint test "${image}" -e /opt/odoo/extra-addons/release_info; then
  modules=base,release_info
fi
started=$(date +%s)
timeout "${limit}" docker run ${limits} --rm --network none "${image}" odoo --version >/dev/null \
  || fail CONTAINER_START_FAILURE "odoo --version"
odoo_container install "${image}" odoo -i "${modules}" --stop-after-init --no-http > "${files}/install.log" 2>&1 &
installer=$!
wait_for MODULE_LOAD_ERROR "the installation of ${modules} ended" sh -c "! kill -0 ${installer}"
wait "${installer}" || { tail -40 "${files}/install.log" >&2; fail MODULE_LOAD_ERROR "installing ${modules}"; }
echo "installed ${modules} in $(($(date +%s) - started)) s"

odoo_container odoo --detach "${image}" >/dev/null
wait_for HEALTH_CHECK_FAIL "/web/health answered" get /web/health
get /web/health | grep -q '"status": "pass"' || fail HEALTH_CHECK_FAIL "/web/health did not pass"
wait_for HEALTH_CHECK_FAIL "/web/login answered 200" get /web/login
get /web/login | grep -q 'name="login"' || fail HEALTH_CHECK_FAIL "/web/login shows no login form"

stopping=$(date +%s)
docker stop --time 30 "${run}-odoo" >/dev/null
[ "$(docker inspect --format '{{.State.ExitCode}}' "${run}-odoo")" = 0 ] \
  || fail CONTAINER_START_FAILURE "Odoo did not end well on SIGTERM"
echo "health and login answered; stopped in $(($(date +%s) - stopping)) s"
