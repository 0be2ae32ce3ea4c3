import assert from "node:assert/strict";
import { CommandError } from "../process";
import { buildFailure } from "../tools/failure";

const build = { code: "TOOL_MISSING", summary: "tool v1 could not be built", source: "GOPROXY" } as const;

function failure(output: string, reason = "exit code 1"): { code: string; message: string } {
  return buildFailure(build, new CommandError("building tool", reason, output, 1, output));
}

describe("The message of a build that failed", () => {
  const rows: [what: string, output: string, reason: string, says: RegExp, remedy: RegExp][] = [
    ["a full disk", "write /root/x: no space left on device", "exit code 1", /the disk is full/, /docker system prune/],
    [
      "apt on a full disk",
      "E: You don't have enough free space in /var/cache/apt/archives/.",
      "exit code 100",
      /disk is full/,
      /df -h/,
    ],
    [
      "a compiler killed for memory",
      "k8s.io/api/core/v1: /go/compile: signal: killed",
      "exit code 1",
      /want of memory/,
      /swap/,
    ],
    ["a command killed for memory", "", "ended by SIGKILL", /want of memory/, /free -h/],
    [
      "a build that is stuck",
      "compiling",
      "nothing printed for 600 s",
      /stuck/,
      /hangs \(downloads come from GOPROXY\)/,
    ],
    [
      "no name server",
      'Get "https://x": dial tcp: lookup x: no such host',
      "exit code 1",
      /the network/,
      /reaches GOPROXY/,
    ],
    [
      "a proxy that refuses",
      "reading https://x/@v/v1.zip: 403 Forbidden",
      "exit code 1",
      /the network/,
      /reaches GOPROXY/,
    ],
    [
      "a mirror that is away",
      "E: Failed to fetch http://deb.debian.org/x",
      "exit code 100",
      /the network/,
      /goes on where it was/,
    ],
    [
      "a certificate",
      "tls: failed to verify certificate: x509: certificate signed by unknown authority",
      "exit code 1",
      /not trusted/,
      /SANDBOX_CA_FILE/,
    ],
    ["a forged module", "verifying m@v1: checksum mismatch", "exit code 1", /not what it should be/, /do not go on/],
    ["an old compiler", "go: go.mod requires go >= 1.26 (running go 1.22)", "exit code 1", /too old/, /go\.dev/],
    ["source that does not compile", "x/main.go:12:4: undefined: y", "exit code 1", /refuses the source/, /go version/],
  ];
  for (const [what, output, reason, says, remedy] of rows) {
    it(`names its cause and the remedy for it: ${what}`, () => {
      const { message } = failure(output, reason);
      const [summary = ""] = message.split("\n");
      assert.match(summary, says);
      assert.match(message.slice(message.indexOf("remedy:")), remedy);
    });
  }

  it("blames nothing that it does not know, and keeps the last words", () => {
    const { code, message } = failure("something else");
    assert.equal(code, "TOOL_MISSING");
    assert.match(message, /^TOOL_MISSING[^\n]*tool v1 could not be built\n/);
    assert.match(message, /something else/);
    assert.doesNotMatch(message, /network|memory|disk/);
  });

  it("has the code of a full disk where that is the cause", () => {
    assert.equal(failure("no space left on device").code, "DISK_SPACE_LOW");
  });
});
