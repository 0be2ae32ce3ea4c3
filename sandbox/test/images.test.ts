import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import { tellApt } from "../images/packages";

const images = path.resolve(__dirname, "../images");
const names = fs.readdirSync(images).filter((name) => fs.existsSync(path.join(images, name, "Dockerfile")));

describe("The Debian packages of the sandbox's images", () => {
  it("are listed beside each recipe, each once, and no recipe installs any itself", () => {
    assert.ok(names.length >= 5, names.join());
    for (const name of names) {
      const list = fs
        .readFileSync(path.join(images, name, "packages", "list"), "utf8")
        .trim()
        .split("\n");
      for (const word of list) assert.match(word, /^[a-z0-9][a-z0-9.+-]+$/, `${name}: ${word}`);
      assert.deepEqual(list, [...new Set(list)], name);
      // What a Dockerfile downloads is lost when its build is cut.
      assert.doesNotMatch(fs.readFileSync(path.join(images, name, "Dockerfile"), "utf8"), /apt-get/, name);
    }
  });

  it("are installed by scripts that a shell understands", () => {
    const scripts = names.flatMap((name) =>
      ["sources", "before"].map((part) => path.join(images, name, "packages", part)),
    );
    for (const script of [path.join(images, "install-packages"), ...scripts.filter((file) => fs.existsSync(file))]) {
      execFileSync("sh", ["-n", script]);
    }
  });

  it("tell how far their installation is, by apt's status lines and nothing else", () => {
    const told: [string, number][] = [];
    const hear = tellApt((message, done = 0) => told.push([message, Math.round(done * 100)]));
    hear("dlstatus:1:50.0000:Retrieving file 1 of 2 (3s remaining)");
    hear("Get:1 http://deb.debian.org/debian trixie/main amd64 curl");
    hear("pmstatus:curl:50.0000:Unpacking curl (amd64)");
    hear("pmstatus:curl:100.0000:Installed curl (amd64)");
    assert.deepEqual(told, [
      ["downloading Debian packages", 15],
      ["installing Debian packages", 65],
      ["installing Debian packages", 100],
    ]);
  });

  for (const [state, calls] of [
    ["", ["rm", "create", "cp", "start", "commit", "rm"]],
    ["recipe exited 0", ["commit", "rm"]],
    ["recipe running 0", ["attach", "commit", "rm"]],
    ["recipe exited 137", ["rm", "create", "cp", "start", "commit", "rm"]],
    ["another exited 0", ["rm", "create", "cp", "start", "commit", "rm"]],
  ] as const) {
    it(`are installed once, whatever a run that was cut has left: ${state === "" ? "nothing" : state}`, async () => {
      const home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-packages-"));
      after(() => fs.rmSync(home, { recursive: true, force: true }));
      assert.deepEqual(await install(home, state), calls);
    });
  }
});

/** Runs the installation against a Docker that notes what it is asked; `attach` ends with the container at its end. */
async function install(home: string, state: string): Promise<string[]> {
  const docker = `#!/bin/sh
case "$1" in image) exit 1 ;; inspect) cat "${home}/state"; exit ;; attach) sed -i 's/running/exited/' "${home}/state" ;; esac
case " $* " in *" --label -"*) exit 125 ;; esac
echo "$1" >> "${home}/calls"`;
  fs.mkdirSync(path.join(home, "recipe", "packages"), { recursive: true });
  fs.writeFileSync(path.join(home, "recipe", "packages", "list"), "curl\n");
  fs.writeFileSync(path.join(home, "docker"), docker, { mode: 0o755 });
  fs.writeFileSync(
    path.join(home, "script.ts"),
    `import * as fs from "node:fs";
     import { ensurePackages } from "${images}/packages";
     import { recipeHash } from "${images}/recipes";
     fs.writeFileSync("${home}/state", "${state}".replace("recipe", recipeHash(["${home}/recipe/packages"])));
     void ensurePackages("trial", "${home}/recipe", "debian", () => undefined);`,
  );
  await promisify(execFile)(process.execPath, ["--import", "tsx", path.join(home, "script.ts")], {
    cwd: path.resolve(images, "../.."),
    env: {
      ...process.env,
      PATH: `${home}:${process.env["PATH"] ?? ""}`,
      SANDBOX_STATE_DIR: path.join(home, "state.d"),
    },
  });
  return fs.readFileSync(path.join(home, "calls"), "utf8").trim().split("\n");
}
