import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { text as textOf } from "node:stream/consumers";

import { Secret } from "../../components/shared/secret";
import { changesIn, errorsIn, issueText } from "../../scripts/drift";
import { tell } from "../../scripts/drift-issue";

const root = path.join(__dirname, "..", "..");
const [running, other] = ["a", "b"].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string];

interface Issue {
  readonly number: number;
  title: string;
  body: string | null;
  state: string;
  readonly user: { readonly type: string };
  readonly pull_request?: object;
}

/** As much of GitHub's API as is used, in memory. It refuses whoever has another token. */
class MadeUpGitHub {
  readonly issues: Issue[] = [];
  readonly asked: string[] = [];
  #server: Server | undefined;

  async start(): Promise<string> {
    this.#server = createServer((request, response) => {
      void textOf(request).then((body) => {
        this.asked.push(request.method ?? "");
        const known = request.headers.authorization === "Bearer planted-token";
        const [status, answer] = known ? this.#answer(request.method, request.url ?? "", body) : [401, {}];
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((done) => this.#server?.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    return new Promise((done) => this.#server?.close(() => done()));
  }

  add(title: string, type = "Bot", more: Partial<Issue> = {}): Issue {
    const issue = { number: this.issues.length + 1, title, body: "", state: "open", user: { type }, ...more };
    this.issues.push(issue);
    return issue;
  }

  #answer(method: string | undefined, target: string, body: string): [number, unknown] {
    const { pathname, searchParams } = new URL(target, "http://x");
    const [, number] = /^\/repos\/team\/erp\/issues(?:\/(\d+))?$/.exec(pathname) ?? [];
    if (!pathname.startsWith("/repos/team/erp/issues")) return [404, {}];
    if (method === "GET") {
      const [page, size] = [Number(searchParams.get("page")), Number(searchParams.get("per_page"))];
      return [200, this.issues.filter(({ state }) => state === "open").slice((page - 1) * size, page * size)];
    }
    const given = JSON.parse(body) as Partial<Issue>;
    if (method === "POST") return [201, this.add(given.title ?? "", "Bot", given)];
    const issue = this.issues.find((one) => one.number === Number(number));
    return issue === undefined ? [404, {}] : [200, Object.assign(issue, given)];
  }
}

const step = (op: string, name: string) => ({
  op,
  urn: `urn:pulumi:prod::odoo::odoo:vps:Vps$command:local/command:Command::${name}`,
  newState: { inputs: { password: "planted-value" } },
});
const preview = (...steps: object[]) => JSON.stringify({ steps, changeSummary: { same: 40 } });

describe("The drift of production", () => {
  it("is what a preview would change, by name and without a value", () => {
    const text = preview(step("same", "a"), step("update", "vps-host"), step("refresh", "b"), step("read", "c"));
    assert.deepEqual(changesIn(text), ["update  command:local/command:Command  vps-host"]);
    assert.deepEqual(changesIn("error: no stack"), []);
    const failed = { diagnostics: [{ severity: "error", message: "HOST_UNREACHABLE: no\n" }, { severity: "info" }] };
    assert.deepEqual(errorsIn(JSON.stringify(failed)), ["HOST_UNREACHABLE: no"]);
  });

  it("stands in a block that no name ends, and is never too long", () => {
    const text = issueText("prod", ["a ```\n# no heading", ...Array.from({ length: 70 }, (_, at) => `line ${at}`)]);
    assert.equal(text.split("```").length, 3);
    assert.match(text, /^and 21 more$/m);
  });
});

describe("The issue of a drift", () => {
  const title = "Drift of the stack prod";
  let github: MadeUpGitHub;
  let repository: Parameters<typeof tell>[0];
  beforeEach(async () => {
    github = new MadeUpGitHub();
    repository = { api: await github.start(), repository: "team/erp", token: new Secret("planted-token") };
  });
  afterEach(() => github.stop());
  const open = () => github.issues.filter(({ state }) => state === "open").map(({ number, body }) => [number, body]);

  it("is opened once, has what was found last, and is closed when nothing is", async () => {
    assert.deepEqual(await tell(repository, title, "one"), ["opened an issue"]);
    assert.deepEqual(await tell(repository, title, "one"), []);
    assert.deepEqual(open(), [[1, "one"]]);
    await tell(repository, title, "two");
    assert.deepEqual(open(), [[1, "two"]]);
    assert.deepEqual(await tell(repository, title, undefined), ["closed issue 1"]);
    assert.deepEqual(await tell(repository, title, undefined), []);
    assert.deepEqual(open(), []);
    await tell(repository, title, "three");
    assert.deepEqual(open(), [[2, "three"]]);
  });

  it("is found behind a hundred others, and a second one of it is closed", async () => {
    for (let count = 0; count < 130; count++) github.add("another");
    const [one, two] = [github.add(title), github.add(title)];
    await tell(repository, title, "text");
    assert.deepEqual([one.body, one.state, two.state], ["text", "open", "closed"]);
  });

  it("is never one that a person has written, nor a pull request, whatever its title", async () => {
    const strangers = [github.add(title, "User"), github.add(title, "Bot", { pull_request: {} })];
    await tell(repository, title, "text");
    await tell(repository, title, undefined);
    assert.deepEqual(
      strangers.map(({ body, state }) => [body, state]),
      [
        ["", "open"],
        ["", "open"],
      ],
    );
    assert.equal(github.issues.length, 3);
  });

  it("that may not be written is an error that says which permission is missing, and not which token", async () => {
    const refused = tell({ ...repository, token: new Secret("another-token") }, title, "text");
    await assert.rejects(refused, (error: Error) => {
      assert.match(error.message, /NETWORK_FAILURE[^]*HTTP 401[^]*issues: write/);
      assert.doesNotMatch(error.message, /another-token/);
      return true;
    });
  });
});

describe("A look for drift", () => {
  let home: string;
  let github: MadeUpGitHub;
  let api: string;
  beforeEach(async () => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), "drift-test-"));
    github = new MadeUpGitHub();
    api = await github.start();
  });
  afterEach(async () => {
    await github.stop();
    fs.rmSync(home, { recursive: true, force: true });
  });

  /** Runs the script with a Pulumi that prints a state, and then `answer` for a preview. */
  const look = async (named: string, answer: string, status: number) => {
    const outputs = { imageDigest: running };
    const resources = [
      { type: "pulumi:pulumi:Stack", urn: "urn:pulumi:prod::odoo::pulumi:pulumi:Stack::odoo-prod", outputs },
    ];
    fs.writeFileSync(path.join(home, "state.json"), JSON.stringify({ deployment: { resources } }));
    fs.writeFileSync(path.join(home, "answer"), answer);
    fs.writeFileSync(path.join(home, "Pulumi.prod.yaml"), `config:\n  image:digest: "${named}" # a word\n`);
    const program = [
      "#!/bin/sh",
      `echo "$* token=\${GITHUB_TOKEN-none}" >> ${home}/calls`,
      `[ "$1" = stack ] && exec cat ${home}/state.json`,
      `while [ "$1" != --config-file ]; do shift; done; cat "$2" > ${home}/compared`,
      `cat ${home}/answer; echo 'said beside it' >&2; exit ${status}`,
    ];
    fs.writeFileSync(path.join(home, "pulumi"), program.join("\n"), { mode: 0o755 });
    const env = {
      PATH: `${home}:/usr/bin:/bin`,
      GITHUB_TOKEN: "planted-token",
      GITHUB_API_URL: api,
      PRODUCTION_STACK: "",
    };
    const tsx = require.resolve("tsx");
    const child = spawn(process.execPath, ["--import", tsx, path.join(root, "scripts", "drift.ts")], {
      cwd: home,
      env: { ...env, GITHUB_REPOSITORY: "team/erp" },
    });
    const output = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    const ended = child.exitCode ?? (await new Promise((done) => child.on("close", done)));
    return { status: ended, output: output.join(""), calls: fs.readFileSync(path.join(home, "calls"), "utf8") };
  };

  it("that finds nothing says so, writes no issue, and gives the token to nobody else", async () => {
    const { status, output, calls } = await look(running, preview(step("same", "a")), 0);
    assert.equal(status, 0, output);
    assert.match(output, /^prod is as its stack says$/m);
    assert.deepEqual(github.asked, ["GET"]);
    assert.match(calls, /preview --refresh --expect-no-changes --json .*--stack prod/);
    assert.ok(!calls.includes("planted-token"));
  });

  it("that finds a change opens the issue, without a value, and fails", async () => {
    const { status, output } = await look(running, preview(step("update", "vps-host")), 255);
    assert.equal(status, 1);
    assert.match(github.issues[0]?.body ?? "", /^update {2}command:local\/command:Command {2}vps-host$/m);
    assert.doesNotMatch(output + String(github.issues[0]?.body), /planted-value|planted-token/);
  });

  it("tells a digest that nobody has committed, and compares what runs", async () => {
    const { status } = await look(other, preview(), 0);
    assert.equal(status, 1);
    assert.match(github.issues[0]?.body ?? "", /Pulumi\.prod\.yaml names sha256:b{12}, and sha256:a{12} runs: commit/);
    assert.match(fs.readFileSync(path.join(home, "compared"), "utf8"), new RegExp(`image:digest: "?${running}"?`));
    assert.match(fs.readFileSync(path.join(home, "Pulumi.prod.yaml"), "utf8"), new RegExp(other));
  });

  it("that could not be made is no pass, and leaves the issue as it is", async () => {
    const known = github.add("Drift of the stack prod", "Bot", { body: "before" });
    const failed = { steps: [], diagnostics: [{ severity: "error", message: "HOST_UNREACHABLE: no answer" }] };
    const { status, output } = await look(running, JSON.stringify(failed), 255);
    assert.equal(status, 1);
    assert.match(output, /SETTINGS_INVALID: whether prod .* was not checked[^]*HOST_UNREACHABLE[^]*said beside it/);
    assert.deepEqual([known.body, known.state, github.asked], ["before", "open", []]);
  });
});
