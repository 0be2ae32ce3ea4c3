/** Folder where the set-up of a new host leaves what Pulumi reads: the host key's proof, and the set-up's state. */
export const setupDirectory = "/var/lib/odoo-ship-setup";
/** Log of the set-up. */
export const setupLog = "/var/log/odoo-ship-setup.log";

/** The data's folder on a host with a volume of its own for them. */
export function mountPoint(volume: string): string {
  return `/mnt/${volume}`;
}

export interface UserDataOptions {
  /** Proves the host's key once, see docs/adr/0004-host-key.md; worthless afterwards. Letters, digits. */
  readonly nonce: string;
  /** Name of the DigitalOcean Volume with the data; undefined for none. */
  readonly volume: string | undefined;
  /** User who logs in: root, or a user that is made with passwordless sudo and root's keys. */
  readonly user: string;
}

/**
 * Renders the script that a new Droplet runs once as root. It proves the host key, mounts the data's volume, closes
 * password logins, and installs what is missing. It is safe to run again; on a host that has everything it installs
 * nothing.
 */
export function dropletUserData({ nonce, volume, user }: UserDataOptions): string {
  for (const word of [nonce, user, volume ?? ""]) {
    if (!/^[A-Za-z0-9_.-]*$/.test(word)) {
      throw new Error("a word that has no place in a shell script");
    }
  }
  return [
    header,
    proof(nonce),
    ...(user === "root" ? [] : [login(user)]),
    ssh,
    ...(volume === undefined ? [] : [disk(volume)]),
    docker,
  ].join("\n");
}

const header = `#!/bin/sh
# Sets up a host for Odoo. Written by Pulumi, run once at the first boot; its output is in ${setupLog}.
set -eu
export DEBIAN_FRONTEND=noninteractive
exec >> ${setupLog} 2>&1
setup=${setupDirectory}
mkdir -p "$setup"
step=begin
tell() { step=$1; printf '%s\\n' "$1" > "$setup/state.new"; mv "$setup/state.new" "$setup/state"; echo "$(date -u \
+%H:%M:%S) $1"; }
trap 'status=$?; [ "$status" = 0 ] || tell "failed: $step"' EXIT
apt() { apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::http::Timeout=30 "$@"; }
`;

/**
 * Renders the proof of the host key. Only the host and Pulumi's state know the nonce, so whoever makes the proof has
 * read this script, which only the host is given.
 */
function proof(nonce: string): string {
  return `tell "proving the host key"
command -v python3 > /dev/null || { apt update; apt install --no-install-recommends python3; }
key=/etc/ssh/ssh_host_ed25519_key
[ -e "$key.pub" ] || ssh-keygen -q -t ed25519 -N '' -f "$key"
python3 - "$key.pub" "$setup/proof" << 'EOF'
import hashlib, hmac, os, sys
key = " ".join(open(sys.argv[1]).read().split()[:2])
with open(sys.argv[2] + ".new", "w") as file:
    file.write(hmac.new(b"${nonce}", key.encode(), hashlib.sha256).hexdigest() + "\\n")
os.replace(sys.argv[2] + ".new", sys.argv[2])
EOF
`;
}

function login(user: string): string {
  return `tell "making the user ${user}"
id ${user} > /dev/null 2>&1 || useradd --create-home --shell /bin/bash ${user}
home=$(getent passwd ${user} | cut -d: -f6)
install -d -m 0700 -o ${user} "$home/.ssh"
install -m 0600 -o ${user} /root/.ssh/authorized_keys "$home/.ssh/authorized_keys"
printf '%s\\n' '${user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/odoo-ship
chmod 0440 /etc/sudoers.d/odoo-ship
`;
}

const ssh = `tell "closing password logins"
mkdir -p /etc/ssh/sshd_config.d
# The first value counts, so before the image's own files.
printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication no\\n' > /etc/ssh/sshd_config.d/00-odoo-ship.conf
systemctl try-reload-or-restart ssh.service || systemctl try-reload-or-restart sshd.service || true
`;

function disk(volume: string): string {
  const path = mountPoint(volume);
  return `tell "mounting the volume ${volume}"
device=/dev/disk/by-id/scsi-0DO_Volume_${volume}
if ! mountpoint -q ${path}; then
  tries=0
  while [ ! -e "$device" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 180 ] || { echo "the volume ${volume} was not attached within 3 minutes"; exit 1; }
    sleep 1
  done
  # 2 means that there is nothing at all. Whatever else is found, or cannot be read, is somebody's data: it is never \
formatted.
  found=0
  blkid -p "$device" || found=$?
  if [ "$found" = 2 ]; then
    mkfs.ext4 -q -L odoo-data "$device"
  elif [ "$found" != 0 ]; then
    echo "blkid cannot tell what is on $device (status $found)"; exit 1
  fi
  mkdir -p ${path}
  grep -q " ${path} " /etc/fstab || printf '%s ${path} ext4 defaults,nofail,discard,noatime 0 2\\n' "$device" >> \
/etc/fstab
  mount ${path}
fi
# Without the volume no container starts, rather than an empty database beside the real one.
mkdir -p /etc/systemd/system/docker.service.d
printf '[Unit]\\nRequiresMountsFor=${path}\\n' > /etc/systemd/system/docker.service.d/odoo-data.conf
systemctl daemon-reload
`;
}

const docker = `tell "installing Docker"
if ! docker compose version > /dev/null 2>&1; then
  apt update
  if apt-cache show docker-compose-v2 > /dev/null 2>&1; then
    apt install --no-install-recommends docker.io docker-compose-v2 iptables
  elif apt-cache policy docker-compose | grep -q 'Candidate: 2\\.'; then
    apt install --no-install-recommends docker.io docker-cli docker-compose iptables
  else
    # The distribution's own is too old: Docker's packages, by Docker's key.
    . /etc/os-release
    apt install --no-install-recommends ca-certificates curl
    install -d -m 0755 /etc/apt/keyrings
    curl -fsS --retry 3 --max-time 60 "https://download.docker.com/linux/$ID/gpg" -o /etc/apt/keyrings/docker.asc
    printf 'deb [arch=%s signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/%s %s stable\\n' \\
      "$(dpkg --print-architecture)" "$ID" "$VERSION_CODENAME" > /etc/apt/sources.list.d/docker.list
    apt update
    apt install --no-install-recommends docker-ce docker-ce-cli containerd.io docker-compose-plugin
  fi
fi
systemctl enable --now docker.service
tell "done"

# A release need not wait for this, nor fail with it.
if [ ! -e /etc/apt/apt.conf.d/20auto-upgrades ]; then
  if command -v unattended-upgrade > /dev/null || { apt update && apt install --no-install-recommends \
unattended-upgrades; }; then
    printf 'APT::Periodic::Update-Package-Lists "1";\\nAPT::Periodic::Unattended-Upgrade "1";\\n' > \
/etc/apt/apt.conf.d/20auto-upgrades
  else
    echo "security updates are not installed by themselves: the package unattended-upgrades cannot be had"
  fi
fi
`;
