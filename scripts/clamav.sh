#!/bin/sh
# Installs ClamAV and its signatures of today on Debian or Ubuntu. Safe to run again.
set -eu
root=''
[ "$(id -u)" = 0 ] || root=sudo
$root apt-get update -qq
$root apt-get install -qq --yes --no-install-recommends clamav clamav-freshclam
# The package begins to fetch signatures by itself, and two at once refuse each other.
if [ -d /run/systemd/system ]; then $root systemctl stop clamav-freshclam; fi
$root freshclam --quiet
clamscan --version
