import { ShipError } from "../../components/shared/errors";
import type { CommandError } from "../process";

/** What a failed build was about, for its message. */
export interface Build {
  /** "pulumi v3.250.0 could not be built" */
  readonly summary: string;
  readonly code: "TOOL_MISSING" | "BUILD_FAILURE";
  /** Where what it downloads comes from: "GOPROXY". */
  readonly source: string;
}

interface Cause {
  readonly sign: RegExp;
  readonly name: string;
  readonly expected: string;
  remedy(build: Build): string;
}

const goesOn = "run again: it goes on where it was";

/** The first whose sign is in the output is the cause: what is behind another one comes before it. */
const causes: readonly Cause[] = [
  {
    sign: /no space left on device|not enough free space|You don't have enough free space/i,
    name: "the disk is full",
    expected: "15 GB free for tools and images",
    remedy: () =>
      `free some (\`df -h\`, \`docker system df\` and \`docker system prune\` show and remove), then ${goesOn}`,
  },
  {
    sign: /signal: killed|ended by SIGKILL|exit code 137|cannot allocate memory|out of memory/i,
    name: "killed, most often for want of memory",
    expected: "3 GB of memory for a compiler",
    remedy: () => `end what else needs memory (\`free -h\`), or add swap, then ${goesOn}`,
  },
  {
    sign: /nothing printed for \d+ s/,
    name: "stuck",
    expected: "that it prints something",
    remedy: ({ source }) => `see whether the network or the disk hangs (downloads come from ${source}), then ${goesOn}`,
  },
  {
    sign: /x509:|certificate (verify|verification) failed|SSL certificate problem|certificate is NOT trusted/i,
    name: "a certificate that is not trusted",
    expected: "certificates that this machine trusts",
    remedy: () =>
      `name the authority of your network's proxy (SSL_CERT_FILE for Go, SANDBOX_CA_FILE for images), then ${goesOn}`,
  },
  {
    sign: /checksum mismatch|SECURITY ERROR|Hash Sum mismatch|BADSIG/i,
    name: "a download that is not what it should be",
    expected: "the files whose checksums are known",
    remedy: ({ source }) => `do not go on with it: see what answers in the place of ${source}`,
  },
  {
    sign: /requires go >= |go: no such tool|unknown directive|GOTOOLCHAIN/,
    name: "a Go compiler that is too old",
    expected: "Go 1.26 or newer",
    remedy: () => `install Go from https://go.dev/dl/, then ${goesOn}`,
  },
  {
    sign: new RegExp(
      [
        ...[
          "dial tcp",
          "no such host",
          "i/o timeout",
          "TLS handshake timeout",
          "connection re(fused|set)",
          "unexpected EOF",
          "proxyconnect",
        ],
        ...[
          "Temporary failure resolving",
          "Could not (resolve|connect)",
          "Failed to fetch",
          "Unable to connect",
          "network is unreachable",
        ],
        ...[
          "\\b(403|404|407|410|429|50[0-9])\\b[^\\n]{0,40}(Forbidden|Found|Requests|Gone|Required|Error|Gateway|Unavailable)",
        ],
      ].join("|"),
      "i",
    ),
    name: "the network",
    expected: "downloads that are answered",
    remedy: ({ source }) => `see whether this machine reaches ${source}, then ${goesOn}`,
  },
  {
    sign: /^\S+\.go:\d+:\d+: /m,
    name: "the compiler refuses the source",
    expected: "source and compiler that fit each other",
    remedy: () => "read the compiler's words above; `go version` should say 1.26",
  },
];

/** The error of a build that failed: it names its own cause, and what helps against that one. */
export function buildFailure(build: Build, error: CommandError): ShipError {
  const cause = causes.find(({ sign }) => sign.test(`${error.reason}\n${error.output}`));
  return new ShipError({
    code: cause?.name === "the disk is full" ? "DISK_SPACE_LOW" : build.code,
    summary: `${build.summary}${cause === undefined ? "" : `: ${cause.name}`}`,
    found: error.message,
    expected: cause?.expected ?? "exit code 0",
    remedy: cause?.remedy(build) ?? `read the last lines above, then ${goesOn}`,
  });
}
