import { z } from "zod";

import { ShipError } from "../components/shared/errors";
import type { Answer } from "../components/shared/http";
import { allPages, askGitHub, type Repository } from "./github";

const issuesSchema = z.array(
  z.object({
    number: z.number(),
    title: z.string(),
    body: z.string().nullable().default(null),
    user: z.object({ type: z.string() }).nullable(),
    pull_request: z.unknown().optional(),
  }),
);

/**
 * Keeps one issue of a title: opens it, writes its text anew, or closes it. Those that a person has written stay as
 * they are, whatever their title. Of two that a lost answer has made, one is closed.
 * @param body undefined: nothing is to be told any more
 * @returns what was done, for the log
 * @throws ShipError NETWORK_FAILURE, NETWORK_TIMEOUT
 */
export async function tell(github: Repository, title: string, body: string | undefined): Promise<string[]> {
  const open = (await openIssues(github)).filter((issue) => issue.title === title);
  const [first, ...others] = body === undefined ? [undefined, ...open] : open;
  const done: string[] = [];
  if (body !== undefined && first === undefined) {
    await send(github, "POST", "issues", { title, body });
    done.push("opened an issue");
  }
  if (body !== undefined && first !== undefined && first.body !== body) {
    await send(github, "PATCH", `issues/${first.number}`, { body });
    done.push(`issue ${first.number} has what was found now`);
  }
  for (const issue of others) {
    if (issue === undefined) continue;
    await send(github, "PATCH", `issues/${issue.number}`, { state: "closed", state_reason: "completed" });
    done.push(`closed issue ${issue.number}`);
  }
  return done;
}

async function openIssues(github: Repository): Promise<z.output<typeof issuesSchema>> {
  const found = await allPages(
    "issues?state=open",
    (target) => send(github, "GET", target),
    (text) => issuesSchema.parse(JSON.parse(text)),
  );
  // A workflow's token is a bot's. Anybody may open an issue of the same title.
  return found.filter(({ user, pull_request }) => user?.type === "Bot" && pull_request === undefined);
}

function send(github: Repository, method: string, target: string, json?: object): Promise<string> {
  const what = `${method} ${target.split("?")[0] ?? ""}`;
  const error = (answer: Answer) => refused(github.repository, `${method} ${target}`, answer);
  return askGitHub(github, what, [method, target, json], error);
}

function refused(repository: string, asked: string, { status }: Answer): ShipError {
  return new ShipError({
    code: "NETWORK_FAILURE",
    summary: `GitHub does not let the issue of ${repository} be written or read`,
    found: `HTTP ${status} for ${asked}`,
    expected: "a token with the permission `issues: write`, and a repository whose issues are switched on",
    remedy: "look at the job's permissions, and at Settings → General → Features → Issues",
  });
}
