import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { readRepositories } from "../../../components/image/repositories";
import { ShipError } from "../../../components/shared/errors";
import { compliant } from "../../fixtures/addons/module";
import { GitServer } from "../../support/git-server";

const commit = "0123456789abcdef0123456789abcdef01234567";

describe("repositories in a repos.yaml", () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "repos-"));
  });
  afterEach(() => {
    fs.rmSync(root, { recursive: true });
  });

  function read(text: string) {
    fs.writeFileSync(path.join(root, "repos.yaml"), text);
    return readRepositories(root, "repos.yaml", "18.0");
  }

  async function refused(text: string) {
    const error: unknown = await read(text).then(
      () => assert.fail("was taken"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ShipError && error.code === "REPOS_INVALID", String(error));
    return error.failure;
  }

  /** A directory of one remote, with these lines. */
  const one = (lines: string, url = "https://127.0.0.1:1/OCA/web.git") =>
    `./web:\n  remotes: {oca: "${url}"}\n${lines}`;

  it("are none without a file", async () => {
    assert.deepEqual(await readRepositories(root, "", "18.0"), []);
    assert.deepEqual(await read("# none yet\n"), []);
  });

  it("are taken in both forms that git-aggregator has, with what it has beside them", async () => {
    const text = `
./server-tools:
  defaults: {depth: 1}
  remotes:
    oca: https://github.com/OCA/server-tools.git
    ours: git@github.com:we/server-tools.git
  target: ours 18.0
  merges:
    - oca ${commit}
src/web:
  remotes: {oca: "https://github.com/OCA/web"}
  merges: [{remote: oca, ref: ${commit}}]
  shell_command_after: []
`;
    assert.deepEqual(await read(text), [
      { name: "server-tools", url: "https://github.com/OCA/server-tools.git", commit },
      { name: "web", url: "https://github.com/OCA/web", commit },
    ]);
  });

  for (const [what, lines, found, remedy] of [
    ["several merges", `  merges: [oca ${commit}, oca refs/pull/7/head]`, /merges 2 commits/, /fork/],
    ["a remote that is none", `  merges: [ours ${commit}]`, /ours, which is no remote/, /remotes/],
    ["commands", `  merges: [oca ${commit}]\n  shell_command_after: make it`, /shell_command_after/, /commit/],
    ["a short hash", "  merges: [oca 0123456]", /0123456 may be another/, /git ls-remote .*web\.git 0123456/],
    ["no merge", "  merges: []", /not the form/, /remotes: .* merges: /],
    ["a word alone", "  merges: [18.0]", /not the form/, /remotes: .* merges: /],
  ] as const) {
    it(`are refused with ${what}`, async () => {
      const failure = await refused(one(lines));
      assert.match(failure.found, found);
      assert.match(failure.remedy, remedy);
    });
  }

  it("are refused where a password is needed, or stands in the address, which is not repeated", async () => {
    const inAddress = ["u:hunter2@git.test/web", "hunter2@git.test/web", "git.test/web?private_token=hunter2"];
    const unbuilt = "https://${TOKEN}@github.com/team/private.git";
    for (const url of [
      ...["git@github.com:OCA/web.git", "ssh://git@github.com/OCA/web", "http://github.com/OCA/web", unbuilt],
      ...inAddress.map((text) => `https://${text}`),
    ]) {
      const failure = await refused(one(`  merges: [oca ${commit}]`, url));
      assert.match(failure.found, /\.\/web: remote oca is not at https/);
      assert.match(failure.remedy, /submodule/);
      assert.doesNotMatch(JSON.stringify(failure), /hunter2/);
    }
  });

  it("are refused when they are Odoo itself, which people of other projects have there", async () => {
    for (const url of ["https://github.com/OCA/OCB.git", "https://github.com/odoo/odoo"]) {
      assert.match((await refused(one(`  merges: [oca ${commit}]`, url))).remedy, /base image/);
    }
  });

  it("are refused with all problems at once, each with its directory, and for a file that is none", async () => {
    const failure = await refused("./a: 1\nother/a: 2\n");
    assert.match(failure.found, /^\.\/a: .*form.*\nother\/a: is no directory of its own$/);
    assert.match((await refused("- a\n")).found, /no map of directories/);
    assert.match((await refused("a: [\n")).found, /line \d/);
    await assert.rejects(readRepositories(root, "absent.yaml", "18.0"), /REPOS_INVALID[^]*absent\.yaml/);
  });

  describe("that are at a branch", () => {
    const server = new GitServer();
    const previous = process.env["GIT_SSL_CAINFO"];
    let first: string;
    let second: string;
    before(async () => {
      await server.start();
      process.env["GIT_SSL_CAINFO"] = server.authority;
      first = server.commit("web", { "one/__manifest__.py": "{}" });
      server.git("web", "branch", "fix/18.0");
      server.git("web", "-c", "user.name=t", "-c", "user.email=t@example.com", "tag", "-a", "v1", "-m", "a tag");
      server.git("web", "update-ref", "refs/pull/7/head", "HEAD");
      second = server.commit("web", compliant);
    });
    after(() => {
      if (previous === undefined) delete process.env["GIT_SSL_CAINFO"];
      else process.env["GIT_SSL_CAINFO"] = previous;
      server.stop();
    });

    it("are refused with the commit to write in its place", async () => {
      for (const [ref, then] of [
        ["18.0", second],
        ["$ODOO_VERSION", second],
        ["${ODOO_VERSION}", second],
        ["v1", first],
        ["refs/pull/7/head", first],
      ] as const) {
        const failure = await refused(one(`  merges: ["oca ${ref}"]`, server.url("web")));
        assert.equal(failure.remedy, `write "oca ${then}", which is ${ref} now`);
      }
    });

    it("are refused with the command that tells it where nobody answers", async () => {
      const failure = await refused(one("  merges: [oca 17.0]", server.url("web")));
      assert.match(failure.remedy, /git ls-remote https:.*web 17\.0/);
      assert.match((await refused(one("  merges: [oca 18.0]", server.url("absent")))).remedy, /git ls-remote/);
    });
  });
});
