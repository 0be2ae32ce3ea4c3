import assert from "node:assert/strict";
import * as fs from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as os from "node:os";
import * as path from "node:path";

import { type Place, postPreview } from "../../scripts/comment";

const sha = "a".repeat(40);
const marker = "<!-- preview of this pull request -->";
interface Pull {
  number: number;
  head: { sha: string; repo: { full_name: string } | null };
  base: { repo: { full_name: string } };
}
interface Comment {
  id: number;
  body: string;
  user: { login: string };
}

/** GitHub's API, as far as it is asked. */
describe("the comment of a pull request", () => {
  let server: Server;
  let folder: string;
  let pulls: Pull[];
  let comments: Comment[];
  let calls: string[];
  let status: number | undefined;

  before(async () => {
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        const { method = "", url = "", headers } = request;
        calls.push(`${method} ${url}`);
        const answer = headers.authorization === "Bearer token-of-the-job" ? answerTo(method, url, body) : undefined;
        response.statusCode = status ?? (answer === undefined ? 401 : 200);
        response.end(JSON.stringify(answer ?? {}));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  after(() => server.close());
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "comment-"));
    pulls = [
      { number: 7, head: { sha, repo: { full_name: "stranger/odoo" } }, base: { repo: { full_name: "team/odoo" } } },
    ];
    comments = [{ id: 1, body: `${marker}\nnot mine`, user: { login: "stranger" } }];
    [calls, status] = [[], undefined];
    fs.writeFileSync(path.join(folder, "changes.md"), "by Git, @owner\n");
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  function answerTo(method: string, url: string, body: string): unknown {
    const [, id = ""] = /\/issues\/comments\/(\d+)$/.exec(url) ?? [];
    const text = () => (JSON.parse(body) as { body: string }).body;
    if (method === "POST")
      comments.push({ id: 100 + comments.length, body: text(), user: { login: "github-actions[bot]" } });
    if (method === "DELETE") comments = comments.filter((one) => String(one.id) !== id);
    if (method === "PATCH") for (const one of comments) if (String(one.id) === id) one.body = text();
    if (method !== "GET") return {};
    return url.includes("/pulls?") ? pulls : comments;
  }

  const post = (from = "stranger/odoo", change: Partial<Place> = {}) =>
    postPreview({
      apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      token: "token-of-the-job",
      repository: "team/odoo",
      event: JSON.stringify({
        workflow_run: {
          event: "pull_request",
          head_sha: sha,
          head_branch: "a&b",
          head_repository: { full_name: from, owner: { login: from.split("/")[0] } },
        },
      }),
      folder,
      ...change,
    });
  const own = () => comments.filter(({ user }) => user.login !== "stranger").map(({ body }) => body);

  it("is one, kept current, and not somebody else's with the same beginning", async () => {
    assert.match(await post(), /pull request 7 is current/);
    fs.writeFileSync(path.join(folder, "changes.md"), "again\n");
    await post();
    assert.equal(own().length, 1);
    assert.match(own()[0] ?? "", /again/);
    assert.equal(comments[0]?.body, `${marker}\nnot mine`);
    assert.ok(calls[0]?.includes("head=stranger%3Aa%26b"), calls[0]);
  });

  it("says that a fork has written it, takes no preview of a stack from one, and mentions nobody", async () => {
    fs.writeFileSync(path.join(folder, "stack.md"), "planted by the fork\n");
    await post();
    assert.match(own()[0] ?? "", /From a fork/);
    assert.doesNotMatch(own()[0] ?? "", /planted by the fork|@owner/);
  });

  it("is the stack's where a branch of the repository has one, and says where it is missing", async () => {
    const repository = pulls[0]?.head.repo;
    assert.ok(repository);
    repository.full_name = "team/odoo";
    await post("team/odoo");
    assert.match(own()[0] ?? "", /did not come to its end[^]*by Git/);
    fs.writeFileSync(path.join(folder, "stack.md"), "of the stack\n");
    await post("team/odoo");
    assert.match(own()[0] ?? "", /of the stack/);
    assert.doesNotMatch(own()[0] ?? "", /by Git|From a fork/);
  });

  it("is not written for a pull request that has moved on, is another fork's, or cannot be told from another", async () => {
    const [pull] = pulls;
    assert.ok(pull);
    for (const others of [
      [],
      [{ ...pull, head: { ...pull.head, sha: "b".repeat(40) } }],
      [{ ...pull, head: { sha, repo: { full_name: "victim/odoo" } } }],
      [{ ...pull, head: { sha, repo: null } }],
      [pull, { ...pull, number: 8 }],
    ]) {
      pulls = others;
      assert.match(await post(), /nothing to post/);
    }
    assert.deepEqual(own(), []);
  });

  it("follows no link out of its folder, and reads nothing that is too long", async () => {
    fs.rmSync(path.join(folder, "changes.md"));
    fs.symlinkSync("/etc/passwd", path.join(folder, "changes.md"));
    assert.match(await post(), /has left no text/);
    fs.rmSync(path.join(folder, "changes.md"));
    fs.writeFileSync(path.join(folder, "changes.md"), "x".repeat(1_000_001));
    assert.match(await post(), /has left no text/);
    assert.deepEqual(calls, []);
  });

  it("takes a second one away that a repeated request made", async () => {
    await post();
    comments.push({ id: 999, body: `${marker}\nagain`, user: { login: "github-actions[bot]" } });
    await post();
    assert.equal(own().length, 1);
  });

  it("says what a refused token lacks, without the token, and refuses an event of another kind", async () => {
    status = 403;
    await assert.rejects(post(), (error: Error) => {
      assert.match(error.message, /API_AUTH_FAILURE[^]*pull-requests: write/);
      return !error.message.includes("token-of-the-job");
    });
    await assert.rejects(post("a/b", { event: '{"workflow_run": {"event": "push"}}' }), /SETTINGS_INVALID/);
  });
});
