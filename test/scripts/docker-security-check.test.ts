import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const script = path.join(__dirname, "..", "..", "scripts", "docker_security_check.sh");

/** What Docker says of the image that is looked at; it is no Odoo, which the end-to-end tests start. */
interface Image {
  readonly user: string;
  readonly health: string;
  readonly programs: readonly string[];
  readonly runs: boolean;
}

const good: Image = { user: "1001", health: "CMD /health", programs: ["usr/bin/python3"], runs: true };

describe("docker_security_check.sh", () => {
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "security-check-"));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const program = (name: string, text: string) =>
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

  function run(image: Image, tools: Readonly<Record<string, string>> = {}, args = ["team/image"]) {
    const root = path.join(folder, "root");
    for (const file of image.programs) {
      fs.mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
      fs.writeFileSync(path.join(root, file), "");
    }
    program(
      "docker",
      `echo "$*" >> "${folder}/calls"
case "$*" in
  *"team/absent") echo "no such image" >&2; exit 1;;
  *.Config.User*) echo "${image.user}";;
  *Healthcheck*) echo "${image.health}";;
  *Labels*) ;;
  *State.Running*) echo ${image.runs};;
  logs*) echo "read-only file system";;
  create*) echo container;;
  export*) cd "${root}" && tar -c *;;
esac`,
    );
    program("sleep", "");
    for (const [name, text] of Object.entries(tools)) program(name, text);
    const { status, stdout, stderr } = spawnSync("/bin/sh", [script, ...args], {
      env: { PATH: `${folder}:/usr/bin:/bin` },
      cwd: folder,
      encoding: "utf8",
    });
    const calls = fs.existsSync(path.join(folder, "calls")) ? fs.readFileSync(path.join(folder, "calls"), "utf8") : "";
    return { status, output: stdout + stderr, calls };
  }

  const tools = { trivy: "exit 0", syft: ": > sbom.json" };

  it("finds nothing at an image that is well, and says what it is made of", () => {
    const { status, output, calls } = run(good, tools);
    assert.equal(status, 0, output);
    assert.equal(output.match(/^ok /gm)?.length, 6, output);
    assert.ok(fs.existsSync(path.join(folder, "sbom.json")));
    assert.match(calls, /^create --read-only .*--cap-drop ALL/m);
    assert.equal(calls.match(/^create /gm)?.length, calls.match(/^rm /gm)?.length, "no container stays");
  });

  it("says in so many words what it did not check, and ends with a status of its own", () => {
    const { status, output } = run(good);
    assert.equal(status, 3);
    assert.match(output, /^not checked {2}vulnerabilities: trivy is not on the PATH$/m);
    assert.match(output, /^not checked {2}sbom: syft is not on the PATH$/m);
    assert.match(
      run(good, { ...tools, trivy: "echo no database >&2; exit 1" }).output,
      /^not checked .*trivy failed: no database/m,
    );
  });

  const wrong: [what: string, image: Partial<Image>, expected: RegExp][] = [
    ["root as user", { user: "" }, /^WRONG +user: root: /m],
    ["root by its number", { user: "0:0" }, /^WRONG +user: 0:0: /m],
    ["a compiler", { programs: ["usr/bin/gcc-13", "usr/bin/git"] }, /^WRONG +build tools: .*gcc-13 .*git/m],
    ["no health check", { health: "" }, /^WRONG +health check: /m],
    ["a program that writes", { runs: false }, /^WRONG +read-only start: it has ended: read-only file system/m],
  ];
  for (const [what, image, expected] of wrong) {
    it(`tells of ${what}`, () => {
      const { status, output } = run({ ...good, ...image }, tools);
      assert.equal(status, 1);
      assert.match(output, expected);
    });
  }

  it("tells of vulnerabilities, with the list", () => {
    const { status, output } = run(good, { ...tools, trivy: "echo CVE-2026-1; exit 10" });
    assert.equal(status, 1);
    assert.match(output, /^CVE-2026-1$/m);
    assert.match(output, /^WRONG +vulnerabilities: /m);
  });

  it("looks for vulnerabilities where no file of the folder has trivy look away", () => {
    fs.writeFileSync(path.join(folder, ".trivyignore"), "CVE-2026-1\n");
    const { output } = run(good, {
      ...tools,
      trivy: "if [ -f .trivyignore ]; then exit 0; fi; echo CVE-2026-1; exit 10",
    });
    assert.match(output, /^WRONG +vulnerabilities: /m);
  });

  it("looks at nothing without an image", () => {
    assert.equal(run(good, tools, []).status, 64);
    const { status, output } = run(good, tools, ["team/absent"]);
    assert.equal(status, 69);
    assert.match(output, /^IMAGE_NOT_FOUND: Docker has no team\/absent: no such image$/m);
  });
});
