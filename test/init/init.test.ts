import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { stringify } from "yaml";

import { ShipError } from "../../components/shared/errors";
import { answerNames, answersIn, problemOf } from "../../init/answers";
import { init } from "../../init/init";
import type { Person } from "../../init/interview";
import { readStackFiles, replaceFile, withSettings } from "../../init/stack-file";

const root = path.join(__dirname, "..", "..");
const committed = (stack: string) => fs.readFileSync(path.join(root, `Pulumi.${stack}.yaml`), "utf8");

const vps = {
  registry: "digitalocean",
  repository: "acme/odoo",
  target: "vps",
  domain: "erp.acme.io",
  stagingDomain: "staging.acme.io",
  email: "it@acme.io",
  region: "ams3",
  size: "s-4vcpu-8gb",
  stagingSize: "s-2vcpu-4gb",
  from: ["198.51.100.7/32", "2001:db8::/32"],
};

describe("npm run init", () => {
  let folder: string;
  let said: string[];
  const file = (stack: string) => fs.readFileSync(path.join(folder, `Pulumi.${stack}.yaml`), "utf8");

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "init-test-"));
    said = [];
    for (const stack of ["staging", "prod"])
      fs.writeFileSync(path.join(folder, `Pulumi.${stack}.yaml`), committed(stack));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** A person who says these lines, one for each question. */
  function personSaying(...lines: string[]): Person {
    return {
      ask: (text) => {
        said.push(text);
        const line = lines.shift();
        return line === undefined ? Promise.reject(new Error(`nobody answers: ${text}`)) : Promise.resolve(line);
      },
      say: (text) => said.push(text),
    };
  }

  function run(answers: object | undefined, more: { yes?: boolean; person?: Person } = {}): Promise<boolean> {
    if (answers !== undefined) fs.writeFileSync(path.join(folder, "answers.yaml"), stringify(answers));
    return init({
      root: folder,
      answers: answers && "answers.yaml",
      yes: more.yes ?? answers !== undefined,
      person: more.person,
      say: (text) => said.push(text),
      environment: {},
    });
  }

  async function refused(...args: Parameters<typeof run>): Promise<ShipError> {
    const before = [file("staging"), file("prod")];
    try {
      await run(...args);
    } catch (error) {
      assert.ok(error instanceof ShipError, String(error));
      assert.equal(error.code, "SETTINGS_INVALID");
      assert.deepEqual([file("staging"), file("prod")], before, "something was written");
      return error;
    }
    throw new assert.AssertionError({ message: "the answers were taken" });
  }

  it("fills both files in, and leaves every other line and comment as it is", async () => {
    assert.equal(await run(vps), true);
    const changed = (stack: string) => {
      const before = new Set(committed(stack).split("\n"));
      return file(stack)
        .split("\n")
        .filter((line) => !before.has(line));
    };
    const both = [
      "  registry:repository: acme/odoo",
      "  registry:region: ams3",
      "  vps:region: ams3",
      '  vps:acmeEmail: "it@acme.io"',
      '  vps:sshFrom: ["198.51.100.7/32", "2001:db8::/32"]',
      "  # Your office's and your CI runner's addresses: who else reaches port 22.",
    ];
    assert.deepEqual(changed("prod").sort(), [...both, "  vps:domain: erp.acme.io"].sort());
    // That the cluster is left out is a line which the file has elsewhere, too, as "vps:mode".
    assert.deepEqual(changed("staging").sort(), [...both, "  vps:domain: staging.acme.io", "  doks:mode: none"].sort());
    assert.equal(file("staging").split("\n").length, committed("staging").split("\n").length);
  });

  it("shows what changes, what it costs and what to type next, and changes nothing when run again", async () => {
    await run(vps);
    const text = said.join("\n");
    assert.match(text, /^\+ {2}registry:repository: acme\/odoo$/m);
    assert.match(text, /prod: about \$62\.60 a month \(list prices of \d{4}-\d\d-\d\d/);
    assert.match(text, /pulumi up --stack staging/);
    assert.match(text, /The token's scopes were not checked: DIGITALOCEAN_TOKEN is not set/);
    const before = [file("staging"), file("prod")];
    said = [];
    await run(vps, { yes: false });
    assert.match(said.join("\n"), /say this already/);
    assert.deepEqual([file("staging"), file("prod")], before);
  });

  it("takes a cluster: its version, its nodes, and who reaches its API", async () => {
    const { size, ...rest } = vps;
    await run({ ...rest, target: "doks", size, kubernetesVersion: "1.34.1-do.0" });
    for (const line of [
      "  vps:mode: none",
      "  doks:mode: create",
      "  doks:domain: erp.acme.io",
      '  doks:apiFrom: ["198.51.100.7/32", "2001:db8::/32"]',
    ]) {
      assert.ok(file("prod").split("\n").includes(line), line);
    }
    assert.match(said.join("\n"), /load balancer/);
  });

  it("takes another registry, which nobody creates, and asks for a login that may only read", async () => {
    await run({ ...vps, registry: "ghcr", registryUser: "acme-ci", pullUser: "acme-pull" });
    for (const stack of ["staging", "prod"]) {
      for (const line of [
        "  registry:host: ghcr.io",
        "  registry:ownership: adopt",
        "  registry:pullUsername: acme-pull",
      ])
        assert.ok(file(stack).split("\n").includes(line), `${stack}: ${line}`);
    }
    assert.match(said.join("\n"), /GHCR_TOKEN[^]*REGISTRY_PULL_PASSWORD/);
  });

  it("tells all wrong answers at once, by the settings' own validation, and writes nothing", async () => {
    const { failure } = await refused({
      ...vps,
      repository: "Acme",
      domain: "erp_acme",
      email: "nobody",
      region: "amsterdam",
      size: "large",
      from: ["198.51.100.7"],
    });
    for (const part of [
      'repository: "Acme": is not namespace/name in lower case',
      "domain: ",
      "email: ",
      'region: "amsterdam": is not a region such as fra1',
      'size: "large"',
      'from: "198.51.100.7": is not an address range',
    ]) {
      assert.ok(failure.found.includes(part), `${part} is not in:\n${failure.found}`);
    }
    assert.match(failure.summary, /6 answers are wrong/);
  });

  it("tells what does not go together, and in which file", async () => {
    const { failure } = await refused({ ...vps, stagingDomain: "staging.test" });
    assert.match(
      failure.found,
      /^Pulumi\.staging\.yaml: vps:tls: "acme": no public certificate is to be had for staging/m,
    );
    assert.doesNotMatch(failure.found, /Pulumi\.prod/);
  });

  it("tells what else is wrong in a file that somebody has edited", async () => {
    fs.appendFileSync(path.join(folder, "Pulumi.prod.yaml"), "  registry:teir: basic\n");
    assert.match((await refused(vps)).failure.found, /Pulumi\.prod\.yaml: registry:teir: unknown key/);
  });

  it("takes no example for an answer, and what a file has where nothing is said", async () => {
    const { failure } = await refused({ registry: "digitalocean", email: "" });
    assert.deepEqual(
      failure.found.split("\n").map((line) => line.split(":", 1)[0]),
      ["repository", "domain", "stagingDomain", "from"],
    );
    await run(vps);
    await run({ stagingDomain: "try.acme.io" });
    assert.match(file("staging"), /vps:domain: try\.acme\.io/);
    assert.match(file("prod"), /registry:repository: acme\/odoo[^]*vps:domain: erp\.acme\.io/);
  });

  it("refuses a name that it does not know, and a file that is none", async () => {
    assert.match((await refused({ ...vps, domian: "x" })).failure.found, /domian/);
    assert.throws(() => answersIn("a: [", "x.yaml"), /SETTINGS_INVALID/);
    assert.throws(() => answersIn("domain: {a: 1}", "x.yaml"), /SETTINGS_INVALID[^]*domain/);
    assert.match((await refused({ ...vps, domain: "a\u001b[2Jb" })).message, /\\u001b|\?/);
  });

  it("leaves encrypted settings as they are, and does not judge them", async () => {
    const secret =
      "  registry:password:\n    secure: v1:abc:def\n  vps:tlsKey:\n    secure: v1:ghi\nencryptionsalt: v1:salt\n";
    fs.appendFileSync(path.join(folder, "Pulumi.prod.yaml"), secret);
    await run(vps);
    assert.ok(file("prod").endsWith(secret), file("prod"));
  });

  it("makes no second host and no second registry beside what a stack has adopted", async () => {
    const key = `ssh-ed25519 AAAA${"a".repeat(64)}`;
    for (const stack of ["staging", "prod"]) {
      const text = file(stack)
        .replace("vps:mode: create", `vps:mode: adopt\n  vps:host: h.acme.io\n  vps:hostKey: ${key}`)
        .replace("registry:ownership: create", "registry:ownership: adopt");
      fs.writeFileSync(path.join(folder, `Pulumi.${stack}.yaml`), text);
    }
    await run(vps);
    for (const stack of ["staging", "prod"]) {
      assert.match(file(stack), /registry:ownership: adopt[^]*vps:mode: adopt/);
    }
    assert.doesNotMatch(said.join("\n"), /Droplet/);
  });

  it("writes nothing that nobody has agreed to", async () => {
    assert.match((await refused(vps, { yes: false })).failure.found, /no terminal, and no --yes/);
    assert.match((await refused(undefined, {})).failure.found, /no terminal, and no --answers/);
    assert.equal(await run(vps, { yes: false, person: personSaying("no") }), false);
    assert.equal(file("prod"), committed("prod"));
    assert.equal(await run(vps, { yes: false, person: personSaying("yes") }), true);
    assert.notEqual(file("prod"), committed("prod"));
  });

  it("does not write over what somebody changed meanwhile", () => {
    const [staging] = readStackFiles(folder);
    assert.ok(staging);
    fs.appendFileSync(staging.file, "# mine\n");
    assert.throws(() => replaceFile(staging, "other"), /SETTINGS_INVALID[^]*changed while/);
    assert.match(file("staging"), /# mine/);
  });

  it("asks a person, says at once why an answer is wrong, and asks again", async () => {
    const person = personSaying(
      ...["", "Acme", "acme/odoo", "vps", "erp.acme.io", "staging.acme.io", "", "", "", ""],
      ...["everywhere", "198.51.100.7/32", "yes"],
    );
    assert.equal(await run(undefined, { person }), true);
    assert.ok(said.some((text) => text.includes('repository: "Acme": is not namespace/name')));
    assert.ok(said.some((text) => text.includes("[digitalocean]")));
    assert.ok(said.some((text) => text.includes('from: "everywhere"')));
    assert.match(file("prod"), /vps:domain: erp\.acme\.io/);
    assert.match(file("prod"), /vps:region: fra1/);
  });

  it("keeps the committed files as they are where nothing is changed", () => {
    for (const stack of ["staging", "prod", "sandbox"]) {
      const text = committed(stack);
      assert.equal(withSettings({ name: stack, text }, {}), text);
    }
  });

  it("refuses a stack's file that is not there, or is none", async () => {
    fs.writeFileSync(path.join(folder, "Pulumi.prod.yaml"), "config:\n  a: [\n");
    assert.match((await refused(vps)).message, /Pulumi\.prod\.yaml cannot be filled in[^]*git checkout/);
    fs.writeFileSync(path.join(folder, "Pulumi.prod.yaml"), "encryptionsalt: x\n");
    assert.match((await refused(vps)).message, /no settings below/);
  });

  it("has a setting for each answer", () => {
    for (const target of ["vps", "doks"]) {
      for (const name of answerNames) {
        assert.match(
          problemOf(name, { target, [name]: "\n" }) ?? "",
          new RegExp(`^${name}: `),
          `${name} takes anything`,
        );
      }
    }
  });
});
