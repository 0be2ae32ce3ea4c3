import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { paths } from "../../../sandbox/config";
import { sandboxEnvironment } from "../../../sandbox/environment";
import { preparedImage } from "../../../sandbox/images/base";
import { ImageBuild } from "../../support/image-build";
import { buildTree } from "../../support/tree-image";
import type { ServersFile } from "../../../sandbox/servers";
import { runningSandbox } from "../../support/running-sandbox";
import { HardenedOdoo } from "../../support/odoo";

/** Type, mode, owner, name and target of everything in an image, then each file's hash; what Docker mounts is left out. */
const listing = `cd /
everything() {
  find . -xdev \\( -path ./proc -o -path ./sys -o -path ./dev -o -path ./etc/hostname -o -path ./etc/hosts \
    -o -path ./etc/resolv.conf \\) -prune -o "$@"
}
everything -printf '%y %m %U:%G %p %l\\n'
everything -type f -print0 | xargs -0 sha256sum`;

/** A team's own file, with an option of Odoo and one of an addon. */
const ownConfiguration = { "deploy/odoo.conf": "[options]\nlimit_time_real = 4321\n[queue_job]\nchannels = root:4\n" };

describe("what people type at an image", () => {
  let odoo: HardenedOdoo;
  let build: ImageBuild;
  let servers: ServersFile;
  let environment: NodeJS.ProcessEnv;
  const images: string[] = [];

  before(async () => {
    servers = await runningSandbox();
    environment = sandboxEnvironment(servers);
    build = new ImageBuild(servers, ownConfiguration);
    odoo = new HardenedOdoo(await built(build.plain("runtime")), preparedImage("postgres").pinned, environment);
    await odoo.start(["base"]);
  });
  after(() => {
    odoo.remove();
    build.remove();
    for (const image of images) spawnSync("docker", ["rmi", image], { stdio: "ignore" });
  });

  async function built(image: Promise<string>): Promise<string> {
    images.push(await image);
    return image;
  }

  function command(program: string, args: readonly string[], variables = {}, input = "") {
    const options = { encoding: "utf8", input, env: { ...environment, ...variables }, maxBuffer: 256 << 20 } as const;
    const { status, stdout, stderr } = spawnSync(program, args, options);
    return { status, stdout, output: `${stdout}${stderr}` };
  }
  /** A folder with these files that the container's user reads. */
  function mountable(files: Readonly<Record<string, string>>): string {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "typed-mount-"));
    fs.chmodSync(folder, 0o755);
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      fs.writeFileSync(path.join(folder, name), text);
    }
    return folder;
  }
  const exec = (...words: string[]) => command("docker", ["exec", odoo.container, ...words]);

  it("`docker build .` has built what `pulumi up` builds, but for the name of the release", async () => {
    const list = (image: string) => {
      const run = [
        "run",
        "--rm",
        "-i",
        "--network",
        "none",
        "--no-healthcheck",
        "--user",
        "0",
        "--label",
        "odoo.sandbox=1",
      ];
      const { status, stdout, output } = command("docker", [...run, "--entrypoint", "sh", image], {}, listing);
      assert.equal(status, 0, output);
      return stdout.split("\n");
    };
    const [ours, plain] = [list(await built(buildTree(servers, "ours", {}, ownConfiguration))), list(odoo.image)];
    assert.ok(ours.length > 10_000);
    const without = (lines: readonly string[], others: readonly string[]) => {
      const there = new Set(others);
      return lines.filter((line) => !there.has(line));
    };
    const differing = [...without(ours, plain), ...without(plain, ours)];
    assert.deepEqual([...new Set(differing.map((line) => line.split("  ")[1]))], ["./opt/odoo/release.json"]);
    const modules = (image: string) => {
      const text = command("docker", ["run", "--rm", "--entrypoint", "cat", image, "/opt/odoo/release.json"]).stdout;
      return (JSON.parse(text) as { modules: unknown }).modules;
    };
    assert.deepEqual(modules(odoo.image), modules(images.at(-1) ?? ""));
  });

  it("`pytest custom_addons/` in the builder is told what runs the tests of addons", async () => {
    const { status, output } = command("docker", [
      ...["run", "--rm", "--network", "none", await built(build.plain("builder"))],
      ...["pytest", "custom_addons/"],
    ]);
    assert.equal(status, 64);
    assert.match(output, /^pytest: [^\n]* docker compose run --rm odoo odoo [^\n]*\n$/);
  });

  it("`docker run` is told in one line what is missing, also with HOST or --read-only", () => {
    const run = (...flags: string[]) => command("docker", ["run", "--rm", "--network", "none", ...flags, odoo.image]);
    for (const flags of [[], ["-e", "HOST=localhost"], ["--read-only"]]) {
      const { status, output } = run(...flags);
      assert.equal(status, 78, output);
      assert.match(output, /^ENTRYPOINT_ERROR: [^\n]*; for a try, [^\n]*`docker compose up`[^\n]*\n$/);
    }
    const passwords = ["-e", "DB_PASSWORD=x", "-e", "ADMIN_PASSWD=x"];
    assert.match(run("--read-only", ...passwords).output, /^[^\n]*--tmpfs \/run:mode=1777 --tmpfs \/tmp:mode=1777\n$/);
    const own = [
      "-e",
      "POSTGRES_HOST=pg",
      "-e",
      "POSTGRES_USER=erp",
      "-e",
      "POSTGRES_PASSWORD=x",
      "-e",
      "ADMIN_PASSWD=x",
    ];
    assert.match(
      run(...own, "-e", "DB_WAIT_SECONDS=0").output,
      /^DATABASE_CONNECTION_ERROR: .* at pg:5432 \(user erp\)/m,
    );
  });

  it("`docker run -v ./addons:/mnt/extra-addons` is told where modules are taken from", () => {
    const mounted = mountable({ "mine/__manifest__.py": "{}" });
    const variables = ["DB_PASSWORD=x", "ADMIN_PASSWD=x", "DB_WAIT_SECONDS=0"].flatMap((variable) => ["-e", variable]);
    const run = ["run", "--rm", "--network", "none", "-v", `${mounted}:/mnt/extra-addons`, ...variables, odoo.image];
    const { output } = command("docker", run);
    fs.rmSync(mounted, { recursive: true });
    assert.match(output, /extra-addons has modules of its own \(mine\), and they are not used: .*`docker compose up`/);
  });

  it("Odoo has the options of the project's deploy/odoo.conf", () => {
    const program = "import odoo.tools\nprint('limit', odoo.tools.config['limit_time_real'])\n";
    const shell = command("docker", ["exec", "-i", odoo.container, "odoo", "shell"], {}, program);
    assert.match(shell.stdout, /^limit 4321$/m, shell.output);
    assert.match(exec("cat", "/run/odoo/odoo.conf").stdout, /^\[queue_job\]\nchannels = root:4$/m);
  });

  it("`docker run -v ./odoo.conf:/etc/odoo/odoo.conf` puts these options in the place of the image's", () => {
    const folder = mountable({ "odoo.conf": "[options]\nlimit_time_real = 1234\nlimit_time_cpu = 999\n" });
    const options =
      "import odoo.tools\nprint(*[odoo.tools.config[n] for n in ('limit_time_real', 'limit_time_cpu')])\n";
    const mount = ["-v", `${folder}/odoo.conf:/etc/odoo/odoo.conf:ro`];
    const { output } = odoo.beside(mount, ["odoo", "shell", "-d", "odoo", "--no-http"], options);
    fs.rmSync(folder, { recursive: true });
    assert.match(output, /^1234 999$/m);
  });

  it("`docker run -v ./oca:/mnt/oca-addons` installs a module of it into a database that no release has", () => {
    const module = { "theirs/__manifest__.py": '{"name": "Theirs", "license": "AGPL-3"}', "theirs/__init__.py": "" };
    const folder = mountable(module);
    const install = ["odoo", "-d", "theirs", "-i", "theirs", "--stop-after-init", "--no-http"];
    const { status, output } = odoo.beside(["-v", `${folder}:/mnt/oca-addons:ro`], install);
    fs.rmSync(folder, { recursive: true });
    assert.equal(status, 0, output);
    assert.match(output, /Module theirs loaded/);
  });

  it("`odoo -u` and `odoo-bin -c /etc/odoo.conf` work beside the running server", () => {
    const installed = exec("odoo", "-d", "odoo", "-i", "release_info", "--stop-after-init");
    assert.equal(installed.status, 0, installed.output);
    assert.match(installed.output, /beside the server that runs[^]*Module release_info loaded/);
    const updated = exec("odoo-bin", "-c", "/etc/odoo.conf", "-d", "odoo", "-u", "release_info", "--stop-after-init");
    assert.equal(updated.status, 0, updated.output);
    assert.match(updated.output, /Module release_info loaded/);
    const shell = command(
      "docker",
      ["exec", "-i", odoo.container, "odoo", "shell"],
      {},
      'print("users", env["res.users"].search_count([]))\n',
    );
    assert.match(shell.stdout, /users \d/);
    assert.equal(exec("python3", "-I", "/opt/odoo/entrypoint.py", "healthcheck").status, 0, "the server goes on");
  });

  it("`psql` connects, `odoo --list-db` and the log's usual place say what to type", () => {
    const sql = "SELECT state FROM ir_module_module WHERE name = 'release_info'";
    assert.equal(exec("psql", "-Atc", sql).stdout, "installed\n");
    assert.match(exec("psql", "-l").stdout, /^ odoo /m);
    const { status, output } = exec("odoo", "--list-db");
    assert.equal(status, 64);
    assert.match(output, /^ENTRYPOINT_ERROR: Odoo has no --list-db, [^\n]*`psql -l`[^\n]*\n$/);
    for (const name of ["odoo.log", "odoo-server.log"]) {
      assert.match(exec("cat", `/var/log/odoo/${name}`).stdout, /docker logs -f odoo-ce/);
    }
  });

  it("`scripts/docker_security_check.sh` finds it well, and says what it did not check", () => {
    const check = path.join(paths.root, "scripts", "docker_security_check.sh");
    // A PATH without what the machine may have of trivy and syft.
    const tools = fs.mkdtempSync(path.join(os.tmpdir(), "typed-"));
    const needed = [
      "sh",
      "docker",
      "mktemp",
      "rm",
      "tar",
      "grep",
      "sort",
      "tr",
      "tail",
      "dirname",
      "date",
      "sleep",
      "od",
    ];
    for (const name of [...needed, "cat", "chmod", "timeout"]) {
      fs.symlinkSync(command("sh", ["-c", `command -v ${name}`]).stdout.trim(), path.join(tools, name));
    }
    const { status, output } = command("sh", [check, odoo.image], {
      PATH: tools,
      SMOKE_POSTGRES_IMAGE: preparedImage("postgres").pinned,
    });
    fs.rmSync(tools, { recursive: true });
    assert.equal(status, 3, output);
    assert.equal(output.match(/^ok /gm)?.length, 4, output);
    assert.equal(output.match(/^not checked /gm)?.length, 2, output);
  });
});
