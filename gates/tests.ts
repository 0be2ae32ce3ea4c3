import * as fs from "node:fs";
import * as path from "node:path";

import { ShipError } from "../components/shared/errors";
import { jsonOfLastLine } from "../components/shared/json";
import { audit } from "./addons/audit";
import { bakedFolders, bandit } from "./addons/bandit";
import { describeLines, type Lines, packedCoverage, percentOf } from "./addons/coverage";
import { baseDatabase, type DatabaseOrder, originOf } from "./database/base-database";
import { codeOf, noStart } from "./database/odoo-log";
import { tidied } from "./database/owner";
import { docker, pulled } from "./docker";
import type { Gate, GateTools, Passed } from "./gate";
import type { Exception } from "./vulnerabilities";

export interface TestsOrder extends DatabaseOrder {
  /** Folder of the build context, relative to the project: what is baked, and nothing else. */
  readonly context: string;
  /** The team's own modules, of image:addons. */
  readonly own: readonly string[];
  /** Those of them that the settings name: they are installed, with what they depend on. */
  readonly install: readonly string[];
  /** Percent of the lines of the team's installed modules that their tests must reach. */
  readonly coverage: number;
  /** Vulnerabilities of Python packages that are let pass. */
  readonly exceptions: readonly Exception[];
}

const minuteMs = 60_000;
const runner = path.join(__dirname, "addons", "run_tests.py");

/** The team's own addons: their tests on a real PostgreSQL, the lines these reach, what is known to be dangerous. */
export const tests: Gate<TestsOrder> = {
  title: "tests of the team's own addons, lines that they reach, bandit, pip-audit",
  budgetSeconds: 120,
  codes: {
    CONTAINER_START_FAILURE: {
      when: "no container of the image can be started for the tests",
      remedy: "read what Docker says; run the same image by hand: docs/by-hand.md",
    },
    DATABASE_CONNECTION_ERROR: {
      when: "the gate's own PostgreSQL does not start, or ends",
      remedy: "run the update again; look at the memory and the disk of this machine",
    },
    IMPORT_ERROR: {
      when: "Python cannot import something while the addons are installed for their tests",
      remedy: "add what is imported to addons/requirements.txt, or mend the addon",
    },
    LOW_COVERAGE: {
      when: "tests reach less than gates:coverage percent of the lines of the installed addons",
      remedy: "write tests for the modules that are named first, or lower the setting",
    },
    MODULE_LOAD_ERROR: {
      when: "the addons do not install for their tests",
      remedy: "the end of the log names the module; mend it",
    },
    SECURITY_VULN: {
      when: "bandit has a finding of high severity, or a Python package has a vulnerability that a newer one mends",
      remedy: "mend the line, or raise the requirement, that is named; or except a vulnerability, with an end",
    },
    TEST_FAILURE: {
      when: "a test of an addon fails",
      remedy: "mend the addon or its test: the failed ones are named",
    },
  },
  async run(order, tools) {
    const owner = { stack: order.stack, gate: "tests" };
    const quiet = await bandit(bakedFolders(order.context, order.own, tools.root), tools);
    await pulled(order, tools);
    const open = await audit(order.image, order.exceptions, tools);
    const { facts, warnings } = await tidied(owner, () => runTests(order, owner, tools));
    return { facts, warnings: [...warnings, ...quiet, ...open] };
  },
};

async function runTests(order: TestsOrder, owner: { stack: string; gate: string }, tools: GateTools): Promise<Passed> {
  if (order.install.length === 0) {
    return { facts: { tests: 0 }, warnings: ["no module of image:addons is in image:modules or odoo:modules"] };
  }
  const program = await tools.find("coverage");
  const coverage = program === undefined ? "" : await packedCoverage(program);
  const { series } = await originOf(order.image);
  const database = await baseDatabase(order, owner, tools);
  tools.say(`tests of ${order.install.join(", ")}`);
  const input = JSON.stringify({ install: order.install, own: order.own, series, coverage });
  const command = ["python3", "-B", "-c", fs.readFileSync(runner, "utf8")];
  // Not the log among the output: Docker passes both on by themselves, and a line of the log may come last.
  const ended = await docker(
    ["run", "--interactive", ...database.odooFlags(), order.image, ...command],
    30 * minuteMs,
    { env: database.secrets, input },
  );
  const answer = parse(ended.stdout);
  if (answer === undefined) throw noStart(ended, "the tests of the addons did not come to their end");
  judgeTests(answer, ended.tail);
  return judgeLines(answer, order, coverage !== "", tools);
}

function judgeTests({ status, tests: count, failed }: Answer, tail: string): void {
  if (failed.length > 0) {
    throw new ShipError({
      code: "TEST_FAILURE",
      summary: `${failed.length} test${failed.length === 1 ? "" : "s"} of the addons failed`,
      found: failed.join("\n"),
      expected: "that all pass",
      remedy: "mend the addon or its test",
    });
  }
  // Odoo says how many tests there were when it has come to its end, and not before.
  if (status === 0 && count !== null) return;
  throw new ShipError({
    code: codeOf(tail, "MODULE_LOAD_ERROR"),
    summary: "the addons do not install into a new database, so their tests did not run",
    found: tail,
    expected: "modules that install with their dependencies",
    remedy: "the end of the log names the module; mend it",
  });
}

function judgeLines(answer: Answer, order: TestsOrder, counted: boolean, tools: GateTools): Passed {
  if (counted && answer.uncounted !== undefined) {
    throw new ShipError({
      code: "LOW_COVERAGE",
      summary: "the lines that the tests reach could not be counted",
      found: answer.uncounted,
      expected: "a count by coverage.py in the container",
      remedy: "see whether an addon changes what Python traces or where it runs",
    });
  }
  const percent = percentOf(Object.values(answer.lines));
  if (percent !== undefined && percent < order.coverage) {
    throw new ShipError({
      code: "LOW_COVERAGE",
      summary: "tests reach too little of the addons",
      found: [`${percent} % of all lines`, ...describeLines(answer.lines)].join("\n"),
      expected: `at least ${order.coverage} %, as gates:coverage says`,
      remedy: "write tests for the modules that are named first, or lower gates:coverage",
    });
  }
  for (const text of answer.skipped) tools.notChecked(`a test was skipped: ${text}`);
  const idle = counted ? order.own.filter((name) => !(name in answer.lines)) : [];
  return {
    facts: {
      tests: answer.tests ?? 0,
      modules: counted ? describeLines(answer.lines) : order.install,
      ...(percent !== undefined && { coverage: percent }),
    },
    warnings: [
      ...(answer.tests === 0 ? [`${order.install.join(", ")}: there is no test`] : []),
      ...(idle.length === 0 ? [] : [`not tested, since no setting installs them: ${idle.join(", ")}`]),
    ],
  };
}

/** What run_tests.py answers. */
interface Answer {
  readonly status: number;
  readonly tests: number | null;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  readonly lines: Lines;
  readonly uncounted?: string;
}

/** The last line is the answer. Addons run beside what writes it: what is no answer counts as none. */
function parse(stdout: string): Answer | undefined {
  const answer = jsonOfLastLine(stdout) as Partial<Answer> | null;
  const lists = [answer?.failed, answer?.skipped].every((list) => Array.isArray(list));
  return lists && typeof answer?.status === "number" && typeof answer.lines === "object"
    ? (answer as Answer)
    : undefined;
}
