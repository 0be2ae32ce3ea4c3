import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { ShipError } from "../../../components/shared/errors";
import { findTool, fits, howToGet, installedIn } from "../../../gates/tools/find";
import { toolNames, toolTable, type ToolName } from "../../../gates/tools/table";

/** What each program says for its version, as recorded; the version stands where `#` does. */
const words: Readonly<Record<ToolName, string>> = {
  actionlint: "#\ninstalled by downloading from release page\nbuilt with go1.26.0 compiler for linux/amd64",
  bandit: "bandit #\n  python version = 3.11.7 (main, May  9 2026, 07:35:25) [GCC 12.2.0]",
  clamscan: "ClamAV #/27800/Thu Nov 26 08:24:01 2026",
  cosign: "cosign: A tool for Container Signing.\n\nGitVersion:    v#\nGitCommit:     unknown\nGoVersion:     go1.26.8",
  coverage: "Coverage.py, version # with C extension\nFull documentation is at https://coverage.readthedocs.io/en/#",
  hadolint: "Haskell Dockerfile Linter #",
  "pip-audit": "pip-audit #",
  syft: "syft #",
  trivy: "Version: #\nVulnerability DB:\n  Version: 2\n  UpdatedAt: 2026-11-26 00:00:00 +0000 UTC",
  zizmor: "zizmor #",
};

describe("A tool of the gates", () => {
  let home: string;
  beforeEach(() => (home = fs.mkdtempSync(path.join(os.tmpdir(), "gate-tools-"))));
  afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

  /** A program that says these words, in a directory of the PATH or of the store. */
  const program = (folder: string, name: string, text: string): string => {
    const file = path.join(home, folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `#!/bin/sh\ncat <<'END'\n${text}\nEND\n`, { mode: 0o755 });
    return file;
  };
  const searched = (...folders: string[]): string => folders.map((folder) => path.join(home, folder)).join(":");
  const find = (name: ToolName, ...folders: string[]) =>
    findTool(name, { store: path.join(home, "store"), searched: searched(...folders) });
  const refusal = async (name: ToolName, ...folders: string[]): Promise<ShipError> => {
    const error: unknown = await find(name, ...folders).catch((reason: unknown) => reason);
    assert.ok(error instanceof ShipError);
    return error;
  };

  for (const name of toolNames) {
    it(`is understood by its own words: ${name}`, async () => {
      const { version } = toolTable[name];
      const file = program("bin", name, words[name].replace("#", version));
      assert.deepEqual(await find(name, "bin"), { path: file, version });
    });
  }

  it("is the installed one first, and else the first on the PATH that fits", async () => {
    const { version } = toolTable.syft;
    program("old", "syft", "syft 1.0.0");
    const newer = program("newer", "syft", "syft 1.999.0");
    assert.equal((await find("syft", "missing", "old", "newer")).path, newer);
    const installed = program(
      path.relative(home, installedIn(path.join(home, "store"), "syft", version)),
      "syft",
      `syft ${version}`,
    );
    assert.equal((await find("syft", "old", "newer")).path, installed);
  });

  it("that fits nowhere is named with all that was found, and how to get it", async () => {
    const old = program("old", "cosign", "GitVersion:    v2.5.0");
    const silent = program("silent", "cosign", "GitVersion:    devel");
    const { code, failure } = await refusal("cosign", "old", "silent");
    assert.equal(code, "TOOL_MISSING");
    assert.equal(failure.found, `${old}, version 2.5.0\n${silent}, version devel`);
    assert.equal(failure.expected, "cosign 3.1.3, or a newer one before 4.0");
    assert.match(failure.remedy, /https:\/\/github\.com\/sigstore\/cosign\/releases\/tag\/v3\.1\.3; then run/);
  });

  it("that is nowhere, or is no program, is missing", async () => {
    fs.mkdirSync(path.join(home, "bin", "trivy"), { recursive: true });
    fs.writeFileSync(path.join(home, "trivy"), "#!/bin/sh\n", { mode: 0o644 });
    const { failure } = await refusal("trivy", "bin", "");
    assert.equal(failure.found, `no trivy on the PATH, and none in ${path.join(home, "store")}`);
  });

  it("that does not start, or says nothing, does not fit", async () => {
    const broken = program("bin", "hadolint", "");
    fs.writeFileSync(broken, "#!/nowhere\n", { mode: 0o755 });
    assert.equal((await refusal("hadolint", "bin")).failure.found, `${broken}, which does not say its version`);
  });
});

describe("The version of a tool", () => {
  it("fits from the pinned one on, up to the next major", () => {
    const pinned = "1.52.0";
    assert.deepEqual(
      ["1.52.0", "1.52.1", "1.53.0", "1.52", "1.100.0", "1.52.0+dfsg"].map((version) => fits(version, pinned)),
      [true, true, true, false, true, true],
    );
    assert.deepEqual(
      ["1.51.9", "1.9.99", "0.99.0", "2.0.0", "devel", "", "1.53.0-rc1"].filter((version) => fits(version, pinned)),
      [],
    );
  });
});

describe("How to get a tool", () => {
  it("names the script where it can help, the makers' page else, and the system's package", () => {
    const again = "; then run the same command again";
    const page = "https://github.com/aquasecurity/trivy/releases/tag";
    const { trivy, bandit, clamscan } = toolTable;
    const install = `install ${trivy.version} from ${page}/v${trivy.version}${again}`;
    assert.equal(howToGet(trivy, "linux-x64"), `npm run gates:tools, or ${install}`);
    assert.equal(howToGet(trivy, "darwin-arm64"), install);
    assert.match(howToGet(bandit), /^npm run gates:tools, then/);
    assert.match(howToGet(clamscan), /^`apt-get install clamav`/);
  });
});
