import { ShipError } from "../shared/errors";
import { type Finding, foreignFindings, type Lines } from "./foreign";
import { names } from "./names";
import type { HostConnection } from "./ssh";

/** Facts that a look at a host tells. It changes nothing there. */
export interface HostFacts {
  readonly os: string;
  readonly docker: string;
  readonly compose: string;
  readonly python: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** Prefix of each command that needs root: empty for root, else `sudo -n `. */
  readonly asRoot: "" | "sudo -n ";
}

/**
 * Free space that a first release needs: its images, room to unpack, a database that grows. As in the build procedure.
 * A later one needs enough for its worker to begin, which knows the rest, and clears away what nothing can go back to.
 */
const neededBytes = { first: 10e9, later: 0.5e9 };
const neededVersions = { docker: [20, 10], compose: [2, 20], python: [3, 9] } as const;
const allowedSkewSeconds = 300;
/** Containers that hold a port of ours: by an earlier layout Odoo's own has one. */
const holders: readonly string[] = [names.containers.proxy, names.containers.odoo];
/** `uname -m` by Docker's name of the platform. */
const machines: Readonly<Record<string, string>> = { "linux/amd64": "x86_64", "linux/arm64": "aarch64" };

/**
 * Reads, and changes nothing. It prints one line `key=value` for each thing that is there; a missing line says as much.
 * It is POSIX sh, and for each tool that a small image may lack it has another way.
 */
const script = `LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/local/bin; export PATH
say() { [ -z "$2" ] || printf '%s=%s\\n' "$1" "$(printf '%s' "$2" | tr '\\n' ' ')"; }
limited() { if command -v timeout >/dev/null 2>&1; then timeout 20 "$@"; else "$@"; fi; }
free() { at=$1; while [ ! -d "$at" ]; do at=$(dirname "$at"); done; df -Pk "$at" | awk 'NR == 2 { printf "%.0f", $4 * \
1024 }'; }
say os "$(. /etc/os-release 2>/dev/null && printf %s "$PRETTY_NAME")"
say kernel "$(uname -sr)"
say machine "$(uname -m)"
case "$(readlink -f "$(command -v docker)" 2>/dev/null)" in /snap/*|/usr/bin/snap) say snap docker ;; esac
[ -d /run/systemd/system ] && say systemd running
if [ "$(id -u)" = 0 ]; then root=; say root root; elif sudo -n true 2>/dev/null; then root='sudo -n'; say root sudo; \
else root=false; fi
say python "$(python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)"
say client "$(docker --version 2>/dev/null | sed -n 's/^Docker version \\([^,]*\\),.*/\\1/p')"
say docker "$(limited $root docker version --format '{{.Server.Version}}' 2>/dev/null | head -n 1)"
say compose "$(limited $root docker compose version --short 2>/dev/null | head -n 1)"
say disk:/var/lib/docker "$(free /var/lib/docker)"
say disk:/var/lib "$(free /var/lib)"
say memory "$(awk '/^MemTotal:/ { printf "%d", $2 / 1024 }' /proc/meminfo)"
say cpus "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
$root test -d /var/lib/odoo-ship/releases 2>/dev/null && say ours yes
[ -z "$($root ls -A /opt/odoo 2>/dev/null)" ] || say folder /opt/odoo
limited $root docker ps --all --no-trunc --format '{{.Names}}|{{.Label "com.docker.compose.project"}}|{{.Label \
"com.docker.compose.project.working_dir"}}|{{.Mounts}}' 2>/dev/null | awk '{ print "container:" NR "=" $0 }'
for port in 80 443 8069; do
  by=$(limited $root docker ps --filter "publish=$port" --format '{{.Names}}' 2>/dev/null | head -n 1)
  hex=$(printf ':%04X' "$port")
  if [ -z "$by" ] && cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v p="$hex" '$4 == "0A" && substr($2, \
length($2) - 4) == p { f = 1 } END { exit !f }'; then
    by=$($root ss -Hltnp "sport = :$port" 2>/dev/null | sed -n 's/.*users:(("\\([^"]*\\)".*/\\1/p' | head -n 1)
    by=\${by:-a program}
  fi
  say "port:$port" "$by"
done
[ -z "$1" ] || { awk -v at="$1" '$2 == at { f = 1 } END { exit !f }' /proc/mounts && say mounted "$1"; }
say time "$(date +%s)"
`;

export interface HostNeeds {
  /** Folder that must be a mount of its own, since data is to lie there; undefined for none. */
  readonly mount?: string | undefined;
  /** Docker's platform of the image, `linux/amd64`; undefined for any. */
  readonly platform?: string | undefined;
}

/**
 * Looks at the host once and says whether it can run Odoo.
 * @throws ShipError as {@link judgeHost}; HOST_UNREACHABLE
 */
export async function probeHost(connection: HostConnection, host: string, needs: HostNeeds = {}): Promise<HostFacts> {
  // The script comes by standard input: nothing has to be quoted, and the login shell may be any.
  const { stdout } = await connection.exec(`sh -s -- ${needs.mount ?? ""}`, { stdin: script, limitMs: 90_000 });
  return judgeHost(host, stdout, Date.now(), needs);
}

/**
 * Judges the probe's lines.
 * @param now milliseconds since 1970 at this machine
 * @throws ShipError with the first finding's code and every finding in the message: TOOL_MISSING for Docker, Compose,
 *   Python or systemd that are not there, HOST_UNFIT for what is too old or forbidden, PORT_TAKEN, DISK_SPACE_LOW
 */
export function judgeHost(host: string, report: string, now: number, needs: HostNeeds = {}): HostFacts {
  const line = new Map(
    report
      .split("\n")
      .filter((text) => text.includes("="))
      .map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1).trim()]),
  );
  const findings = [
    ...toolFindings(line),
    ...rightFindings(line),
    ...foreignFindings(line),
    ...machineFindings(line, needs),
    ...placeFindings(line, needs),
    ...clockFindings(line, now),
  ];
  const [first] = findings;
  if (first !== undefined) {
    const [several, total] = [findings.length > 1, findings.length];
    const lines = (pick: (finding: Finding) => string) => [...new Set(findings.map(pick))].join("\n");
    throw new ShipError({
      code: first.code,
      summary:
        `the host ${host} cannot run Odoo as it is${several ? ` (${total} findings)` : ""}; ` +
        "nothing there was changed",
      found: several ? findings.map(({ code, found }) => `${code}: ${found}`).join("\n") : first.found,
      expected: lines(({ expected }) => expected),
      remedy: `${lines(({ remedy }) => remedy)}\nthen run the same command again`,
    });
  }
  return {
    os: line.get("os") ?? line.get("kernel") ?? "",
    docker: line.get("docker") ?? "",
    compose: line.get("compose") ?? "",
    python: line.get("python") ?? "",
    memoryMiB: Number(line.get("memory") ?? 0),
    cpus: Number(line.get("cpus") ?? 0),
    asRoot: line.get("root") === "sudo" ? "sudo -n " : "",
  };
}

function toolFindings(line: Lines): Finding[] {
  const findings: Finding[] = [];
  const missing = (what: string, remedy: string) =>
    findings.push({ code: "TOOL_MISSING", found: `no ${what}`, expected: `${what} on the host`, remedy });
  const tooOld = (what: string, found: string | undefined, needed: readonly [number, number], remedy: string) => {
    if (found !== undefined && isOlder(found, needed)) {
      findings.push({
        code: "HOST_UNFIT",
        found: `${what} ${found}`,
        expected: `${what} ${needed.join(".")} or newer`,
        remedy,
      });
    }
  };
  if (!line.has("systemd")) {
    missing("systemd that runs", "use a host whose first process is systemd, as Debian's and Ubuntu's is");
  }
  if (!line.has("python")) {
    missing("Python 3", "install the package python3 on the host");
  }
  tooOld("Python", line.get("python"), neededVersions.python, "use a newer release of the host's distribution");
  const install = "install Docker and its Compose plugin on the host: https://docs.docker.com/engine/install/";
  if (!line.has("client") && !line.has("docker")) {
    missing("Docker", install);
    return findings;
  }
  // Without the right to ask nothing is known of the engine. The missing right is a finding of its own.
  if (line.has("root") && !line.has("docker")) {
    const remedy = "on the host: systemctl enable --now docker, and read journalctl -u docker if it does not start";
    findings.push({
      code: "HOST_UNFIT",
      found: "Docker's engine does not answer",
      expected: "a Docker engine that runs",
      remedy,
    });
  }
  tooOld("Docker", line.get("docker"), neededVersions.docker, install);
  if (line.has("root") && !line.has("compose")) {
    missing("Docker Compose plugin", install);
  }
  tooOld("Docker Compose", line.get("compose"), neededVersions.compose, install);
  return findings;
}

function rightFindings(line: Lines): Finding[] {
  return line.has("root")
    ? []
    : [
        {
          code: "HOST_UNFIT",
          found: "a user who is not root, and whom sudo asks for a password or refuses",
          expected: "root, or a user with passwordless sudo",
          remedy:
            "on the host, as root: echo '<user> ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/odoo-ship, or set vps:user",
        },
      ];
}

function machineFindings(line: Lines, { platform }: HostNeeds): Finding[] {
  const findings: Finding[] = [];
  const machine = line.get("machine");
  if (platform !== undefined && machine !== undefined && machine !== (machines[platform] ?? machine)) {
    const fitting = Object.keys(machines).find((name) => machines[name] === machine);
    findings.push({
      code: "HOST_UNFIT",
      found: `the host is ${machine}, the image ${platform}`,
      expected: "an image for the host's processor",
      remedy: fitting === undefined ? "use another host" : `pulumi config set image:platform ${fitting}`,
    });
  }
  if (line.has("snap")) {
    findings.push({
      code: "HOST_UNFIT",
      found: "Docker from snap, which sees only a part of the host's folders",
      expected: "Docker of the distribution, or Docker's own packages",
      remedy: "snap remove docker, then https://docs.docker.com/engine/install/",
    });
  }
  return findings;
}

function placeFindings(line: Lines, needs: HostNeeds): Finding[] {
  const findings: Finding[] = [];
  for (const port of [80, 443, 8069]) {
    const holder = line.get(`port:${port}`);
    if (holder !== undefined && !holders.includes(holder)) {
      findings.push({
        code: "PORT_TAKEN",
        found: `port ${port} is held by ${holder}`,
        expected: "ports 80, 443 and 8069 free for the proxy",
        remedy: "stop what holds the port, and keep it from starting again (systemctl disable --now <service>)",
      });
    }
  }
  if (needs.mount !== undefined && line.get("mounted") !== needs.mount) {
    findings.push({
      code: "HOST_UNFIT",
      found: `nothing is mounted at ${needs.mount}`,
      expected:
        `the data's own volume at ${needs.mount}: without it an empty database would be made beside the ` + "real one",
      remedy: `attach the volume, then on the host: mount ${needs.mount}`,
    });
  }
  const needed = line.get("ours") === "yes" ? neededBytes.later : neededBytes.first;
  for (const place of ["/var/lib/docker", "/var/lib"]) {
    const free = Number(line.get(`disk:${place}`) ?? Number.NaN);
    if (free < needed) {
      findings.push({
        code: "DISK_SPACE_LOW",
        found: `${(free / 1e9).toFixed(1)} GB free at ${place}`,
        expected: `${needed / 1e9} GB free`,
        remedy: "on the host: docker system df shows what Docker has there; free some, or enlarge the disk",
      });
    }
  }
  return findings;
}

function clockFindings(line: Lines, now: number): Finding[] {
  const skew = Math.round(Number(line.get("time") ?? Number.NaN) - now / 1000);
  return Math.abs(skew) <= allowedSkewSeconds
    ? []
    : [
        {
          code: "HOST_UNFIT",
          found: Number.isNaN(skew)
            ? "the host answered only a part of what it was asked"
            : `the host's clock is ${Math.abs(skew)} s ${skew > 0 ? "ahead of" : "behind"} this machine's`,
          expected: `a difference of ${allowedSkewSeconds} s at most: certificates and logins depend on the time`,
          remedy: "set both clocks by the network's: timedatectl set-ntp true",
        },
      ];
}

function isOlder(version: string, needed: readonly [number, number]): boolean {
  const [, major = "0", minor = "0"] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) < needed[0] || (Number(major) === needed[0] && Number(minor) < needed[1]);
}
