import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";

import { toolNames, toolTable } from "../../gates/tools/table";
import { builtTools } from "../tools/gate-tools";

const root = path.resolve(__dirname, "..", "..");

describe("The tools of the gates in the sandbox", () => {
  let home: string;
  beforeEach(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-gate-tools-"));
    for (const folder of ["bin", "state", "cache"]) fs.mkdirSync(path.join(home, folder));
    // The public network is not used: every download is recorded as failed before.
    const downloads = Object.values(toolTable).flatMap(({ source }) =>
      source.kind === "release" ? Object.values(source.files).map(({ url }) => [url, Date.now()]) : [],
    );
    fs.writeFileSync(path.join(home, "state", "offline.json"), JSON.stringify(Object.fromEntries(downloads)));
  });
  afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

  const program = (folder: string, name: string, body: string): void => {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  };
  /** Fits in the place of any tool: all of their words at once. */
  const fits = (name: keyof typeof toolTable): string => {
    const { version } = toolTable[name];
    const words = [
      "bandit #",
      "ClamAV #",
      "GitVersion: v#",
      "Coverage.py, version #",
      "Haskell Dockerfile Linter #",
      "pip-audit #",
      "syft #",
      "zizmor #",
    ];
    return ["#", ...words, "Version: #"].map((line) => `echo '${line.replace("#", version)}'`).join("\n");
  };
  /** What ends in an error, or the folders for the PATH, by a process whose directories and PATH are its own. */
  const ensure = async (): Promise<unknown> => {
    const file = path.join(home, "script.ts");
    fs.writeFileSync(
      file,
      `import { ensureGateTools, gateToolFolders } from "${root}/sandbox/tools/gate-tools";
      void ensureGateTools(() => undefined).then(gateToolFolders, (error: { code: string }) => error.code)
        .then((answer) => console.log(JSON.stringify(answer)));`,
    );
    const environment = { PATH: path.join(home, "bin"), HOME: home };
    const directories = { SANDBOX_STATE_DIR: path.join(home, "state"), SANDBOX_CACHE_DIR: path.join(home, "cache") };
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", file], {
      cwd: root,
      env: { ...environment, ...directories },
    });
    return JSON.parse(stdout);
  };

  it("are built at the versions that the product pins", () => {
    for (const [name, { version }] of Object.entries(builtTools))
      assert.equal(version, `v${toolTable[name as keyof typeof builtTools].version}`, name);
  });

  it("are left where the PATH has those that fit, and else built once, into a folder for the PATH", async () => {
    for (const name of toolNames) program(path.join(home, "bin"), name, fits(name));
    assert.deepEqual(await ensure(), []);

    for (const tool of ["trivy", "syft"]) fs.rmSync(path.join(home, "bin", tool));
    assert.equal(await ensure(), "TOOL_MISSING", "there is no compiler");
    // A compiler that writes what it is asked for, and counts.
    const made = fits("trivy").replaceAll("'", "'\\''");
    const compiler = `case "$1" in
      build) while [ "$1" != -o ]; do shift; done
        printf '#!/bin/sh\\n%s\\n' '${made}' > "$2"; /bin/chmod +x "$2"
        echo "$2 $GOEXPERIMENT" >> ${home}/builds ;;
      esac`;
    program(path.join(home, "bin"), "go", compiler);
    program(path.join(home, "cache", "syft", `v${toolTable.syft.version}`), "syft", fits("syft"));
    const folders = ["syft", "trivy"].map((name) =>
      path.join(home, "cache", name, `v${toolTable[name as "syft" | "trivy"].version}`),
    );
    assert.deepEqual(await ensure(), folders);
    assert.deepEqual(await ensure(), folders);
    const builds = fs.readFileSync(path.join(home, "builds"), "utf8");
    assert.match(builds, /^\S+\/trivy jsonv2\n$/);
  });
});
