/**
 * Posts the preview of a pull request as its one comment, or brings that up to date. Run by a workflow of the base
 * repository after one that ran the pull request's code: so the text is a stranger's, and which pull request it is for
 * is asked of GitHub, and read from nothing that came with the text.
 *
 * Environment: GITHUB_TOKEN, GITHUB_REPOSITORY, GITHUB_EVENT_PATH, GITHUB_API_URL, and PREVIEW_FOLDER with `stack.md`
 * or `changes.md`.
 */
import * as fs from "node:fs";
import * as path from "node:path";

import { z } from "zod";

import { ShipError } from "../components/shared/errors";
import type { Answer } from "../components/shared/http";
import { jsonOf } from "../components/shared/json";
import { Secret } from "../components/shared/secret";
import { harmless } from "../preview/untrusted";
import { allPages, askGitHub, perPage } from "./github";

const marker = "<!-- preview of this pull request -->";
const author = "github-actions[bot]";
const mostBytes = 1_000_000;

const eventSchema = z.object({
  workflow_run: z.object({
    event: z.literal("pull_request"),
    head_sha: z.string().regex(/^[0-9a-f]{40}$/),
    head_branch: z.string().min(1),
    head_repository: z.object({ full_name: z.string(), owner: z.object({ login: z.string() }) }),
  }),
});
type Run = z.output<typeof eventSchema>["workflow_run"];

const repository = z.object({ full_name: z.string() });
const pullsSchema = z.array(
  z.object({
    number: z.number().int(),
    head: z.object({ sha: z.string(), repo: repository.nullable() }),
    base: z.object({ repo: repository }),
  }),
);
const commentsSchema = z.array(
  z.object({ id: z.number().int(), body: z.string().nullish(), user: z.object({ login: z.string() }).nullish() }),
);

/** Where the comment goes, and by whose word. */
export interface Place {
  readonly apiUrl: string;
  readonly token: string;
  /** `owner/name` of the base repository. */
  readonly repository: string;
  /** What GitHub tells of the run that wrote the text, as JSON. */
  readonly event: string;
  /** Folder with the text. */
  readonly folder: string;
}

/**
 * Posts or updates the comment.
 * @returns what was done, in words
 * @throws ShipError SETTINGS_INVALID, API_AUTH_FAILURE, NETWORK_FAILURE
 */
export async function postPreview(place: Place): Promise<string> {
  const run = read(eventSchema, place.event, "the event that started this").workflow_run;
  const fork = run.head_repository.full_name !== place.repository;
  const text = textIn(place.folder, fork);
  if (text === undefined) return "the preview has left no text: there is nothing to post";
  const number = await pullRequestOf(place, run);
  if (number === undefined) return `no open pull request is at ${run.head_sha} any more: there is nothing to post`;
  const body = `${marker}\n${text}`;
  const [first, ...more] = await ownComments(place, number);
  if (first === undefined) await call(place, "POST", `issues/${number}/comments`, { body });
  else await call(place, "PATCH", `issues/comments/${first}`, { body });
  // A request that was sent twice, as its first answer was lost.
  for (const id of more) await call(place, "DELETE", `issues/comments/${id}`);
  return `the comment of pull request ${number} is current`;
}

/** The text, made harmless, with what the reader has to know of where it comes from. */
function textIn(folder: string, fork: boolean): string | undefined {
  const stack = fork ? undefined : regularFile(path.join(folder, "stack.md"));
  const text = stack ?? regularFile(path.join(folder, "changes.md"));
  if (text === undefined) return undefined;
  const origin = fork
    ? ["> From a fork: its own code has written this text. Believe the difference, not the words.", ""]
    : stack === undefined
      ? ["> The stack's preview did not come to its end: the page of its run tells why.", ""]
      : [];
  return [...origin, harmless(text)].join("\n");
}

function regularFile(file: string): string | undefined {
  const found = fs.lstatSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true || found.size > mostBytes) return undefined;
  return fs.readFileSync(file, "utf8");
}

/** The one open pull request of this repository whose head is what ran; undefined if it has moved on. */
async function pullRequestOf(place: Place, run: Run): Promise<number | undefined> {
  const { head_repository: from, head_branch: branch, head_sha: sha } = run;
  const query = new URLSearchParams({
    state: "open",
    head: `${from.owner.login}:${branch}`,
    per_page: String(perPage),
  });
  const text = await call(place, "GET", `pulls?${query.toString()}`);
  const found = read(pullsSchema, text, "the pull requests").filter(
    ({ head, base }) =>
      head.sha === sha && head.repo?.full_name === from.full_name && base.repo.full_name === place.repository,
  );
  // Of several, each with another target, nobody can tell which one the text compares with.
  return found.length === 1 ? found[0]?.number : undefined;
}

/** Ids of this program's own comments, the oldest first. Somebody else's with the same beginning is not one. */
async function ownComments(place: Place, number: number): Promise<number[]> {
  const found = await allPages(
    `issues/${number}/comments`,
    (target) => call(place, "GET", target),
    (text) => read(commentsSchema, text, "the comments"),
  );
  const own = found.filter(({ body, user }) => user?.login === author && body?.startsWith(marker) === true);
  return own.map(({ id }) => id);
}

function call(place: Place, method: string, target: string, content?: object): Promise<string> {
  const { apiUrl: api, repository, token } = place;
  const what = `asking GitHub for the pull request's comment (${method})`;
  const refused = ({ status }: Answer) =>
    new ShipError({
      code: status === 401 || status === 403 ? "API_AUTH_FAILURE" : "NETWORK_FAILURE",
      summary: "the comment of the pull request is not current",
      found: `HTTP ${status} from ${api}/repos/${repository}/${target.split("?")[0] ?? ""}`,
      expected: "a token with pull-requests: write, and an answer of 2xx",
      remedy: "look at the job's permissions in .github/workflows/preview-comment.yml, then run it again",
    });
  return askGitHub({ api, repository, token: new Secret(token) }, what, [method, target, content], refused);
}

function read<S extends z.ZodType>(schema: S, text: string, what: string): z.output<S> {
  const found = schema.safeParse(jsonOf(text));
  if (found.success) return found.data;
  throw new ShipError({
    code: "SETTINGS_INVALID",
    summary: "the comment of the pull request is not current",
    found: `${what}: ${found.error.issues.map(({ path: at, message }) => `${at.join(".")}: ${message}`).join("; ")}`,
    expected: "what GitHub's reference describes, of a run for a pull request",
    remedy: "this runs in .github/workflows/preview-comment.yml, after a preview; docs/ci.md",
  });
}

async function main(environment: NodeJS.ProcessEnv): Promise<void> {
  const variable = (name: string) => environment[name] ?? "";
  const done = await postPreview({
    apiUrl: environment["GITHUB_API_URL"] ?? "https://api.github.com",
    token: variable("GITHUB_TOKEN"),
    repository: variable("GITHUB_REPOSITORY"),
    event: fs.readFileSync(variable("GITHUB_EVENT_PATH"), "utf8"),
    folder: variable("PREVIEW_FOLDER"),
  });
  console.log(done);
}

if (require.main === module) {
  void main(process.env).catch((error: unknown) => {
    console.error(error instanceof ShipError ? error.message : error);
    process.exitCode = 1;
  });
}
