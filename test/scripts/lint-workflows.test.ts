import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { parse } from "yaml";

import { ask } from "../../components/shared/ask";
import { ensureGateTool, gateToolFolders } from "../../sandbox/tools/gate-tools";
import { workflowProblems } from "../../scripts/lint-workflows";

const root = path.join(__dirname, "..", "..");
const folder = path.join(root, ".github", "workflows");
const read = (file: string) => fs.readFileSync(path.join(root, file), "utf8");

const files = [
  "drift.yml",
  "odoo-ci.yml",
  "preview-comment.yml",
  "preview.yml",
  "promote.yml",
  "rebuild.yml",
  "retention.yml",
  "rollback.yml",
];

/** What is planted into odoo-ci.yml, and what the lint must say of it. */
type Fault = readonly [what: string, from: string | RegExp, to: string, ...expected: readonly RegExp[]];

const firstCheckout = /uses: actions\/checkout@[0-9a-f]{40} # v[\d.]+/;

const faults: readonly Fault[] = [
  ["an action by its tag", firstCheckout, "uses: actions/checkout@v7", /unpinned-uses/, /pin the action by its whole/],
  ["an action whose version is told nowhere", firstCheckout, `uses: actions/checkout@${"0".repeat(40)}`, /pin the act/],
  ["an event with which strangers get secrets", "  pull_request:", "  pull_request_target:", /dangerous-triggers/],
  [
    "a secret in a job for pull requests",
    "      - run: npm test",
    "      - run: npm test\n        env:\n          TOKEN: ${{ secrets.DIGITALOCEAN_TOKEN }}",
    /job tests: secrets, without/,
    /job tests: secrets in a job that runs for pull requests/,
    /job tests: secrets outside an environment/,
  ],
  [
    "secrets for pull requests, too",
    " && github.event_name != 'pull_request'",
    "",
    /secrets in a job that runs for pull/,
  ],
  ["secrets on every branch", "github.ref == 'refs/heads/main' &&", "", /job staging: secrets, without `if/],
  [
    "secrets after a job that failed",
    "if: github.ref ==",
    "if: always() || github.ref ==",
    /staging: secrets, without/,
  ],
  ["secrets outside an environment", "    environment: staging\n", "", /secrets-outside-env/, /outside an environment/],
  [
    "words of a stranger in a command",
    "run: npm run lint\n",
    'run: echo "${{ github.event.pull_request.title }}"\n',
    /template-injection/,
    /"github\.event\.pull_request\.title" is potentially untrusted/,
  ],
  [
    "no permissions at all",
    /\n *permissions:( \{\}|\n *contents: read.*)/g,
    "",
    /excessive-permissions/,
    /no permissi/,
  ],
  ["every permission", "permissions: {}", "permissions: write-all", /excessive-permissions/],
  ["a login that stays beside what is built", "persist-credentials: false", "persist-credentials: true", /artipacked/],
  ["a script that is nowhere", "npm run typecheck", "npm run types", /npm run types: package\.json has no such script/],
  ["a command that is no script", "npm run typecheck", "npx tsc --noEmit", /npx tsc --noEmit: a step is an npm script/],
  ["a script and something else", "npm run typecheck", "npm run typecheck || true", /a step is an npm script/],
  ["a script with more than words", "-- addons", "-- $(id)", /addons:check -- \$\(id\): a step is an npm script/],
  ["a command of npm's own", "npm run typecheck", "npm install", /npm install: a step is an npm script/],
  ["a job without an end", "    timeout-minutes: 60\n", "", /job tests: no timeout-minutes/],
  [
    "a job that waits for none",
    "needs: [checks, tests, image]",
    "needs: [checks, tests, images]",
    /"images" which does/,
  ],
  [
    "a word that GitHub does not know",
    "github.event_name ==",
    "github.event_nme ==",
    /property "event_nme" is not def/,
  ],
  ["a finding that is told to be none", firstCheckout, "uses: actions/checkout@v7 # zizmor: ignore", /unpinned-uses/],
  ["a file that is no workflow", /[^]*/, "on: [\n", /syntax|parse|expected/i],
];

/** The same for what shows and posts previews. */
const previewFaults: readonly (readonly [file: string, ...fault: Fault])[] = [
  [
    "preview.yml",
    "credentials for forks",
    "    if: github.event.pull_request.head.repo.full_name == github.repository\n",
    "",
    /job stack: secrets of preview, without `if/,
  ],
  [
    "preview.yml",
    "credentials for forks in one of two cases",
    "full_name == github.repository\n",
    "full_name == github.repository || always()\n",
    /job stack: secrets of preview, without `if/,
  ],
  [
    "preview.yml",
    "staging's own credentials",
    "environment: preview",
    "environment: staging",
    /job stack: secrets in a/,
  ],
  [
    "preview.yml",
    "rights beside credentials",
    "    environment: preview\n    permissions:\n",
    "    environment: preview\n    permissions:\n      pull-requests: write # all\n",
    /more rights than contents: read/,
  ],
  [
    "preview-comment.yml",
    "the code of a stranger, with rights",
    "          persist-credentials: false\n",
    "          persist-credentials: false\n          ref: ${{ github.event.workflow_run.head_sha }}\n",
    /workflow_run: strangers start it/,
    /dangerous-triggers/,
  ],
  [
    "preview-comment.yml",
    "a stranger's files over its own",
    "path: ${{ runner.temp }}/preview\n          pattern",
    "path: .\n          pattern",
    /workflow_run: strangers start it/,
  ],
  ["preview-comment.yml", "a right to push", "contents: read #", "contents: write #", /workflow_run: strangers start/],
  [
    "preview-comment.yml",
    "a secret",
    "GITHUB_TOKEN: ${{ github.token }}",
    "GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}",
    /workflow_run: strangers start it/,
  ],
  [
    "preview-comment.yml",
    "a finding beside its event",
    "          persist-credentials: false\n",
    "          persist-credentials: true\n",
    /artipacked/,
  ],
];

describe("The workflows", () => {
  const usualPath = process.env["PATH"];
  let home: string;
  before(async () => {
    for (const tool of ["actionlint", "zizmor"] as const) await ensureGateTool(tool, () => undefined);
    process.env["PATH"] = [...gateToolFolders(), usualPath].join(path.delimiter);
    home = fs.mkdtempSync(path.join(os.tmpdir(), "workflows-"));
  });
  after(() => {
    process.env["PATH"] = usualPath;
    fs.rmSync(home, { recursive: true, force: true });
  });

  const silent = () => undefined;

  it("have nothing that actionlint, zizmor or the project's own rules find", async () => {
    assert.deepEqual(await workflowProblems(folder, silent), []);
    assert.deepEqual(fs.readdirSync(folder).sort(), files);
  });

  for (const [what, from, to, ...expected] of faults) {
    it(`are seen to have ${what}`, async () => {
      const good = read(".github/workflows/odoo-ci.yml");
      const bad = good.replace(from, to);
      assert.notEqual(bad, good);
      fs.writeFileSync(path.join(home, "odoo-ci.yml"), bad);
      const found = (await workflowProblems(home, silent)).join("\n");
      for (const pattern of expected) assert.match(found, pattern);
    });
  }

  for (const [file, what, from, to, ...expected] of previewFaults) {
    it(`are seen to have ${what}, in ${file}`, async () => {
      const good = read(`.github/workflows/${file}`);
      const bad = good.replace(from, to);
      assert.notEqual(bad, good);
      const alone = fs.mkdtempSync(path.join(home, "preview-"));
      fs.writeFileSync(path.join(alone, file), bad);
      const found = (await workflowProblems(alone, silent)).join("\n");
      for (const pattern of expected) assert.match(found, pattern);
    });
  }

  it("end well where what they run can be run here, and at once", async () => {
    const text = read(".github/workflows/odoo-ci.yml");
    for (const command of ["npm run addons:check -- addons", "npm run report:summary"]) {
      assert.ok(text.includes(`- run: ${command}\n`), command);
      const { status, stderr } = await ask("npm", command.split(" ").slice(1), root, 5 * 60_000);
      assert.equal(status, 0, stderr);
    }
  });

  it("are missed where there are none", async () => {
    const empty = fs.mkdtempSync(path.join(home, "empty-"));
    assert.equal((await workflowProblems(empty, silent)).length, 1);
  });

  it("deploy staging in the same way, but for the epoch", () => {
    const job = (file: string) => {
      const { jobs } = parse(read(`.github/workflows/${file}`)) as { jobs: { staging: Record<string, unknown> } };
      return jobs.staging;
    };
    const { if: condition, needs, ...push } = job("odoo-ci.yml");
    const { if: onMain, ...weekly } = job("rebuild.yml");
    assert.deepEqual(needs, ["checks", "tests", "image"]);
    assert.equal(condition, `${String(onMain)} && github.event_name != 'pull_request'`);
    assert.deepEqual(JSON.parse(JSON.stringify(push).replace("staging:up", "staging:rebuild")), weekly);
  });

  describe("that change production", () => {
    interface Parsed {
      readonly on: { readonly workflow_dispatch?: { readonly inputs?: Readonly<Record<string, unknown>> } };
      readonly concurrency: Readonly<Record<string, unknown>>;
      readonly jobs: Readonly<Record<string, { environment: string; permissions: object; steps: { run?: string }[] }>>;
    }
    const workflow = (file: string) => parse(read(`.github/workflows/${file}`)) as Parsed;

    it("wait for a reviewer, are never cut, and have one group for each stack", () => {
      const { on, concurrency, jobs } = workflow("promote.yml");
      assert.deepEqual(Object.keys(on), ["workflow_dispatch"]);
      assert.deepEqual(concurrency, { group: "production", "cancel-in-progress": false });
      assert.equal(jobs["promote"]?.environment, "production");
      const back = workflow("rollback.yml");
      assert.deepEqual(Object.keys(back.on), ["workflow_dispatch"]);
      assert.deepEqual(back.concurrency, { group: "${{ inputs.stack }}", "cancel-in-progress": false });
      assert.equal(back.jobs["rollback"]?.environment, "${{ inputs.stack }}");
      assert.deepEqual((back.on.workflow_dispatch?.inputs?.["stack"] as { options: unknown }).options, [
        "production",
        "staging",
      ]);
    });

    it("let what was typed into a form reach a program by its environment alone", () => {
      for (const file of ["promote.yml", "rollback.yml"]) {
        for (const line of read(`.github/workflows/${file}`)
          .split("\n")
          .filter((one) => one.includes("inputs.")))
          assert.match(line, /^ {10}[A-Z_]+: \$\{\{ inputs\.\w+ \}\}$|^ +(group|environment|runs-on): /);
      }
    });

    it("may read the repository and no more; what looks for drift writes issues as well", () => {
      for (const file of ["drift.yml", "promote.yml", "rollback.yml"]) {
        for (const { permissions } of Object.values(workflow(file).jobs)) {
          const more = file === "drift.yml" ? { issues: "write" } : {};
          assert.deepEqual(permissions, { contents: "read", ...more }, file);
        }
      }
    });
  });

  it("bring the Pulumi and the Node that the program is made for", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<
      string,
      Record<string, string>
    >;
    for (const file of files.filter((name) => name !== "preview-comment.yml")) {
      const text = read(`.github/workflows/${file}`);
      const versions = (name: string) =>
        new Set([...text.matchAll(new RegExp(`${name}: (\\S+)`, "g"))].map(([, one]) => one));
      assert.deepEqual([...versions("pulumi-version")], [dependencies?.["@pulumi/pulumi"]]);
      assert.deepEqual([...versions("node-version")], [devDependencies?.["node"]]);
    }
  });
});
