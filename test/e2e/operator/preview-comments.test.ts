import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import { findIn } from "../../support/secret-search";
import { setInFile } from "../../support/team-stacks";
import { UpdatedStaging } from "../../support/updated-staging";

const examples = path.join(__dirname, "..", "..", "..", "docs", "preview");
/** Has the form of a token, and stands in plain where none belongs. */
const token = "dop_v1_0123456789abcdef0123456789abcdef";
const mailPassword = "planted-mail-password";

/** Comments on changes of a stack that exists, from real previews. */
describe("comments of five changes, on the real engine", () => {
  const staging = new UpdatedStaging();
  const comments: Record<string, string> = {};
  let settings: string;

  const file = (name: string) => path.join(staging.stack.project, name);
  const read = (name: string) => fs.readFileSync(file(name), "utf8");
  const git = (...args: string[]) => execFileSync("git", ["-C", staging.stack.project, ...args], { stdio: "pipe" });
  const edit = (name: string, from: string, to: string) => {
    assert.ok(read(name).includes(from), `${name} has no ${from}`);
    staging.stack.write(name, read(name).replace(from, to));
  };
  const commit = () => staging.stack.commit("a change");
  const set = (key: string, value: string) => setInFile(staging.stack, "staging", { [key]: value });
  const run = async (...args: string[]) => {
    const { status, output } = await staging.stack.command("preview/main.ts", args);
    assert.equal(status, 0, output);
  };
  const comment = async (name: string) => {
    await run("--base", "base.json", "--to", `${name}.md`);
    // The registry has another port each time.
    comments[name] = read(`${name}.md`).replaceAll(staging.servers.servers.registryAddress, "registry.example.com");
    return comments[name];
  };

  before(async () => {
    await staging.start({ "image:source": `https://git.acme.io/odoo?${token}` }, mailPassword);
    settings = read("Pulumi.staging.yaml");
    git("tag", "base");
    await run("--save", "base.json");
  });
  afterEach(async () => {
    git("reset", "-q", "--hard", "base");
    staging.stack.write("Pulumi.staging.yaml", settings);
    await staging.pushBase("first");
  });
  after(() => staging.remove());

  const changes: Readonly<Record<string, () => void | Promise<void>>> = {
    addon: () => {
      edit("addons/sale_extra/__manifest__.py", "18.0.1.2.0", "18.0.1.3.0");
      edit("addons/sale_extra/discount.py", "DIGITS = 2", "DIGITS = 4");
      commit();
    },
    requirement: () => {
      edit("addons/requirements.txt", "0.5.13\n", "0.5.13\nphonenumbers>=8.13\n");
      commit();
    },
    "base-image": async () => {
      staging.baseImage(await staging.pushBase("second"), "2026-11-27");
      commit();
    },
    "cluster-size": () => set("doks:nodesMax", "3"),
    setting: () => set("odoo:options", '{"limit_time_real": 600}'),
  };
  for (const [name, change] of Object.entries(changes)) {
    it(`is as docs/preview/${name}.md shows it, under 25 lines before the fold`, async () => {
      await change();
      const text = await comment(name);
      // No refusal, whatever the example says.
      assert.match(text, /\*\*Restarts:\*\* /);
      const example = path.join(examples, `${name}.md`);
      const shown = () => masked(fs.readFileSync(example, "utf8"));
      if (process.env["UPDATE_GOLDEN"] === "1" && shown() !== masked(text)) fs.writeFileSync(example, text);
      assert.equal(masked(text), shown());
      const [above = ""] = text.split("<details>");
      assert.ok(above.split("\n").length < 25, text);
    });
  }

  it("says that nothing restarts for another word in a component's comment", async () => {
    const [name, word] = ["components/vps/deployment.ts", "A release on a host, by its worker."];
    const before = read(name);
    edit(name, word, word.replace("host", "machine"));
    const text = await comment("comment");
    staging.stack.write(name, before);
    assert.match(text, /\n\nNothing changes for this stack, and \*\*nothing restarts\*\*\.\n$/);
  });

  it("says what restarts for another word in an addon's docstring, which is another image", async () => {
    edit("addons/sale_extra/discount.py", "Rounds", "Cuts");
    commit();
    const text = await comment("docstring");
    assert.match(text, /`sale_extra 18\.0\.1\.2\.0` same version, content `[0-9a-f]{8}` → `[0-9a-f]{8}`/);
    assert.match(text, /\*\*Restarts:\*\* Odoo on the VPS and the cluster\. The door is closed .* \(about 41 s, /);
  });

  it("have no secret in them, nor what is saved", () => {
    const { token: apiToken, push, pull } = staging.servers.servers;
    const planted = {
      "token in plain": token,
      "API token": apiToken,
      passphrase: "planted-passphrase",
      "password to push": push.password,
      "password to pull": pull.password,
      "SSH key": staging.privateKey.split("\n")[2] ?? "",
      "encrypted setting": mailPassword,
    };
    assert.equal(Object.keys(comments).length, 7);
    const places = { comments: Object.values(comments).join("\n"), saved: read("base.json") };
    assert.deepEqual(findIn({ ...places, settings }, planted), {
      comments: [],
      saved: [],
      settings: ["token in plain"],
    });
    for (const text of Object.values(places)) assert.doesNotMatch(text, /dor_v1_/);
  });
});

/** Content hashes have the commit in them, and with it the time of the run. */
function masked(text: string): string {
  return text.replaceAll(/\b[0-9a-f]{8,}\b/g, (digits) => "0".repeat(digits.length));
}
