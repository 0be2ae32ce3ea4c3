import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";

import type { ServersFile } from "../../../sandbox/servers";
import { manifest } from "../../fixtures/addons/module";
import { GitServer } from "../../support/git-server";
import { runningSandbox } from "../../support/running-sandbox";
import { buildTree } from "../../support/tree-image";

/** The image of the working tree with a repository that the build fetches, of a real Git server. */
describe("the image with a fetched repository", () => {
  const git = new GitServer();
  const images: string[] = [];
  let servers: ServersFile;
  let address: string;
  let commit: string;
  before(async () => {
    servers = await runningSandbox();
    const gateway = ["network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"];
    address = docker(...gateway);
    await git.start(address);
    commit = git.commit("tools", {
      "requirements.txt": "xlsxwriter==3.2.0\n",
      ...module("wanted", { depends: '["base", "needed"]', external_dependencies: '{"python": ["xlsxwriter"]}' }),
      ...module("needed", { depends: '["base"]', version: '"1.2"' }),
      ...module("broken", { depends: '["nowhere"]' }),
      "needed/.secret": "x",
    });
    git.commit("tools", module("later", { depends: '["base"]' }));
  });
  after(() => {
    git.stop();
    if (images.length > 0) spawnSync("docker", ["rmi", ...images], { stdio: "ignore" });
  });

  function module(name: string, changes: Readonly<Record<string, string>>, below = "") {
    const text = manifest({ version: '"1.0"', data: "[]", ...changes });
    return { [`${below}${name}/__manifest__.py`]: text, [`${below}${name}/__init__.py`]: "" };
  }

  function docker(...args: readonly string[]): string {
    return execFileSync("docker", args, { encoding: "utf8" }).trim();
  }

  async function build(own: Readonly<Record<string, string>>, modules: readonly string[] = []): Promise<string> {
    const repos = `./tools:\n  remotes: {origin: "${git.url("tools", address)}"}\n  merges: ["origin ${commit}"]\n`;
    const files = { "repos.yaml": repos, ...module("own", own, "addons/") };
    const settings = { repos: "repos.yaml", modules: [...modules] };
    const image = await buildTree(servers, "repositories", settings, files, { authority: git.authority });
    images.push(image);
    return image;
  }

  it("has its modules at that commit, what they need, and nothing else of it", async () => {
    const image = await build({ depends: '["wanted"]' });
    const inside = (...command: readonly string[]) =>
      docker("run", "--rm", "--network", "none", "--entrypoint", command[0] ?? "", image, ...command.slice(1));
    assert.equal(
      inside("find", "/mnt/oca-addons", "-mindepth", "2", "-printf", "%P\n").split("\n").sort().join(" "),
      ["needed/__init__.py", "needed/__manifest__.py", "wanted/__init__.py", "wanted/__manifest__.py"].join(" "),
    );
    assert.equal(inside("python3", "-c", "import xlsxwriter; print(xlsxwriter.__version__)"), "3.2.0");
    assert.equal(inside("sh", "-c", "command -v git || echo none"), "none");
    // By these a release tells what it upgrades.
    const { modules } = JSON.parse(inside("python3", "-I", "/opt/odoo/modules.py")) as {
      modules: Record<string, { version: string; hash: string }>;
    };
    assert.match(modules["needed"]?.version ?? "", /\.1\.2$/);
    assert.match(modules["wanted"]?.hash ?? "", /^[0-9a-f]{64}$/);
    assert.ok(modules["own"] !== undefined && modules["release_info"] !== undefined);
    assert.deepEqual([modules["broken"], modules["later"]], [undefined, undefined]);
  });

  it("is not built when a module of it is needed that could not be used, or is not there", async () => {
    await assert.rejects(build({ depends: '["broken"]' }), /MISSING_ADDONS: .*broken.*: depends on nowhere/);
    await assert.rejects(build({ depends: '["later"]' }), /MISSING_ADDONS: .*own.*: depends on later/);
    await assert.rejects(build({ depends: '["base"]' }, ["later"]), /MISSING_ADDONS: .*later is required/);
  });

  it("is not built when the commit is not there", async () => {
    const right = commit;
    commit = "0".repeat(39) + "1";
    await assert.rejects(
      build({ depends: '["base"]' }),
      /BUILD_FAILURE: the repository tools cannot be fetched at 0+1/,
    );
    commit = right;
  });
});
