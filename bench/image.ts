import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { readBaseImage } from "../components/image/base-image";
import { pinnedImage } from "../components/registry/image-record";
import { planBuild } from "../components/image/plan";
import { paths, registryAddress } from "../sandbox/config";
import { baseRecord } from "../sandbox/images/base";
import { runSteps, type Step } from "../sandbox/progress";
import { readServers } from "../sandbox/servers-control";
import { prepareStack, updateStack } from "../sandbox/stack";
import { hostSteps } from "../sandbox/steps";
import { readSettings } from "../settings";
import type { Bench } from "./bench";
import { Builder, copyWithFreshMounts, type Build } from "./builder";
import { interleave, type Pair } from "./measure";
import { machineAndDay, type Row, table, writeReport } from "./report";
import { emptyProject, engineVersion, noChangeUp, product } from "./stacks";

const repetitions = 5;
const reportFile = path.join(paths.root, "docs", "benchmarks.md");
const pythonPackages = ["anthropic==0.36.0"];
const changedFile = path.join("addons", "release_info", "__init__.py");

const text = `Our image (\`images/odoo/Dockerfile\`) against the single-stage file that a team would write for the same content
(\`images/odoo/Dockerfile.baseline\`): same base, same build context, same build arguments, ${pythonPackages.join(" ")} as a Python package.
The first builds use no cached layer and no cached download of pip; each is made once. Only ours also installs the security updates that came
after the base image, keeps the compilers out by a stage of their own, and checks the base and the addons' dependencies: that is its longer build. The changed addon is one line in one module. What is repeated is given as median (least to most), the two sides taking
turns. The yardstick of the last line is an empty program on a backend of the same kind: what Pulumi itself takes.`;

export const imageBench: Bench = {
  help: "our image against a single-stage file; a no-change update against an empty program",
  run,
};

async function run(): Promise<void> {
  const say = (line: string): void => console.log(line);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "odoo-bench-"));
  process.once("exit", () => fs.rmSync(directory, { recursive: true, force: true }));
  await runSteps(hostSteps(), say);
  const measurement = new Measurement(directory);
  try {
    await runSteps(measurement.steps(), say);
    say(`\n${table(measurement.rows)}\n`);
    writeReport(reportFile, { name: "image", text, facts: await measurement.facts(), rows: measurement.rows });
    say(`written to ${path.relative(process.cwd(), reportFile)}`);
  } finally {
    await measurement.builder.removeImages();
  }
}

class Measurement {
  readonly rows: Row[] = [];
  readonly builder: Builder;
  readonly #project: string;
  readonly #base = readBaseImage(path.dirname(baseRecord), path.basename(baseRecord));
  readonly #epoch = `bench-${Date.now()}`;
  readonly #files: Readonly<Record<"ours" | "yardstick", Pick<Build, "name" | "dockerfile" | "target">>>;
  #shared: Promise<Pick<Build, "context" | "args">>;

  constructor(private readonly directory: string) {
    const servers = running();
    this.builder = new Builder({ ...servers.pull, serveraddress: registryAddress });
    this.#project = path.join(directory, "project");
    for (const folder of ["images", "addons"])
      fs.cpSync(path.join(paths.root, folder), path.join(this.#project, folder), { recursive: true });
    const ca = path.join(paths.state, "ca.crt");
    for (const file of [baseRecord, ca].filter((name) => fs.existsSync(name)))
      fs.copyFileSync(file, path.join(this.#project, path.basename(file)));

    const copy = (file: string, mounts: boolean) => {
      copyWithFreshMounts(path.join(this.#project, "images", "odoo", file), path.join(directory, file), mounts);
      return path.join(directory, file);
    };
    this.#files = {
      ours: { name: "ours", dockerfile: copy("Dockerfile", true), target: "runtime" },
      yardstick: { name: "single-stage", dockerfile: copy("Dockerfile.baseline", false) },
    };
    this.#shared = this.#assemble();
  }

  steps(): readonly Step[] {
    return [
      { title: "First builds and sizes", work: 70, run: (progress) => this.#firstBuilds(progress) },
      {
        title: "Rebuilds after a changed addon",
        work: 10,
        run: (progress) => this.#rebuilds("Rebuild after one changed addon", true, progress),
      },
      {
        title: "Rebuilds with nothing changed",
        work: 2,
        run: (progress) => this.#rebuilds("Rebuild with nothing changed", false, progress),
      },
      { title: "Stack of the sandbox", work: 120, run: (progress) => this.#prepareStack(progress) },
      { title: "No-change updates", work: 30, run: (progress) => this.#updates(progress) },
    ];
  }

  async facts(): Promise<readonly string[]> {
    return [
      machineAndDay(),
      `Docker ${await this.builder.engineVersion()} with BuildKit, Pulumi ${await engineVersion()}, Node ${process.version}`,
      `Odoo ${this.#base.series}`,
    ];
  }

  async #firstBuilds(progress: (line: string) => void): Promise<void> {
    await this.builder.removeImages();
    // Ours goes first: what the network has warmed up then helps the yardstick.
    const tell = (name: string) => (line: string) => {
      const [step] = /^DONE \S+ \[[^\]]+\] [A-Z]+/.exec(line) ?? [];
      if (step !== undefined) progress(`${name}: ${step}`);
    };
    const ours = await this.#build("ours", true, tell("ours"));
    const yardstick = await this.#build("yardstick", true, tell("yardstick"));
    const base = await this.builder.size(pinnedImage(this.#base));
    const sizes = { ours: await this.builder.size(ours.image), yardstick: await this.builder.size(yardstick.image) };
    this.rows.push(
      { title: "Size of the image", unit: "bytes", ours: [sizes.ours], yardstick: [sizes.yardstick] },
      {
        title: "Size that is added to the base",
        unit: "bytes",
        ours: [sizes.ours - base],
        yardstick: [sizes.yardstick - base],
      },
      { title: "First build", unit: "seconds", ours: [ours.seconds], yardstick: [yardstick.seconds] },
    );
  }

  async #rebuilds(title: string, changed: boolean, progress: (line: string) => void): Promise<void> {
    let prepared = -1;
    const side = (name: "ours" | "yardstick") => async (round: number) => {
      if (changed && prepared !== round) {
        prepared = round;
        fs.appendFileSync(path.join(this.#project, changedFile), `# ${randomUUID()}\n`);
        this.#shared = this.#assemble();
      }
      const { seconds } = await this.#build(name, false, () => undefined);
      progress(`${name}, ${round + 1} of ${repetitions}: ${seconds.toFixed(1)} s`);
      return seconds;
    };
    this.#add(title, await interleave(repetitions, side("ours"), side("yardstick")));
  }

  async #prepareStack(progress: (line: string) => void): Promise<void> {
    const options = { servers: running() };
    await prepareStack(options, progress);
    progress("pulumi up, which builds and pushes the image if it is not there yet");
    await updateStack(options);
  }

  async #updates(progress: (line: string) => void): Promise<void> {
    const empty = await emptyProject(this.directory);
    const side = (name: string, project: typeof empty) => async (round: number) => {
      const seconds = await noChangeUp(project);
      progress(`${name}, ${round + 1} of ${repetitions}: ${seconds.toFixed(1)} s`);
      return seconds;
    };
    this.#add(
      "No-change `pulumi up`",
      await interleave(repetitions, side("our program", product()), side("empty program", empty)),
    );
  }

  #add(title: string, pair: Pair): void {
    this.rows.push({ title, unit: "seconds", ...pair });
  }

  async #build(
    name: "ours" | "yardstick",
    fresh: boolean,
    progress: (line: string) => void,
  ): Promise<{ seconds: number; image: string }> {
    return this.builder.build({ ...this.#files[name], ...(await this.#shared), fresh }, progress);
  }

  /** The context and the arguments as the program makes them, of the copy of the project. */
  async #assemble(): Promise<Pick<Build, "context" | "args">> {
    const { image } = readSettings({
      config: {
        "odoo:environment": "sandbox",
        "registry:kind": "digitalocean",
        "registry:repository": "sandbox/odoo",
        "image:baseRecord": path.basename(baseRecord),
        "image:pythonPackages": JSON.stringify(pythonPackages),
        "image:caFile": fs.existsSync(path.join(this.#project, "ca.crt")) ? "ca.crt" : "",
        "image:epoch": this.#epoch,
      },
      secretKeys: new Set(),
      environment: { DIGITALOCEAN_TOKEN: "never used: only the settings of the image are read" },
    });
    const plan = await planBuild(this.#project, image);
    return { context: path.join(this.#project, plan.context), args: plan.args };
  }
}

function running(): NonNullable<ReturnType<typeof readServers>> {
  const servers = readServers();
  if (servers === undefined) throw new Error("the sandbox's servers have ended: see `npm run sandbox -- logs`");
  return servers;
}
