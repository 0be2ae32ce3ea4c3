import * as fs from "node:fs";
import * as path from "node:path";

import type { Programs } from "./programs";

/** What a Docker that starts nothing answers, by a shell script for each kind of question. */
export interface Answers {
  /** Of `image inspect … .Id`: whether an image is there. */
  readonly image?: string;
  /** A container with PostgreSQL. */
  readonly start?: string;
  /** `$question` has the statements. */
  readonly psql?: string;
  /** Odoo in the base image, which makes the database that is kept. */
  readonly base?: string;
  readonly commit?: string;
  /** run_tests.py */
  readonly tests?: string;
  /** Odoo's command line. */
  readonly odoo?: string;
  /** A server of Odoo. */
  readonly server?: string;
  readonly ready?: string;
  readonly smoke?: string;
  readonly populate?: string;
  readonly logs?: string;
  readonly modules?: string;
  readonly pins?: string;
  readonly leftovers?: string;
  readonly kept?: string;
}

export const baseDigest = `sha256:${"c".repeat(64)}`;
const labels = {
  "org.opencontainers.image.base.name": "docker.io/library/odoo:18.0",
  "org.opencontainers.image.base.digest": baseDigest,
  "io.odoo.series": "18.0",
};

const usual: Required<Answers> = {
  image: "echo sha256:1",
  start: "echo 1",
  psql: ":",
  base: ":",
  commit: "echo sha256:2",
  tests: `echo '{"status": 0, "tests": 3, "failed": [], "skipped": [], "lines": {"shop": [9, 10]}}'`,
  odoo: "echo installed",
  server: "echo 2",
  ready: "echo 200",
  smoke: `echo '{"passed": ["login page", "create and read"]}'`,
  populate: `echo '{"records": 21, "models": 0}'`,
  logs: "echo '2026-01-02 03:04:05,678 1 INFO odoo odoo.service: running'",
  modules: `echo '{"series": "18.0", "modules": {}}'`,
  pins: ":",
  leftovers: ":",
  kept: ":",
};

/** Puts such a Docker on the PATH. What it was asked is in `programs.calls("docker")`, what it was given in {@link given}. */
export function trialDocker(programs: Programs, answers: Answers = {}): void {
  const a = { ...usual, ...answers };
  // Statements and orders come by standard input, which is kept.
  programs.add(
    "docker",
    `echo "$*" | tr '\\n' ' ' >> "$0.calls"; echo >> "$0.calls"
    env | grep -E '^(DB_PASSWORD|PGPASSWORD)=' >> "$0.secrets"
    case "$1 $*" in *--interactive*) question=$(cat); echo "$question" >> "$0.given";; esac
    case "$*" in
      *.Id*) ${a.image};;
      *.Config.Labels*) echo '${JSON.stringify(labels)}';;
      *State.Running*) echo true;;
      ps*|volume\\ ls*) ${a.leftovers};;
      image\\ ls*) ${a.kept};;
      commit*) ${a.commit};;
      *pg_isready*) :;;
      *psql*) ${a.psql};;
      *initdb*) ${a.start};;
      run*odoo\\ shell*) ${a.base};;
      *Runs\\ inside\\ a\\ container\\ of\\ the\\ image*) ${a.tests};;
      *Runs\\ inside\\ a\\ container\\ of\\ the\\ release*) ${a.smoke};;
      *Runs\\ inside\\ a\\ container\\ beside*) ${a.populate};;
      *modules.py*) ${a.modules};;
      *importlib.metadata*) ${a.pins};;
      *ready.py*) ${a.ready};;
      logs*) ${a.logs};;
      run*WORKERS=2*) ${a.server};;
      run*--stop-after-init*) ${a.odoo};;
      *) :;;
    esac`,
  );
}

/** All that was given to it by standard input. */
export function given(programs: Programs): string {
  return read(programs, "given");
}

/** Values of the passwords that its environment had. */
export function passwords(programs: Programs): string[] {
  const lines = read(programs, "secrets").split("\n");
  return [...new Set(lines.flatMap((line) => line.split("=").slice(1)))].filter((text) => text !== "");
}

function read({ folder }: Programs, what: string): string {
  const file = path.join(folder, `docker.${what}`);
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
}
