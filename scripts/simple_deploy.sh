#!/bin/sh
# Deploys an image to a VPS by hand: the same release as `pulumi up` makes, with the settings that the host has.
#
#   scripts/simple_deploy.sh [user@host] repository@sha256:…
#   scripts/simple_deploy.sh                                    on the host: says what serves, and deploys nothing
#
# Without a host it deploys to this machine. Either one was installed by `pulumi up`. odoo-ship does the work: it goes
# on when this script, or the connection, ends. The next `pulumi up` deploys again what the stack's configuration says.
#
# SIMPLE_DEPLOY_LIMIT  seconds to wait for the end (default: 7200)
# Exit status: 0 the image serves; 1 the release failed, and the host serves what it served; 64 wrong call; 69 the host
# cannot be asked, and nothing was changed; 75 not ended within the limit, or the end is not known.
set -eu

limit=${SIMPLE_DEPLOY_LIMIT:-7200}

fail() { # STATUS CODE SUMMARY FOUND EXPECTED REMEDY
  printf '%s: %s\n  found:    %s\n  expected: %s\n  remedy:   %s\n' "$2" "$3" "$4" "$5" "$6" >&2
  exit "$1"
}

# Takes the place of the subshell that it is called in, so that a signal reaches it. The image's characters were checked
# above: none of them means anything to a shell.
on_host() {
  if [ "${host}" = '' ]; then
    exec sh -c "$1"
  else
    exec ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15 \
      -o ServerAliveInterval=15 -o ServerAliveCountMax=4 "${host}" "$1"
  fi
}

as_root() { # COMMAND: as the user who logged in, if that is root
  # shellcheck disable=SC2016 # the host is to expand it
  printf 'if [ "$(id -u)" = 0 ]; then exec %s; else exec sudo -n %s; fi' "$1" "$1"
}

usage() {
  echo "usage: simple_deploy.sh [user@host] repository@sha256:…   (pulumi stack output: vpsAddress, imageReference)" >&2
  exit 64
}

host=''
case $# in
  0)
    if command -v odoo-ship >/dev/null 2>&1; then (on_host "$(as_root 'odoo-ship status')") || :; fi
    usage ;;
  1) image=$1 ;;
  2) host=$1 image=$2 ;;
  *) usage ;;
esac
case ${host} in -* | *[!A-Za-z0-9@._:/%-]*) usage ;; esac
case ${image} in -*) usage ;; esac
# No reference has a new line in it, which grep would not see: it looks at each line by itself.
case ${image} in *[!a-z0-9@._:/-]*) valid=no ;; *) valid=yes ;; esac
pattern='[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}'
if [ "${valid}" = no ] || ! printf '%s\n' "${image}" | LC_ALL=C grep -Eqx "${pattern}"; then
  fail 64 IMAGE_NOT_FOUND "an image is deployed by its digest" "${image}" \
    "repository@sha256: and 64 hexadecimal digits" "pulumi stack output imageReference"
fi
case ${limit} in
  '' | 0* | *[!0-9]*) fail 64 SETTINGS_INVALID "SIMPLE_DEPLOY_LIMIT is no number" "${limit}" "seconds" "unset it" ;;
esac

messages=$(mktemp)
watch='' work=''
end() {
  status=$?
  trap - EXIT
  for job in ${watch} ${work}; do kill "${job}" 2>/dev/null || :; done
  rm -f "${messages}"
  exit "${status}"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Nothing is changed before this answers.
reached=0
(on_host "$(as_root 'odoo-ship status')") >/dev/null 2>"${messages}" || reached=$?
if [ "${reached}" -ne 0 ]; then
  found=$(tail -n 1 "${messages}")
  case $(cat "${messages}") in
    *'Host key verification failed'*)
      fail 69 HOST_KEY_MISMATCH "the host is not the one that is known" "${found}" "the host's key in known_hosts" \
        "compare the key with the setting vps:hostKey, then put that line into known_hosts" ;;
    *'Permission denied'*)
      fail 69 HOST_LOGIN_REFUSED "the host refuses the login" "${found}" "a key that may log in" \
        "name the user, and load the key: ssh-add" ;;
    *'a password is required'* | *'sudo: '*'not found'*)
      fail 69 HOST_LOGIN_REFUSED "odoo-ship needs root" "${found}" "root, or sudo without a password" \
        "log in as vps:user" ;;
    *odoo-ship*'not found'* | *odoo-ship*'No such file'*)
      fail 69 RELEASE_INCOMPLETE "nothing is installed on the host" "${found}" "a first install" "run pulumi up" ;;
  esac
  if [ "${host}" != '' ] && [ "${reached}" -eq 255 ]; then
    fail 69 HOST_UNREACHABLE "the host does not answer" "${found:-no answer}" "SSH at ${host}" \
      "check the address, the firewall and the host"
  fi
  cat "${messages}" >&2
  exit 69
fi

# In the background, so that the limit and an interrupt are felt at once.
command=$(as_root "odoo-ship deploy --image ${image}")
started=$(date +%s)
# It looks each second whether this script still runs, since a signal that comes as it begins would be lost. Nobody who
# reads what this script says waits for it.
(
  left=${limit}
  while [ "${left}" -gt 0 ] && kill -0 $$; do sleep 1; left=$((left - 1)); done
  [ "${left}" -gt 0 ] || kill -USR1 $$
) </dev/null >/dev/null 2>&1 &
watch=$!
too_late() {
  fail 75 DEPLOY_TIMEOUT "the release has not ended" "still under way after ${limit} s" "an end" \
    "the host goes on: odoo-ship status tells how far it is"
}
trap too_late USR1

result=255
while :; do
  on_host "${command}" &
  work=$!
  result=0
  wait "${work}" || result=$?
  work=''
  # 255 is ssh's own failure: the host goes on, and is asked for the outcome of what it has.
  if [ "${host}" = '' ] || [ "${result}" -ne 255 ] || [ $(($(date +%s) - started)) -ge "${limit}" ]; then break; fi
  echo "the connection broke off; the host goes on. Connecting again …" >&2
  sleep 5
  command=$(as_root 'odoo-ship resume')
done

if [ "${result}" -ne 0 ]; then
  exit "$([ "${result}" -eq 255 ] && echo 75 || echo 1)"
fi
# Also after a broken connection: what runs now is what was asked for.
if ! on_host "$(as_root 'odoo-ship status')" | grep -q "^live .*${image#*@}"; then
  fail 75 RELEASE_MISMATCH "another image serves than was asked for" "see odoo-ship status" "${image}" \
    "run this script again"
fi
echo "${image} serves"
