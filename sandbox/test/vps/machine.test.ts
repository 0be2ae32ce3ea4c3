import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import * as fc from "fast-check";
import { portRanges, volumeWords } from "../../vps/files";
import { parse } from "../../vps/shell";
import { Outer } from "../helpers/outer";

const image = path.resolve(__dirname, "../../images/vps");

const order = `{ id: 7, name: "odoo", slot: 1, userData: "#!/bin/sh\\ntrue\\n", authorizedKeys: ["ssh-ed25519 AAAA me"],
  volumes: [{ id: "ab-1", name: "data", sizeGiB: 5 }] }`;

describe("A machine of the sandbox", () => {
  let outer: Outer;
  beforeEach(() => (outer = new Outer("vps/machine", [image])));
  afterEach(() => outer.remove());

  it("is a container with its ports on both of its addresses and a disk that is not removed with it", async () => {
    const { calls } = await outer.run(`await subject.createMachine(${order});`);
    const started = calls.filter((call) => call.startsWith("run "));
    assert.equal(started.length, 1);
    const line = started[0] ?? "";
    for (const address of ["127.0.0.12", "127.0.0.13"]) {
      for (const port of [22, 80, 443]) assert.ok(line.includes(`--publish ${address}:${port}:${port} `), line);
    }
    assert.doesNotMatch(line, /--publish (?!127\.)/);
    assert.doesNotMatch(line, /--privileged/);
    assert.match(line, / --label odoo\.sandbox=1 --label odoo\.sandbox\.vps=7 /);
    const disk = /--volume (\S+):\/vps\/disk /.exec(line)?.[1] ?? "";
    const made = calls.find((call) => call.startsWith("volume create ") && call.endsWith(` ${disk}`)) ?? "";
    assert.ok(made.includes(` --label odoo.sandbox.data-of=${outer.state} `), made);
    assert.doesNotMatch(made, /odoo\.sandbox=1/);
  });

  it("has control groups as the outer engine has them", async () => {
    const line = async (version: string): Promise<string> =>
      (await outer.run(`await subject.createMachine(${order});`, { CGROUPS: version })).calls.find((call) =>
        call.startsWith("run "),
      ) ?? "";
    assert.match(await line("1"), /--cgroupns host --volume \/sys\/fs\/cgroup:\/sys\/fs\/cgroup:rw /);
    const second = await line("2");
    assert.match(second, /--cgroupns private /);
    assert.doesNotMatch(second, /\/sys\/fs\/cgroup/);
  });

  it("that is there is started, and not made a second time", async () => {
    const { calls } = await outer.run(`await subject.createMachine(${order});`, { STATE: "exited" });
    assert.ok(calls.includes("start odoo-sandbox-vps-7"), calls.join("\n"));
    assert.ok(!calls.some((call) => call.startsWith("run ")));
  });

  it("that never came to run is made again", async () => {
    const { calls } = await outer.run(`await subject.createMachine(${order});`, { STATE: "created" });
    const verbs = calls.map((call) => call.split(" ")[0]);
    assert.ok(verbs.includes("rm") && verbs.indexOf("rm") < verbs.indexOf("run"), calls.join("\n"));
  });

  it("finds its order, its volumes and its firewall at its next start", async () => {
    await outer.run(`await subject.createMachine(${order}); await subject.setFirewall(7, [443, 22, 80]);
      await subject.attachVolume(7, { id: "cd-2", name: "more", sizeGiB: 1 });
      await subject.attachVolume(7, { id: "ab-1", name: "data", sizeGiB: 9 });`);
    assert.equal(outer.file("vps", "7", "user-data"), "#!/bin/sh\ntrue\n");
    assert.equal(outer.file("vps", "7", "authorized-keys"), "ssh-ed25519 AAAA me\n");
    assert.equal(outer.file("vps", "7", "firewall"), "tcp 22\ntcp 80\ntcp 443\n");
    assert.equal(outer.file("vps", "7", "volumes"), "cd-2 more 1 none\nab-1 data 9 none\n");
    await outer.run(
      `await subject.setFirewall(7, undefined); await subject.detachVolume(7, { id: "cd-2", name: "more", sizeGiB: 1 });`,
    );
    assert.equal(outer.file("vps", "7", "firewall"), undefined);
    assert.equal(outer.file("vps", "7", "volumes"), "ab-1 data 9 none\n");
  });

  it("takes a firewall's change at once while it runs, and only then", async () => {
    const set = `await subject.setFirewall(7, [22]);`;
    assert.ok((await outer.run(set, { STATE: "running" })).calls.includes("exec odoo-sandbox-vps-7 /vps/firewall"));
    assert.ok(!(await outer.run(set, { STATE: "exited" })).calls.some((call) => call.startsWith("exec")));
  });

  it("does not find the disk of a droplet that had its id before the state was removed", async () => {
    const disk = async (): Promise<string | undefined> => {
      const { calls } = await outer.run(`await subject.createMachine(${order});`);
      return /--volume (\S+):\/vps\/disk /.exec(calls.join("\n"))?.[1];
    };
    const first = await disk();
    assert.equal(await disk(), first);
    fs.rmSync(path.join(outer.state, "vps"), { recursive: true });
    assert.notEqual(await disk(), first);
  });

  it("refuses user data that it could not run", async () => {
    const body = `await subject.createMachine({ ...${order}, userData: "#cloud-config\\n" }).catch((error: Error) =>
      subject.setFirewall(error.message.includes("script") ? 7 : 8, [1]));`;
    await outer.run(body);
    assert.equal(outer.file("vps", "7", "firewall"), "tcp 1\n");
    assert.equal(outer.file("vps", "7", "user-data"), undefined);
  });
});

describe("What a machine's scripts are given", () => {
  it("names every port of a firewall once, in as few ranges as there are", () => {
    assert.deepEqual(portRanges([443, 22, 80, 81, 82]), ["22", "80:82", "443"]);
    assert.deepEqual(portRanges(Array.from({ length: 65_535 }, (_, index) => index + 1)), ["1:65535"]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 })), (ports) => {
        const named = portRanges(ports).flatMap((range) => {
          const [first = 0, last = first] = range.split(":").map(Number);
          return Array.from({ length: last - first + 1 }, (_, index) => first + index);
        });
        assert.deepEqual(
          named,
          [...new Set(ports)].sort((one, other) => one - other),
        );
      }),
    );
  });

  it("is refused when it would not be one word of a line", () => {
    assert.deepEqual(volumeWords({ id: "ab-1", name: "data", sizeGiB: 5 }), ["ab-1", "data", "5", "none"]);
    for (const name of ["", "two words", "a\nb", "../up", "-f"]) {
      assert.throws(() => volumeWords({ id: "ab-1", name, sizeGiB: 5 }), /cannot have/);
      assert.throws(() => volumeWords({ id: name, name: "data", sizeGiB: 5 }), /cannot have/);
    }
  });

  it("is a command as ssh takes it", () => {
    assert.deepEqual(parse(["uptime", "-p"]), { droplet: undefined, command: "uptime -p" });
    assert.deepEqual(parse(["--droplet", "12", "--", "id"]), { droplet: 12, command: "id" });
    assert.deepEqual(parse([]), { droplet: undefined, command: "" });
    assert.throws(() => parse(["--droplet", "odoo"]), { code: "SETTINGS_INVALID" });
  });

  it("runs in the shell that a machine has", () => {
    const scripts = fs
      .readdirSync(image)
      .filter((name) => fs.statSync(path.join(image, name)).isFile())
      .filter((name) => fs.readFileSync(path.join(image, name), "utf8").startsWith("#!/bin/sh\n"));
    assert.deepEqual(scripts.sort(), ["cloud-init", "firewall", "first-boot", "fstab-generator", "init", "volume"]);
    for (const name of scripts) execFileSync("sh", ["-n", path.join(image, name)]);
  });
});
