import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { findIn } from "./secret-search";
import { evaluate, events, jobsFor, type Values } from "./workflow";

const folder = path.join(__dirname, "..", "..", ".github", "workflows");
const files = fs.readdirSync(folder);
const read = (file: string) => fs.readFileSync(path.join(folder, file), "utf8");

/** Each name that any of the workflows asks for, with a value of its own. */
const given = (context: "secrets" | "vars") =>
  Object.fromEntries(
    files.flatMap((file) =>
      [...read(file).matchAll(new RegExp(`\\b${context}\\.(\\w+)`, "g"))].map(([name]) => [name, `planted ${name}`]),
    ),
  );
const secrets = { ...given("secrets"), "github.token": "planted github.token" };
const others = { ...given("vars"), "github.event.workflow_run.id": "1", "runner.temp": "/tmp" };
const all = (event: Values): Values => ({ ...others, ...secrets, ...event });

/** The jobs that an event starts, in all workflows: what each of their steps is given, as GitHub would put it in. */
const started = (event: Values) =>
  Object.fromEntries(
    files.flatMap((file) =>
      Object.entries(jobsFor(read(file), all(event))).map(([job, steps]) => [`${file} ${job}`, JSON.stringify(steps)]),
    ),
  );

const small = (job: string, on = "pull_request:") => `on:\n  ${on}\njobs:\n  one:\n    ${job}\n`;

describe("The workflows, as an event starts them", () => {
  const fork = events["a fork's pull request"];

  it("give no job of a fork's pull request any secret, whatever GitHub itself would withhold", () => {
    const jobs = started(fork);
    const names = ["odoo-ci.yml checks", "odoo-ci.yml tests", "odoo-ci.yml image", "preview.yml changes"];
    assert.deepEqual(Object.keys(jobs), names);
    assert.deepEqual(findIn(jobs, secrets), Object.fromEntries(names.map((name) => [name, []])));
  });

  it("give those of the own repository's pull request and of a push to main theirs, which that search finds", () => {
    for (const [event, job] of [
      ["a pull request of the own repository", "preview.yml stack"],
      ["a push to main", "odoo-ci.yml staging"],
    ] as const) {
      const found = findIn(started(events[event]), secrets);
      assert.deepEqual(
        Object.keys(found).filter((name) => found[name]?.length !== 0),
        [job],
      );
      assert.ok(found[job]?.includes("secrets.DIGITALOCEAN_TOKEN"));
    }
  });

  it("would be seen to give a fork one, without the condition that keeps it away", () => {
    const bad = read("preview.yml").replace(/\n {4}if: github\.event\.pull_request.*/, "");
    const jobs = jobsFor(bad, all(fork));
    assert.deepEqual(Object.keys(jobs), ["changes", "stack"]);
    assert.notDeepEqual(findIn({ stack: JSON.stringify(jobs["stack"]) }, secrets), { stack: [] });
  });
});

describe("A workflow", () => {
  const values = { "github.event_name": "pull_request", "github.ref": "refs/pull/1/merge", a: "A", no: false, e: "" };

  it("has steps whose names are replaced by their values, and those whose condition holds", () => {
    const steps = [
      "- {uses: 'actions/checkout@0123', with: {fetch-depth: 0, path: '${{ a }}/b'}}",
      "- {run: x, env: {A: '${{ a }}-${{ e || ''none'' }}'}}",
      "- {run: y, if: no}",
      "- {run: z, if: '${{ !cancelled() }}'}",
    ];
    assert.deepEqual(jobsFor(small(`steps:\n      ${steps.join("\n      ")}`), values), {
      one: [
        { name: "actions/checkout", inputs: { "fetch-depth": "0", path: "A/b" }, env: {}, always: false },
        { name: "x", run: "x", inputs: {}, env: { A: "A-none" }, always: false },
        { name: "z", run: "z", inputs: {}, env: {}, always: true },
      ],
    });
  });

  it("is not started by other events and branches, nor its jobs against their condition", () => {
    assert.deepEqual(jobsFor(small("steps: []", "push:"), values), {});
    assert.deepEqual(jobsFor(small("if: a == 'B'\n    steps: []"), values), {});
    const push = (branch: string) => ({ "github.event_name": "push", "github.ref": `refs/heads/${branch}` });
    const onMain = small("steps: []", "push: {branches: [main]}");
    assert.deepEqual(
      ["main", "other"].map((branch) => Object.keys(jobsFor(onMain, push(branch)))),
      [["one"], []],
    );
  });

  it("is refused with anything that is not known", () => {
    for (const job of [
      "strategy: {}\n    steps: []",
      "steps: [{run: x, shell: sh}]",
      "steps: [{run: x, env: {A: '${{ b }}'}}]",
      "steps: [{run: x, if: always()}]",
      "if: a =\n    steps: []",
    ])
      assert.throws(() => jobsFor(small(job), values), /not known here/, job);
    assert.throws(() => jobsFor(`env: {}\n${small("steps: []")}`, values), /not known here: env/);
    assert.throws(() => jobsFor("on: pull_request\njobs: {}", values), /not known here/);
  });
});

describe("An expression", () => {
  const values = { "github.ref": "refs/heads/main", "vars.empty": "", "inputs.yes": true };
  const rows: readonly (readonly [string, string | boolean])[] = [
    ["github.ref", "refs/heads/main"],
    ["github.ref == 'REFS/heads/main'", true],
    ["github.ref != 'refs/heads/main'", false],
    ["vars.empty || 'usual'", "usual"],
    ["(github.ref == 'x' && 'one' || vars.empty) || 'other'", "other"],
    ["inputs.yes && 'one' || 'other'", "one"],
    ["!inputs.yes || !vars.empty", true],
    ["!cancelled()", true],
    ["'a && b'", "a && b"],
  ];
  for (const [text, value] of rows)
    it(`${text} is ${JSON.stringify(value)}`, () => assert.equal(evaluate(text, values), value));

  it("with anything that is not known is refused, also on the side that does not count", () => {
    for (const text of [
      "secrets.OTHER",
      "inputs.yes || secrets.OTHER",
      "!inputs.yes && secrets.OTHER",
      "contains(github.ref, 'x')",
      "github.ref ==",
      "(github.ref",
      "github.ref github.ref",
      "inputs.yes == 'true'",
      "constructor",
      "",
    ])
      assert.throws(() => evaluate(text, values), /not known here/, text);
  });
});
