import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";

import { until } from "../../sandbox/process";
import { Programs } from "../support/programs";

const root = path.join(__dirname, "..", "..");
/** What no update waits for, and what has a limit of its own since nobody tells it of an end. */
const others = ["configuration-reference.ts", "kubernetes-credential.ts"];

describe("A program that Pulumi starts", () => {
  for (const name of fs.readdirSync(path.join(root, "ops")).filter((file) => !others.includes(file))) {
    it(`ends when the update is cancelled: ${name}`, () => {
      assert.match(fs.readFileSync(path.join(root, "ops", name), "utf8"), /^onCancel\(/m);
    });
  }

  describe("that runs a gate", () => {
    let programs: Programs;
    beforeEach(() => (programs = new Programs()));
    afterEach(() => programs.remove());

    for (const how of ["SIGINT", "SIGTERM", "cancelled"] as const) {
      it(`ends by ${how}, with what the gate has started, and tells of no failure`, async () => {
        const noted = path.join(programs.folder, "pid");
        programs.add(
          "docker",
          `[ "$1" = info ] || exit 1\necho $$ > ${noted}.new && mv ${noted}.new ${noted}\nsleep 600`,
        );
        const order = { contentHash: "0".repeat(64), dockerfiles: [], freeBytes: 1 };
        const gate = { stack: "odoo/test", name: "preflight", strict: false, order };
        // Of the shell between, the plugin ends the shell alone, and waits for whoever holds its output.
        const shell = spawn("sh", ["-c", `"$0" --import tsx ops/gate.ts & echo $! >&3; wait`, process.execPath], {
          cwd: root,
          env: { ...process.env, GATE: JSON.stringify(gate) },
          stdio: ["ignore", "pipe", "pipe", "pipe"],
        });
        let said = "";
        shell.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
        const [program] = (await once(shell.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
        assert.ok(await until(() => fs.existsSync(noted), 300_000), said);
        if (how === "cancelled") shell.kill("SIGKILL");
        else process.kill(Number(program), how);
        await once(shell, "close");
        assert.match(said, new RegExp(`^preflight: ${how}: the gate was given up`, "m"));
        assert.doesNotMatch(said, /DISK_SPACE_LOW|Error/);
        assert.throws(() => process.kill(Number(fs.readFileSync(noted, "utf8")), 0), /ESRCH/);
      });
    }
  });
});
