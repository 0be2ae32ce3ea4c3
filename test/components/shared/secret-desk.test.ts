import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { Secret } from "../../../components/shared/secret";
import { fetchReferences, SecretDesk, secretsNamed, withReferences } from "../../../components/shared/secret-desk";

const [key, dump] = ["planted-private-key\nof two lines\n", "planted-dump-key"];
const secrets = { "vps:privateKey": new Secret(key), "backup:privateKey": new Secret(dump) };
const told = { host: "h", privateKey: key, parts: [{ content: dump, other: "text" }, null, 1], empty: "" };

describe("the desk of secrets", () => {
  const temporary = process.env["TMPDIR"];
  let directory: string;
  let desk: SecretDesk | undefined;

  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), "desk-"));
    process.env["TMPDIR"] = directory;
  });
  afterEach(() => {
    desk?.close();
    desk = undefined;
    fs.rmSync(directory, { recursive: true });
    if (temporary === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = temporary;
  });

  const referred = (of = secrets) => withReferences(told, of);
  const left = () =>
    fs.readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) => one.isSocket());

  it("puts references in the place of secrets, and another secret is another reference", () => {
    const text = JSON.stringify(referred());
    assert.ok(!text.includes("planted"), text);
    assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(referred())));
    assert.match(
      text,
      /^{"host":"h","privateKey":{"secret":"vps:privateKey","fingerprint":"[0-9a-f]{16}"},"parts":\[.*,null,1\],"empty":""}$/,
    );
    const other = withReferences(
      { ...told, privateKey: `${key}2` },
      { ...secrets, "vps:privateKey": new Secret(`${key}2`) },
    );
    assert.notDeepEqual(other, referred());
  });

  it("gives them back to who asks for them", async () => {
    desk = await SecretDesk.open("odoo/prod", secrets);
    assert.deepEqual(await fetchReferences(referred(), "odoo/prod", {}), told);
    assert.deepEqual(await fetchReferences(referred(), "odoo/prod", {}), told);
  });

  it("is another one for another stack", async () => {
    desk = await SecretDesk.open("odoo/prod", secrets);
    await assert.rejects(
      fetchReferences(referred(), "odoo/staging", {}),
      /DEPLOY_FAILED[^]*no vps:privateKey, backup:privateKey: .*ENOENT/,
    );
  });

  it("is not needed for what the environment has, and only for that", async () => {
    const one = withReferences({ privateKey: key }, secrets);
    assert.deepEqual(await fetchReferences(one, "odoo/prod", { "vps:privateKey": key }), { privateKey: key });
    await assert.rejects(fetchReferences(referred(), "odoo/prod", { "vps:privateKey": key }), /no backup:privateKey/);
    await assert.rejects(fetchReferences(one, "odoo/prod", { "vps:privateKey": "another" }), /no vps:privateKey/);
  });

  it("of another secret gives nothing", async () => {
    desk = await SecretDesk.open("odoo/prod", { ...secrets, "vps:privateKey": new Secret("another") });
    await assert.rejects(
      fetchReferences(referred(), "odoo/prod", {}),
      /no vps:privateKey: the update that runs has another one/,
    );
  });

  it("gives a secret by its name, whatever it is today, and says which it does not have", async () => {
    await assert.rejects(secretsNamed(["vps:privateKey"], "odoo/prod"), /DEPLOY_FAILED[^]*no vps:privateKey: .*ENOENT/);
    desk = await SecretDesk.open("odoo/prod", secrets);
    assert.equal((await secretsNamed(["vps:privateKey"], "odoo/prod"))["vps:privateKey"], key);
    await assert.rejects(
      secretsNamed(["vps:privateKey", "other"], "odoo/prod"),
      /DEPLOY_FAILED[^]*no other: the update that runs has none/,
    );
  });

  it("writes no secret to a disk, and lets nobody else near", async () => {
    desk = await SecretDesk.open("odoo/prod", secrets);
    const [socket, ...more] = left();
    assert.ok(socket !== undefined && more.length === 0);
    assert.deepEqual(
      fs.readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()),
      [],
    );
    assert.equal(fs.statSync(socket.parentPath).mode & 0o777, 0o700);
    desk.close();
    assert.deepEqual(left(), []);
  });

  it("takes the place of one that a killed update has left", async () => {
    const script = `const { SecretDesk } = require("./components/shared/secret-desk"); const { Secret } = require("./components/shared/secret");
      SecretDesk.open("odoo/prod", { x: new Secret("old") }).then(() => { console.log("open"); setInterval(() => {}, 1000); });`;
    const child = spawn(process.execPath, ["--import", "tsx", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    assert.equal(left().length, 1);
    desk = await SecretDesk.open("odoo/prod", secrets);
    assert.deepEqual(await fetchReferences(referred(), "odoo/prod", {}), told);
  });

  it("is not opened where somebody else could reach it", async () => {
    const place = path.join(directory, `odoo-ship-${process.getuid?.()}`);
    fs.mkdirSync(place, { mode: 0o777 });
    fs.chmodSync(place, 0o777);
    await assert.rejects(SecretDesk.open("odoo/prod", secrets), /DEPLOY_FAILED[^]*is not this user's alone/);
    fs.rmdirSync(place);
    fs.mkdirSync(path.join(directory, "elsewhere"));
    fs.symlinkSync(path.join(directory, "elsewhere"), place);
    await assert.rejects(SecretDesk.open("odoo/prod", secrets), /DEPLOY_FAILED/);
    assert.deepEqual(fs.readdirSync(path.join(directory, "elsewhere")), []);
  });

  it("keeps no process alive", () => {
    const script = `const { SecretDesk } = require("./components/shared/secret-desk"); SecretDesk.open("odoo/prod", {}).then(() => console.log("open"));`;
    const run = [process.execPath, "--import", "tsx", "-e", script] as const;
    assert.equal(execFileSync(run[0], run.slice(1), { encoding: "utf8", timeout: 300_000 }), "open\n");
    assert.deepEqual(left(), []);
  });
});
