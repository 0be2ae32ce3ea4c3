import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";

import type { ServersFile } from "../../../sandbox/servers";
import { manifest } from "../../fixtures/addons/module";
import { GitServer } from "../../support/git-server";
import { runningSandbox } from "../../support/running-sandbox";
import { buildTree } from "../../support/tree-image";
import { addressForBuilds } from "../../support/docker-address";
import { wheel, WheelServer } from "../../support/wheel";

/** A package of OCA's, which needs no other, and the digest that PyPI names for it. */
const ofOca = {
  pin: "odoo-addon-base-user-role==19.0.1.3.3",
  hash: "c7989ab830e0790cd4ff6d74398cdd35ff254fdb8cd1f512e93200373ecad26e",
};

/** The image of the working tree with what the build fetches, of a real server. */
describe("the image with a fetched repository", () => {
  const git = new GitServer();
  const images: string[] = [];
  let servers: ServersFile;
  let address: string;
  let commit: string;
  before(async () => {
    servers = await runningSandbox();
    address = addressForBuilds();
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

  function inside(image: string, program: string, ...args: readonly string[]): string {
    return docker("run", "--rm", "--network", "none", "--entrypoint", program, image, ...args);
  }

  async function build(
    own: Readonly<Record<string, string>>,
    modules: readonly string[] = [],
    more: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const repos = `./tools:\n  remotes: {origin: "${git.url("tools", address)}"}\n  merges: ["origin ${commit}"]\n`;
    const files = { "repos.yaml": repos, ...module("own", own, "addons/"), ...more };
    const settings = { repos: "repos.yaml", modules: [...modules] };
    const image = await buildTree(servers, "repositories", settings, files, { authority: git.authority });
    images.push(image);
    return image;
  }

  it("has its modules at that commit, what they need, and nothing else of it", async () => {
    const image = await build({ depends: '["wanted"]' });
    assert.equal(
      inside(image, "find", "/mnt/oca-addons", "-mindepth", "2", "-printf", "%P\n").split("\n").sort().join(" "),
      ["needed/__init__.py", "needed/__manifest__.py", "wanted/__init__.py", "wanted/__manifest__.py"].join(" "),
    );
    assert.equal(inside(image, "python3", "-c", "import xlsxwriter; print(xlsxwriter.__version__)"), "3.2.0");
    assert.equal(inside(image, "sh", "-c", "command -v git || echo none"), "none");
    // By these a release tells what it upgrades.
    const { modules } = JSON.parse(inside(image, "python3", "-I", "/opt/odoo/modules.py")) as {
      modules: Record<string, { version: string; hash: string }>;
    };
    assert.match(modules["needed"]?.version ?? "", /\.1\.2$/);
    assert.match(modules["wanted"]?.hash ?? "", /^[0-9a-f]{64}$/);
    assert.ok(modules["own"] !== undefined && modules["release_info"] !== undefined);
    assert.deepEqual([modules["broken"], modules["later"]], [undefined, undefined]);
  });

  it("has modules of wheels, one by its address and one of OCA's by a lock", async () => {
    const own = wheel("our_jobs", module("odoo/addons/our_jobs", { depends: '["base"]' }));
    const server = await WheelServer.start(address, "our_jobs", own);
    const image = await build({ depends: '["our_jobs", "base_user_role"]' }, [], {
      "addons/requirements.txt": `our-jobs @ ${server.url}\n`,
      "addons/own/requirements.txt": `${ofOca.pin} --hash=sha256:${ofOca.hash}\n`,
    }).finally(() => server.close());
    const { modules } = JSON.parse(inside(image, "python3", "-I", "/opt/odoo/modules.py")) as {
      modules: Record<string, { version: string }>;
    };
    assert.match(modules["our_jobs"]?.version ?? "", /\.1\.0$/);
    assert.match(modules["base_user_role"]?.version ?? "", /\.1\.3\.3$/);
    const other = `${ofOca.pin} --hash=sha256:${createHash("sha256").update("another").digest("hex")}\n`;
    await assert.rejects(
      build({ depends: '["base_user_role"]' }, [], { "addons/own/requirements.txt": other }),
      /BUILD_FAILURE: [^]*with hashes[^]*DO NOT MATCH/,
    );
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
