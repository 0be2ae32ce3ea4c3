// The reporter of all tests: mocha's usual one, and after each file how long its tests and their set-up took; at the
// end the slowest files, and what failed in a few lines each: a log that is cut has those at least. --reporter-option
// times=<file> leaves both to whoever runs mocha several times, and writes there what they are made of.
import { appendFileSync, readFileSync } from "node:fs";
import path from "node:path";

import Mocha from "mocha";

const { EVENT_HOOK_END, EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_TEST_END, EVENT_TEST_FAIL } = Mocha.Runner.constants;
const longest = 10;
const linesOfFailure = 20;
const charactersOfLine = 400;

export default class TestTimes extends Mocha.reporters.Spec {
  static description = "spec, with the time of each file";
  #milliseconds = new Map();
  #failures = [];
  #current;

  constructor(runner, options) {
    super(runner, options);
    // The events of a file come together: mocha hands them on when a file has ended, also where files run beside each
    // other.
    runner.on(EVENT_TEST_END, (test) => this.#add(test));
    runner.on(EVENT_HOOK_END, (hook) => this.#add(hook));
    runner.on(EVENT_TEST_FAIL, (failed, error) => {
      this.#failures.push(`${failed.fullTitle()}:\n${inShort(String(error?.message ?? error))}`);
      if (failed.type === "hook") this.#add(failed);
    });
    // Before the usual reporter writes the next title, or the counts.
    runner.prependListener(EVENT_SUITE_BEGIN, ({ root, file = this.#current }) => {
      if (root || file !== this.#current) this.#tell();
    });
    runner.prependOnceListener(EVENT_RUN_END, () => this.#tell());
    runner.once(EVENT_RUN_END, () => {
      const times = [...this.#milliseconds].map(([file, milliseconds]) => [file, milliseconds / 1000]);
      const { times: shared } = options.reporterOptions ?? {};
      const told = { times, failures: this.#failures };
      if (shared === undefined) console.log(summary([told]));
      else appendFileSync(shared, `${JSON.stringify(told)}\n`);
    });
  }

  #add({ file, duration }) {
    if (file === undefined) return;
    this.#current = file;
    const name = path.relative(process.cwd(), file);
    this.#milliseconds.set(name, (this.#milliseconds.get(name) ?? 0) + (duration ?? 0));
  }

  #tell() {
    if (this.#current === undefined) return;
    const name = path.relative(process.cwd(), this.#current);
    this.#current = undefined;
    console.log(`    ${seconds(this.#milliseconds.get(name) / 1000)} ${name}\n`);
  }
}

/** What stands at the end of all: the slowest files, and of each failure what an update said of its errors. */
export function summary(runs) {
  const times = runs.flatMap((run) => run.times).sort(([, one], [, other]) => other - one);
  const slowest = times.slice(0, longest).map(([file, time]) => `  ${seconds(time)} ${file}`);
  const failures = runs.flatMap((run) => run.failures);
  return [
    "  The slowest files, by their tests and set-up:",
    ...slowest,
    ...(failures.length === 0 ? [] : ["", "  What failed, in short:", ...failures.map(indented)]),
    "",
  ].join("\n");
}

/** Those lines of a message that name an error; of one without them its first ones. */
export function inShort(message) {
  const lines = message.split("\n").filter((line) => line.trim() !== "");
  const telling = lines.filter((line) => /\b[Ee]rror:|^\s*[A-Z]+(_[A-Z]+)+:/.test(line));
  return (telling.length === 0 ? lines : telling)
    .slice(0, linesOfFailure)
    .map((line) => `  ${line.trim().slice(0, charactersOfLine)}`)
    .join("\n");
}

/** What runs have written. */
export function readRuns(shared) {
  return readFileSync(shared, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function indented(text) {
  return text.replace(/^/gm, "    ");
}

function seconds(time) {
  return `${time.toFixed(1)} s`.padStart(9);
}
