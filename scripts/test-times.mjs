// The reporter of all tests: mocha's usual one, and after each file how long its tests and their set-up took; at the
// end the slowest. --reporter-option times=<file> leaves that list to whoever runs mocha several times, and the times
// there.
import { appendFileSync, readFileSync } from "node:fs";
import path from "node:path";

import Mocha from "mocha";

const { EVENT_HOOK_END, EVENT_RUN_END, EVENT_SUITE_BEGIN, EVENT_TEST_END, EVENT_TEST_FAIL } = Mocha.Runner.constants;
const longest = 10;

export default class TestTimes extends Mocha.reporters.Spec {
  static description = "spec, with the time of each file";
  #milliseconds = new Map();
  #current;

  constructor(runner, options) {
    super(runner, options);
    // The events of a file come together: mocha hands them on when a file has ended, also where files run beside each
    // other.
    runner.on(EVENT_TEST_END, (test) => this.#add(test));
    runner.on(EVENT_HOOK_END, (hook) => this.#add(hook));
    runner.on(EVENT_TEST_FAIL, (failed) => failed.type === "hook" && this.#add(failed));
    // Before the usual reporter writes the next title, or the counts.
    runner.prependListener(EVENT_SUITE_BEGIN, ({ root, file = this.#current }) => {
      if (root || file !== this.#current) this.#tell();
    });
    runner.prependOnceListener(EVENT_RUN_END, () => this.#tell());
    runner.once(EVENT_RUN_END, () => {
      const times = [...this.#milliseconds].map(([file, milliseconds]) => [file, milliseconds / 1000]);
      const { times: shared } = options.reporterOptions ?? {};
      if (shared === undefined) console.log(slowest(times));
      else appendFileSync(shared, times.map((time) => `${JSON.stringify(time)}\n`).join(""));
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

/** The list for the end of a run, of pairs of file and seconds. */
export function slowest(times) {
  const sorted = [...times].sort(([, one], [, other]) => other - one).slice(0, longest);
  const lines = sorted.map(([file, time]) => `  ${seconds(time)} ${file}`);
  return ["  The slowest files, by their tests and set-up:", ...lines, ""].join("\n");
}

/** The pairs that runs have written. */
export function readTimes(shared) {
  return readFileSync(shared, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function seconds(time) {
  return `${time.toFixed(1)} s`.padStart(9);
}
