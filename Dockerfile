# hadolint global ignore=DL3002,DL3003,DL3008,DL3009,DL3013,DL4006,SC2086
# Made by "npm run docs" of images/odoo and Pulumi.staging.yaml: do not edit.
#
#   docker build -t odoo .                       the files that "pulumi up" builds, for a look on one machine
#   docker build --target builder -t builder .   up to one stage: builder, python, check, test, runtime
#
# Docker 23 or newer; an older one with DOCKER_BUILDKIT=1. A release is what "pulumi up" builds: it also has commit,
# date and labels, by which hosts, registry and rollbacks know it.
#
# Lists of words are unquoted on purpose; versions are the base's, by its digest; each pipe's end is looked at; stages
# that build are root's, and are not shipped.
#
# Odoo Community with a team's addons, on a base image that is pinned by digest ("delta" flavour).
# Stages: system -> tools -> trusting -> builder (wheels) -> python -> startable -> runtime. `fetched` has repositories of
# addons. `check` starts Odoo in what runtime is made of, and looks at the addons that runtime copies. `test` is for
# people: gates try the image itself. A step that fails says why, in a line `CODE: reason` of the log. No build argument
# is secret: BuildKit prints them. There is no syntax line on purpose: the built-in frontend of Docker 20.10 is enough, and nothing has to be
# downloaded for it. The Dockerfile at the root of the project is made of this one: npm run docs.
ARG BASE_IMAGE="docker.io/library/odoo:18.0@sha256:259fa933bf3ee7f3e375bd74d1e0bc28bd75955159723be477359e0fdb8acf67"


# ---- system: the base, its security updates, and what the settings add to it -----------------------------------------
FROM ${BASE_IMAGE} AS system
USER 0:0
ARG DEBIAN_FRONTEND=noninteractive
ARG SYSTEM_PACKAGES=""
ARG LOCALES=""
ARG POSTGRESQL_CLIENT="15"
# A value means "with the security updates as of then", and a new value is the only thing that fetches them again.
ARG EPOCH="1"
RUN set -eu; \
    fail() { echo "BUILD_FAILURE: $1" >&2; exit 1; }; \
    packages="tini ${SYSTEM_PACKAGES}"; \
    if [ -n "${LOCALES}" ]; then packages="${packages} locales"; fi; \
    client=$(psql --version 2>/dev/null | sed -E 's/^psql \(PostgreSQL\) ([0-9]+).*/\1/'); \
    if [ "${client:-0}" -lt "${POSTGRESQL_CLIENT:-0}" ]; then \
      packages="${packages} postgresql-client-${POSTGRESQL_CLIENT}"; \
    fi; \
    apt-get update || fail "the package lists cannot be had"; \
    if [ -n "${EPOCH}" ]; then \
      apt-get upgrade -y --no-install-recommends || fail "the security updates (epoch ${EPOCH}) cannot be installed"; \
    fi; \
    apt-get install -y --no-install-recommends ${packages} \
      || fail "a system package cannot be installed (${packages})"; \
    for locale in ${LOCALES}; do \
      localedef -i "${locale%%.*}" -f "${locale#*.}" "${locale}" \
        || fail "locale ${locale} is unknown (example: en_US.UTF-8)"; \
    done; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old \
      /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/aux-cache


# ---- tools: compilers and git stay here ------------------------------------------------------------------------------
FROM system AS tools
RUN set -eu; \
    { apt-get update && apt-get install -y --no-install-recommends \
        build-essential git python3-dev python3-venv \
        libpq-dev libldap2-dev libsasl2-dev libffi-dev libxml2-dev libxslt1-dev; } \
      || { echo "BUILD_FAILURE: the compilers cannot be installed" >&2; exit 1; }


# ---- files: the build context of "pulumi up", laid out of the project ---------------------------------------------
FROM tools AS files
ARG SERIES="18.0"
ARG ADDONS="addons"
ARG OCA_ADDONS=""
ARG REPOSITORIES=""
ARG CA_FILE=""
ARG PYTHON_PACKAGES="anthropic==0.36.0"
ARG MODULES_REQUIRED="release_info"
WORKDIR /project
RUN --mount=type=bind,target=/project \
    python3 -B images/odoo/plain_context.py /files "${SERIES}" --addons ${ADDONS} --oca ${OCA_ADDONS} \
      --repository ${REPOSITORIES} --ca "${CA_FILE}" --package ${PYTHON_PACKAGES} \
      --require ${MODULES_REQUIRED} release_info


# ---- trusting: what the system trusts, and the authority of the setting image:caFile ---------------------------------
FROM tools AS trusting
RUN --mount=type=bind,from=files,source=/files/ca,target=/ca \
    for file in /etc/ssl/certs/ca-certificates.crt /ca/*.crt; do \
      if [ -f "${file}" ]; then cat "${file}"; fi; \
    done > /bundle.pem


# ---- fetched: repositories of addons, each at one commit -------------------------------------------------------------
FROM trusting AS fetched
RUN --mount=type=bind,from=files,source=/files/repositories.py,target=/repositories.py \
    --mount=type=bind,from=files,source=/files/repositories.json,target=/repositories.json \
    GIT_SSL_CAINFO=/bundle.pem python3 -B /repositories.py fetch /repositories.json /fetched


# ---- builder: wheels leave -------------------------------------------------------------------------------------------
FROM trusting AS builder
ARG PYTHON_PACKAGES="anthropic==0.36.0"
# An argument is pip's setting during the build and does not stay in the image.
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
ARG PIP_NO_INPUT=1
# Files with hashes are taken as they are: they name all that they need, but for what the base has, as Odoo itself for
# OCA's wheels. The rest is resolved against what the base has, so that only what is missing
# becomes a wheel: a virtual environment sees the base's packages and never touches them.
RUN --mount=type=bind,from=files,source=/files/requirements,target=/requirements \
    --mount=type=bind,from=fetched,source=/fetched/requirements,target=/fetched \
    --mount=type=cache,target=/root/.cache/pip \
    set -eu; mkdir /wheels; cd /tmp; python3 -m venv --system-site-packages /venv; pip=/venv/bin/pip; \
    fail() { \
      code=BUILD_FAILURE; \
      if grep -qE "ResolutionImpossible|conflicting dependencies" pip.log; then code=PIP_DEPENDENCY_CONFLICT; fi; \
      echo "${code}: $1: $(grep -E '^ *(ERROR|error):?' pip.log | head -3 | tr '\n' ' ')" >&2; exit 1; \
    }; \
    run() { result=0; "$@" > pip.log 2>&1 || result=$?; cat pip.log; return "${result}"; }; \
    export PIP_CERT=/bundle.pem GIT_SSL_CAINFO=/bundle.pem; \
    plain=""; \
    for file in /requirements/*.txt /fetched/*.txt; do \
      [ -f "${file}" ] || continue; \
      if grep -q -e '--hash=' "${file}"; then \
        run ${pip} wheel --no-deps --require-hashes --wheel-dir /wheels -r "${file}" \
          || fail "$(basename "${file}") (with hashes)"; \
      else plain="${plain} -r ${file}"; fi; \
    done; \
    if ls /wheels/*.whl > wheels.txt 2>&1; then \
      run ${pip} install --no-index --no-deps /wheels/*.whl || fail "wheels of the locked requirements"; \
    fi; \
    if [ -n "${plain}${PYTHON_PACKAGES}" ]; then \
      ${pip} freeze --local | sort > locked.txt; \
      run ${pip} install ${plain} ${PYTHON_PACKAGES} || fail "Python requirements"; \
      ${pip} freeze --local | sort | comm -13 locked.txt - > missing.txt; \
      run ${pip} wheel --no-deps --wheel-dir /wheels -r missing.txt || fail "wheels of the requirements"; \
    fi
# Whoever types `pytest` here is told what runs the tests of addons.
COPY --from=files --chmod=0755 /files/no-pytest.sh /usr/local/bin/pytest


# ---- python: wheels installed, nothing else --------------------------------------------------------------------------
FROM system AS python
ARG PYTHON_PACKAGES="anthropic==0.36.0"
# Debian marks its Python as "externally managed".
ARG PIP_BREAK_SYSTEM_PACKAGES=1
ARG PIP_ROOT_USER_ACTION=ignore
ARG PIP_DISABLE_PIP_VERSION_CHECK=1
# --ignore-installed: a newer version goes beside the distribution's, which pip must not remove.
# A base may be at odds with itself already; what counts is a conflict that our packages add.
RUN --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=builder,source=/wheels,target=/tmp/wheels \
    set -eu; cd /tmp; \
    set -- wheels/*.whl; [ -f "$1" ] || exit 0; \
    if python3 -m pip check > before.txt; then : > before.txt; fi; \
    python3 -m pip install --no-cache-dir --no-index --no-deps --ignore-installed "$@" \
      || { echo "BUILD_FAILURE: the wheels cannot be installed" >&2; exit 1; }; \
    if ! python3 -m pip check > after.txt && grep -vxFf before.txt after.txt > new.txt; then \
      echo "PIP_DEPENDENCY_CONFLICT: $(tr '\n' ';' < new.txt)" >&2; exit 1; \
    fi
RUN for package in ${PYTHON_PACKAGES}; do \
      [ "${package%%[!a-z]*}" = anthropic ] || continue; \
      python3 -B -c "import anthropic" \
        || { echo "ANTHROPIC_SDK_MISSING: ${package} is configured and cannot be imported" >&2; exit 1; }; \
    done
# Odoo's own modules by content: seconds, and only when something above changes. A database's release marker names
# such hashes.
COPY --from=files --chmod=0755 /files/modules.py /opt/odoo/
RUN python3 -I -B /opt/odoo/modules.py --base > /opt/odoo/core-modules.json


# ---- startable: all of runtime but the addons ------------------------------------------------------------------------
FROM python AS startable
ARG ODOO_UID="100"
ARG ODOO_GID="101"
# /run belongs to whoever starts the container: a tmpfs mounted there takes this mode.
RUN chmod 1777 /run && install -d -o "${ODOO_UID}" -g "${ODOO_GID}" -m 0700 /run/odoo && rm -f /etc/odoo/odoo.conf
COPY --from=files --chmod=0644 /files/odoo.conf /etc/odoo/
COPY --from=files --chown=${ODOO_UID}:${ODOO_GID} --chmod=0644 /files/where-the-log-is.txt /var/log/odoo/odoo-server.log
COPY --from=files --chmod=0755 /files/entrypoint.py /files/by_hand.py /files/command.py /files/configuration.py /opt/odoo/
COPY --from=files --chmod=0755 /files/guard.py /files/fence.py /files/probes.py /files/quiet.py /files/ready.py /files/release_marker.py /files/sockets.py /files/waiting.py /opt/odoo/
# First on the PATH, for people in a container that runs.
RUN mkdir /opt/odoo/bin && ln -s odoo-server.log /var/log/odoo/odoo.log \
 && for name in odoo odoo-bin psql pg_dump; do ln -s ../by_hand.py "/opt/odoo/bin/${name}"; done
# Python reads no packages from the home directory, which a volume keeps.
ENV ODOO_RC=/run/odoo/odoo.conf PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1 PATH=/opt/odoo/bin:${PATH}
EXPOSE 8069 8072
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
  CMD ["python3", "-I", "/opt/odoo/entrypoint.py", "healthcheck"]
USER ${ODOO_UID}:${ODOO_GID}
# The entrypoint itself becomes `tini -- odoo` once the secrets are out of the environment.
ENTRYPOINT ["python3", "-I", "/opt/odoo/entrypoint.py"]
CMD ["odoo"]


# ---- check: runtime copies from here, so nothing is made of a wrong base, a broken Odoo or wrong addons --------------
FROM startable AS check
USER 0:0
ARG SERIES="18.0"
ARG ODOO_UID="100"
ARG ODOO_GID="101"
ARG TARGETARCH
ARG WKHTMLTOPDF_VERSION="0.12.6"
RUN set -u; failed=0; \
    wrong() { echo "$1: $2: found '$3', expected '$4'" >&2; failed=1; }; \
    processor=$(dpkg --print-architecture); \
    [ "${processor}" = "${TARGETARCH:-${processor}}" ] \
      || wrong PLATFORM_UNSUPPORTED "processor of the base image" "${processor}" "${TARGETARCH}"; \
    uid=$(id -u odoo); gid=$(id -g odoo); \
    [ "${uid}" = "${ODOO_UID}" ] || wrong BASE_IMAGE_INVALID "uid of the user odoo" "${uid}" "${ODOO_UID}"; \
    [ "${gid}" = "${ODOO_GID}" ] || wrong BASE_IMAGE_INVALID "gid of the user odoo" "${gid}" "${ODOO_GID}"; \
    version=$(PATH=${PATH#/opt/odoo/bin:}; odoo --version 2>&1 | grep "^Odoo Server"); \
    case "${version}" in \
      "Odoo Server ${SERIES}"|"Odoo Server ${SERIES}-"*) ;; \
      *) wrong BASE_IMAGE_INVALID "series of Odoo" "${version}" "${SERIES}" ;; \
    esac; \
    pdf=$(wkhtmltopdf --version 2>/dev/null | sed 's/^wkhtmltopdf //'); \
    case "${pdf}" in \
      "${WKHTMLTOPDF_VERSION}"*) ;; \
      *) wrong WKHTMLTOPDF_MISMATCH "version of wkhtmltopdf" "${pdf}" "${WKHTMLTOPDF_VERSION}" ;; \
    esac; \
    exit ${failed}
# As a container of the release does it: by its user, through its entrypoint. `--version` alone passes with an Odoo that
# cannot be imported; only the process for live messages loads gevent.
USER ${ODOO_UID}:${ODOO_GID}
RUN set -u; \
    fail() { echo "$1: $2: $(printf "%s" "$3" | tail -1)" >&2; exit 1; }; \
    said=$(python3 -I /opt/odoo/entrypoint.py odoo --version 2>&1) \
      || fail ENTRYPOINT_ERROR "the image does not start Odoo" "${said}"; \
    said=$(ODOO_RC=/etc/odoo/odoo.conf python3 -B -c \
        "import gevent, odoo.service.server, odoo.addons.base, odoo.addons.web" 2>&1) \
      || fail IMPORT_ERROR "Odoo cannot be imported, as when a requirement replaces a package that it needs" "${said}"
USER 0:0
COPY --from=files /files/addons_*.py /files/enterprise-modules.txt /files/repositories.py /check/
COPY --from=files /files/extra-addons /out/opt/odoo/extra-addons
COPY --from=files /files/oca-addons /out/mnt/oca-addons
ARG MODULES_REQUIRED="release_info"
# Only what has another owner or mode is changed: whatever is, is copied into this layer, and nearly all is right.
RUN --mount=type=bind,from=fetched,source=/fetched/addons,target=/fetched \
    set -eu; \
    set -- --in-image --series "${SERIES}" --base /opt/odoo/core-modules.json; \
    for folder in /out/mnt/oca-addons /fetched/*; do \
      if [ -d "${folder}" ] && [ -n "$(ls "${folder}")" ]; then set -- "$@" --optional "${folder}"; fi; \
    done; \
    set -- "$@" /out/opt/odoo/extra-addons; \
    for module in ${MODULES_REQUIRED}; do set -- "$@" --require "${module}"; done; \
    checked=0; report=/check/report.txt; \
    python3 -B /check/addons_check.py "$@" > "${report}" 2>&1 || checked=$?; \
    cat "${report}"; \
    if [ "${checked}" -ne 0 ]; then \
      awk '/^error / { code = $2; where = $3; getline; sub(/^ +/, ""); print code ": " where ": " $0 }' "${report}" \
        >&2; \
      exit 1; \
    fi; \
    if [ -n "$(ls /fetched)" ]; then \
      python3 -B /check/addons_check.py --json "$@" > /check/report.json; \
      python3 -B /check/repositories.py take /check/report.json /fetched /out/mnt/oca-addons; \
    fi; \
    find /out ! \( -user 0 -group 0 \) -exec chown -h 0:0 {} +; \
    find /out \( -type d ! -perm 0755 -o -type f ! -perm 0644 ! -perm 0755 \) -exec chmod u=rwX,go=rX,a-st {} +; \
    mkdir -p /out/mnt/extra-addons; \
    find /out/opt/odoo/extra-addons -mindepth 1 -maxdepth 1 -type d -printf '/opt/odoo/extra-addons/%f\0' \
      | xargs -0 -r ln -s -t /out/mnt/extra-addons


# ---- test: the addons with the tools of the test gate; never shipped -------------------------------------------------
FROM python AS test
ARG TEST_PACKAGES="coverage==7.6.1"
RUN --mount=type=bind,from=files,source=/files/ca,target=/ca \
    set -eu; cat /etc/ssl/certs/ca-certificates.crt > /tmp/bundle.pem; \
    for file in /ca/*.crt; do if [ -f "${file}" ]; then cat "${file}" >> /tmp/bundle.pem; fi; done; \
    PIP_CERT=/tmp/bundle.pem python3 -m pip install --no-cache-dir ${TEST_PACKAGES} \
      || { echo "BUILD_FAILURE: the test tools cannot be installed" >&2; exit 1; }
COPY --from=files /files/entrypoint.py /files/command.py /files/configuration.py /files/release_marker.py /files/waiting.py /opt/odoo/
COPY --from=files /files/odoo.conf /etc/odoo/
COPY --from=check /out/ /
ARG ODOO_UID="100"
ARG ODOO_GID="101"
USER ${ODOO_UID}:${ODOO_GID}
ENTRYPOINT ["python3", "-I", "/opt/odoo/entrypoint.py"]


# ---- runtime ---------------------------------------------------------------------------------------------------------
FROM startable AS runtime
ARG ODOO_UID="100"
ARG ODOO_GID="101"
# All of it changes with the addons or the commit, and costs next to nothing.
COPY --from=check /out/mnt/oca-addons /mnt/oca-addons
COPY --from=check /out/opt/odoo/extra-addons /opt/odoo/extra-addons
COPY --from=check /out/mnt/extra-addons /mnt/extra-addons
ARG SERIES="18.0"
ARG REVISION=""
ARG VERSION="by-hand"
ARG CREATED=""
ARG CONTENT_HASH=""
USER 0:0
RUN --mount=type=tmpfs,target=/tmp --mount=type=bind,from=files,source=/files/modules.json,target=/tmp/modules.json \
    python3 -B -c "import json, os, sys; sys.path.insert(0, '/opt/odoo'); import modules; e = os.environ; \
    fetched = modules.from_directories(['/mnt/oca-addons']); \
    release = {'version': e['VERSION'], 'revision': e['REVISION'], 'created': e['CREATED'], 'series': e['SERIES']}; \
    release |= {'contentHash': e['CONTENT_HASH'], 'modules': fetched | json.load(open('/tmp/modules.json'))}; \
    open('/opt/odoo/release.json', 'w').write(json.dumps(release, indent=2, sort_keys=True) + chr(10))"
USER ${ODOO_UID}:${ODOO_GID}
ARG SOURCE=""
ARG BASE_NAME="docker.io/library/odoo:18.0"
ARG BASE_DIGEST=""
# After the last step that runs anything: it may be more than a variable holds.
ARG MODULES="{}"
LABEL org.opencontainers.image.title="odoo" \
      org.opencontainers.image.licenses="LGPL-3.0-only" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE_NAME}" \
      org.opencontainers.image.base.digest="${BASE_DIGEST}" \
      io.odoo.probe-port="8070" \
      io.odoo.series="${SERIES}" \
      io.odoo.content-hash="${CONTENT_HASH}" \
      io.odoo.modules="${MODULES}"
