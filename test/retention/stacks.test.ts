import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { readOrder } from "../../retention/main";
import { lockedStacks } from "../../retention/pulumi";
import { readStacks } from "../../retention/stacks";
import { digestOf, historyOf, madeUpPlaces, madeUpRegistry, newer, older, reportOf } from "../support/made-up-stack";
import { projectFolder, RetainedStack } from "../support/retained-stack";

const shared = { "registry:kind": "generic", "registry:host": "registry.example.com" };
const ours = { ...shared, "registry:repository": "team/odoo" };

describe("the stacks whose images are kept", () => {
  const folders: string[] = [];
  after(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true })));
  const project = (files: Parameters<typeof projectFolder>[0]) => {
    const root = projectFolder(files);
    folders.push(root);
    return root;
  };
  const both = () => project({ staging: ours, prod: ours, elsewhere: { ...ours, "registry:repository": "team/x" } });
  const stacks = () => [new RetainedStack("company/odoo/staging"), new RetainedStack("prod")] as const;
  const serving = madeUpPlaces(madeUpRegistry(), reportOf(historyOf()));
  const refusal = (found: RegExp) => (error: Error) => {
    assert.match(error.message, /^RETENTION_REFUSED: [^\n]*nothing was removed/);
    assert.match(error.message, found);
    return true;
  };

  it("name what their settings, their state, hosts and restore points name", async () => {
    const [staging, prod] = stacks();
    staging.deployment = { resources: [{ outputs: { file: `image:\n${digestOf("d")}` } }] };
    prod.settings["image:digest"] = digestOf("e");
    const { named } = await readStacks(both(), [staging, prod], serving);
    assert.deepEqual([...named.keys()].sort(), [older, newer, digestOf("d"), digestOf("e")].sort());
    assert.deepEqual(named.get(digestOf("d")), ["named by company/odoo/staging"]);
    assert.deepEqual(named.get(older), ["named by company/odoo/staging", "named by prod"]);
  });

  it("are all read, or nothing is removed: a stack that is not there, a host that is down", async () => {
    const [staging, prod] = stacks();
    prod.state = () => Promise.reject(new Error("no stack named 'prod' found"));
    await assert.rejects(
      readStacks(both(), [staging, prod], serving),
      refusal(/stack prod cannot be read[^]*no stack/),
    );
    for (const silent of [reportOf(undefined, "HOST_UNREACHABLE"), reportOf(historyOf(), "PostgreSQL is down")]) {
      const places = madeUpPlaces(madeUpRegistry(), silent);
      await assert.rejects(readStacks(both(), stacks(), places), refusal(new RegExp(silent.problem)));
    }
    const [, broken] = stacks();
    broken.settings["registry:kind"] = "none";
    await assert.rejects(readStacks(both(), [broken], serving), refusal(/SETTINGS_INVALID/));
  });

  it("are refused in the middle of an update", async () => {
    const [staging, prod] = stacks();
    prod.deployment = { pending_operations: [{ type: "creating" }] };
    await assert.rejects(
      readStacks(both(), [staging, prod], serving),
      refusal(/state of prod[^]*--clear-pending-creates --stack prod/),
    );
  });

  it("are all named: one that uses the repository, or does not say so in plain, is told by its file", async () => {
    const [, prod] = stacks();
    await assert.rejects(readStacks(both(), [prod], serving), refusal(/Pulumi\.staging\.yaml[^]*add --stack staging/));
    const hidden = project({ prod: ours, dark: { "registry:kind": "generic" } });
    await assert.rejects(readStacks(hidden, [prod], serving), refusal(/Pulumi\.dark\.yaml/));
    fs.writeFileSync(path.join(hidden, "Pulumi.dark.yaml"), "config: [");
    await assert.rejects(readStacks(hidden, [prod], serving), refusal(/Pulumi\.dark\.yaml/));
  });

  it("are told by the usual host where a file names none", async () => {
    const docr = { "registry:kind": "digitalocean", "registry:repository": "team/odoo" };
    const prod = new RetainedStack("prod", { ...docr, "registry:host": "" });
    const root = project({ prod: docr, staging: { ...docr, "registry:host": "registry.digitalocean.com" } });
    const { DIGITALOCEAN_TOKEN: before } = process.env;
    process.env["DIGITALOCEAN_TOKEN"] = "never used";
    try {
      await assert.rejects(readStacks(root, [prod], serving), refusal(/Pulumi\.staging\.yaml/));
    } finally {
      if (before === undefined) delete process.env["DIGITALOCEAN_TOKEN"];
      else process.env["DIGITALOCEAN_TOKEN"] = before;
    }
  });

  it("share a repository", async () => {
    const other = new RetainedStack("elsewhere", { "registry:repository": "team/x" });
    await assert.rejects(readStacks(both(), [...stacks(), other], serving), refusal(/team\/odoo and .*team\/x/));
  });

  describe("are locked", () => {
    const names = ["company/odoo/staging", "prod"];
    const told = (url: string, answers: Readonly<Record<string, unknown>> = {}) => {
      const asked: string[] = [];
      const tell = (program: string, ...args: string[]) => {
        asked.push([program, ...args].join(" "));
        const answer = args[0] === "whoami" ? { url } : answers[program];
        return Promise.resolve(typeof answer === "string" ? answer : JSON.stringify(answer));
      };
      return { asked, tell };
    };

    it("by a file, where the state is in a folder", async () => {
      const root = both();
      const { tell } = told(`file://${root}`);
      await assert.rejects(lockedStacks(root, tell, names), refusal(/no state in/));
      const folder = (...parts: string[]) => path.join(root, ".pulumi", "locks", "organization", ...parts);
      fs.mkdirSync(path.join(root, ".pulumi"));
      assert.deepEqual(await lockedStacks(root, tell, names), []);
      for (const place of [folder("another", "prod"), folder("odoo", "prod-2"), folder("odoo", "staging")]) {
        fs.mkdirSync(place, { recursive: true });
        fs.writeFileSync(path.join(place, "0.json"), "{}");
      }
      assert.deepEqual(await lockedStacks(root, tell, names), ["company/odoo/staging"]);
    });

    it("by an object, where it is in a bucket", async () => {
      const keys = ["states/.pulumi/locks/organization/odoo/prod/0.json", "states/.pulumi/locks/other/x.json"];
      const { asked, tell } = told("s3://bucket/states?endpoint=fra1.digitaloceanspaces.com&region=us-east-1", {
        aws: keys,
      });
      assert.deepEqual(await lockedStacks(both(), tell, names), ["prod"]);
      assert.equal(
        asked[1],
        "aws s3api list-objects-v2 --bucket bucket --prefix states/.pulumi/locks/ --query Contents[].Key " +
          "--output json --endpoint-url https://fra1.digitaloceanspaces.com --region us-east-1",
      );
      assert.deepEqual(await lockedStacks(both(), told("s3://bucket", { aws: "null\n" }).tell, names), []);
      const plain = told("s3://bucket?endpoint=127.0.0.1:9000&disableSSL=true", { aws: "null\n" });
      await lockedStacks(both(), plain.tell, names);
      assert.match(plain.asked[1] ?? "", / --endpoint-url http:\/\/127\.0\.0\.1:9000$/);
    });

    it("by Pulumi Cloud's word", async () => {
      const listed = (updateInProgress: boolean) => [{ name: "company/staging" }, { name: "prod", updateInProgress }];
      const cloud = (pulumi: unknown) => told("https://app.pulumi.com/company", { pulumi }).tell;
      assert.deepEqual(await lockedStacks(both(), cloud(listed(true)), names), ["prod"]);
      assert.deepEqual(await lockedStacks(both(), cloud(listed(false)), names), []);
      await assert.rejects(
        lockedStacks(both(), cloud([{ name: "prod" }, { name: "other/staging" }]), names),
        refusal(/staging is not among/),
      );
    });

    it("or that cannot be seen, which is refused", async () => {
      await assert.rejects(lockedStacks(both(), told("azblob://x").tell, names), refusal(/azblob/));
    });
  });
});

describe("the arguments of retention", () => {
  it("name stacks, or the variables do", () => {
    const { stacks, apply } = readOrder(["--stack", "a", "--stack", "b", "--stack", "a", "--apply"], {});
    assert.deepEqual([stacks, apply], [["a", "b"], true]);
    const variables = { PULUMI_STACK: "staging", PRODUCTION_STACK: "company/prod" };
    assert.deepEqual(readOrder([], variables).stacks, ["staging", "company/prod"]);
    assert.deepEqual(readOrder(["--stack", "a"], variables).stacks, ["a"]);
  });

  it("are refused if they are others", () => {
    for (const args of [[], ["--stack", "--apply"], ["--stack", "-x"], ["--stack", "a b"], ["--all"], ["x"]])
      assert.throws(() => readOrder(args, {}), /SETTINGS_INVALID/, args.join(" "));
  });
});
