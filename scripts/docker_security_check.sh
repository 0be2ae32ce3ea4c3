#!/bin/sh
# Looks at an image before it serves: user, build tools, health check, a start with a read-only root, vulnerabilities
# (trivy) and what it is made of (syft, which writes sbom.json here).
#
#   scripts/docker_security_check.sh IMAGE
#
# SMOKE_POSTGRES_IMAGE  PostgreSQL that an Odoo is started beside (default: postgres:16)
# Exit status: 0 all of it is well; 1 something is not; 3 what was looked at is well, and something was not looked at;
# 64 wrong call; 69 there is no such image, or no Docker.
set -eu

case $# in
  1) image=$1 ;;
  *)
    echo "usage: docker_security_check.sh IMAGE   (pulumi stack output imageReference)" >&2
    exit 64 ;;
esac
postgres=${SMOKE_POSTGRES_IMAGE:-postgres:16}
bad=0 unknown=0
files=$(mktemp -d) container=''
end() {
  status=$?
  trap - EXIT
  if [ -n "${container}" ]; then docker rm -f -v "${container}" >/dev/null 2>&1 || :; fi
  rm -rf "${files}"
  exit "${status}"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok() { printf 'ok           %s: %s\n' "$1" "$2"; }
wrong() { printf 'WRONG        %s: %s\n' "$1" "$2"; bad=1; }
not_checked() { printf 'not checked  %s: %s\n' "$1" "$2"; unknown=1; }

present() { docker image inspect "$1" >/dev/null 2>&1 || docker pull --quiet "$1" >/dev/null 2>"${files}/pull"; }
setting() { docker image inspect --format "$1" "${image}"; }

user() {
  found=$(setting '{{.Config.User}}')
  case ${found} in
    '' | root | root:* | 0 | 0:*) wrong user "${found:-root}: it must not be root" ;;
    *) ok user "${found}" ;;
  esac
}

# Listed, not run: an image need not have a shell.
build_tools() {
  container=$(docker create --network none "${image}" none)
  docker export "${container}" | tar -t > "${files}/list"
  docker rm -v "${container}" >/dev/null; container=''
  tools='(gcc|g\+\+|cc|c\+\+|clang|ld|make|cmake|git|cargo|rustc|go)(-[0-9.]+)?'
  found=$(grep -E "^(usr/)?(local/)?s?bin/${tools}\$" "${files}/list" | sort | tr '\n' ' ') || :
  if [ -n "${found}" ]; then wrong "build tools" "${found}"; else ok "build tools" none; fi
}

health_check() {
  found=$(setting '{{if .Config.Healthcheck}}{{join .Config.Healthcheck.Test " "}}{{end}}')
  case ${found} in
    '' | NONE) wrong "health check" "the image has none" ;;
    *) ok "health check" "${found}" ;;
  esac
}

# An Odoo is really started, beside a PostgreSQL; another image has to stay up for a while.
read_only_start() {
  if [ -n "$(setting '{{index .Config.Labels "io.odoo.series"}}')" ]; then
    if ! present "${postgres}"; then
      not_checked "read-only start" "there is no ${postgres}: set SMOKE_POSTGRES_IMAGE"
    elif SMOKE_POSTGRES_IMAGE=${postgres} sh "$(dirname "$0")/../images/odoo/smoke-test.sh" "${image}" \
      > "${files}/start" 2>&1; then
      ok "read-only start" "$(tail -n 1 "${files}/start")"
    else
      wrong "read-only start" "$(tail -n 1 "${files}/start")"
    fi
    return
  fi
  container=$(docker create --read-only --tmpfs /tmp --tmpfs /run --network none --memory 1g --cpus 1 --pids-limit 256 \
    --cap-drop ALL --security-opt no-new-privileges "${image}")
  docker start "${container}" >/dev/null 2>"${files}/start" || :
  sleep 5
  if [ "$(docker inspect --format '{{.State.Running}}' "${container}")" = true ]; then
    ok "read-only start" "it runs"
  else
    docker logs --tail 1 "${container}" >>"${files}/start" 2>&1 || :
    wrong "read-only start" "it has ended: $(tail -n 1 "${files}/start")"
  fi
  docker rm -f -v "${container}" >/dev/null; container=''
}

# The rule of the gate `scan`, without its exceptions. In a folder where no .trivyignore has trivy look away.
vulnerabilities() {
  result=0
  (cd "${files}" && trivy image --quiet --severity HIGH,CRITICAL --ignore-unfixed --exit-code 10 "${image}") \
    > "${files}/trivy" 2>&1 || result=$?
  case ${result} in
    0) ok vulnerabilities "none HIGH or CRITICAL that has a fix" ;;
    10) cat "${files}/trivy"; wrong vulnerabilities "HIGH or CRITICAL ones that have a fix, as listed" ;;
    *) not_checked vulnerabilities "trivy failed: $(tail -n 1 "${files}/trivy")" ;;
  esac
}

sbom() {
  if syft --quiet "${image}" -o spdx-json=sbom.json > "${files}/syft" 2>&1; then
    ok sbom "sbom.json"
  else
    not_checked sbom "syft failed: $(tail -n 1 "${files}/syft")"
  fi
}

# with TOOL CHECK: the check, or a line that it was not made.
with() {
  if command -v "$1" >/dev/null 2>&1; then "$2"; else not_checked "$2" "$1 is not on the PATH"; fi
}

if ! present "${image}"; then
  echo "IMAGE_NOT_FOUND: Docker has no ${image}: $(tail -n 1 "${files}/pull")" >&2
  exit 69
fi
user
build_tools
health_check
read_only_start
with trivy vulnerabilities
with syft sbom
if [ "${bad}" -ne 0 ]; then exit 1; fi
if [ "${unknown}" -ne 0 ]; then exit 3; fi
