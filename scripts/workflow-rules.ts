import { parseDocument } from "yaml";

/** A workflow of GitHub Actions, as far as the rules look at it. */
interface Workflow {
  readonly on?: unknown;
  readonly jobs?: Readonly<Record<string, Job>>;
}

interface Job {
  readonly if?: string;
  readonly needs?: unknown;
  readonly permissions?: unknown;
  readonly "timeout-minutes"?: number;
  readonly environment?: unknown;
  readonly steps?: readonly Step[];
}

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

/** Keeps a job from all that is not on main, a fork's pull request above all. */
const mainOnly = "github.ref == 'refs/heads/main'";
/** Keeps a job from the pull requests of forks. */
const ownBranchOnly = "github.event.pull_request.head.repo.full_name == github.repository";
/** Environment whose secrets may only read. Its jobs alone run for pull requests with secrets. */
const readingEnvironment = "preview";
/** Rights of a job that a workflow starts which strangers may start. */
const postingRights: Readonly<Record<string, readonly unknown[]>> = {
  actions: ["read"],
  contents: ["read"],
  "pull-requests": ["write"],
};

/**
 * What this project asks of a workflow beside what actionlint and zizmor find: each step is an npm script that anyone
 * can run, or an action that is pinned with its version in a comment; each job has a time limit and permissions of its
 * own; secrets are on main alone, and in an environment. Previews are the one exception, for branches of this
 * repository.
 * @param scripts names of the npm scripts
 */
export function ruleProblems(text: string, scripts: readonly string[]): string[] {
  const document = parseDocument(text);
  if (document.errors.length > 0) return document.errors.map(({ message }) => `cannot be read: ${message}`);
  const { on, jobs = {} } = (document.toJS() ?? {}) as Workflow;
  const byPullRequests = events(on).includes("pull_request");
  return [
    ...events(on)
      .filter((event) => ["pull_request_target", "workflow_run", "issue_comment"].includes(event))
      .filter((event) => event !== "workflow_run" || !isPosting(text))
      .map((event) => `${event}: strangers start it, with secrets at hand`),
    ...[...text.matchAll(/^\s*(?:- )?uses: (.*)$/gm)]
      .filter(([, action = ""]) => !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))
      .map(([, action = ""]) => `${action}: pin the action by its whole commit, with its version in a comment`),
    ...Object.entries(jobs).flatMap(([name, job]) => [
      ...jobProblems(job, scripts).map((problem) => `job ${name}: ${problem}`),
      ...secretProblems(job, byPullRequests).map((problem) => `job ${name}: ${problem}`),
    ]),
    ...(/^env:/m.test(text) ? ["env of the whole workflow: give a variable to the step that needs it"] : []),
  ];
}

/**
 * Whether a workflow follows another one and does no more than post what that left: it has no secret, no right but to
 * comment, no code but main's, and unpacks what strangers packed outside of its checkout.
 */
export function isPosting(text: string): boolean {
  const document = parseDocument(text);
  if (document.errors.length > 0) return false;
  const { on, jobs = {} } = (document.toJS() ?? {}) as Workflow;
  const steps = Object.values(jobs).flatMap((job) => job.steps ?? []);
  const inputs = (action: string) =>
    steps.flatMap(({ uses, with: given }) => (uses?.startsWith(action) ? [given ?? {}] : []));
  return (
    events(on).join() === "workflow_run" &&
    !/\bsecrets\b|\bactions\/cache\b/.test(text.replaceAll(/^\s*#.*$/gm, "")) &&
    Object.values(jobs).every(({ permissions, environment }) => environment === undefined && mayPost(permissions)) &&
    inputs("actions/checkout@").every((given) => given["ref"] === undefined && given["repository"] === undefined) &&
    inputs("actions/download-artifact@").every((given) => String(given["path"]).startsWith("${{ runner.temp }}/"))
  );
}

function mayPost(permissions: unknown): boolean {
  if (typeof permissions !== "object" || permissions === null) return false;
  return Object.entries(permissions).every(([right, value]) => postingRights[right]?.includes(value) === true);
}

function events(on: unknown): string[] {
  if (typeof on === "string") return [on];
  return Array.isArray(on) ? on.map(String) : Object.keys(on ?? {});
}

function jobProblems({ permissions, "timeout-minutes": limit, steps = [] }: Job, scripts: readonly string[]): string[] {
  return [
    ...(limit === undefined ? ["no timeout-minutes"] : []),
    ...(permissions === undefined ? ["no permissions of its own"] : []),
    ...(steps.length === 0 ? ["no steps: what it runs stands elsewhere"] : []),
    ...steps.flatMap(({ run, uses }) => {
      if (run === undefined) return uses === undefined ? ["a step that runs nothing"] : [];
      const [, script = ""] = /^npm (?:run )?([\w:-]+)(?: --(?: [\w./-]+)+)?$/.exec(run) ?? [];
      if (script === "" || (!run.startsWith("npm run ") && run !== "npm test"))
        return [`${run}: a step is an npm script, and nothing else`];
      return scripts.includes(script) ? [] : [`${run}: package.json has no such script`];
    }),
  ];
}

/** Where a job uses secrets, it does not run for pull requests, and its environment says on which branches it may. */
function secretProblems(job: Job, byPullRequests: boolean): string[] {
  if (!/\bsecrets\b/.test(JSON.stringify(job))) return [];
  const conditions = (job.if ?? "").split("&&").map((part) => part.trim());
  if (job.environment === readingEnvironment) return previewProblems(job);
  const onMain = conditions.includes(mainOnly) && !/\|\||always\(\)|failure\(\)/.test(job.if ?? "");
  const kept = conditions.includes("github.event_name != 'pull_request'");
  return [
    ...(onMain ? [] : [`secrets, without \`if: ${mainOnly}\``]),
    ...(byPullRequests && !kept ? ["secrets in a job that runs for pull requests"] : []),
    ...(job.environment === undefined ? ["secrets outside an environment"] : []),
  ];
}

/** Where a job shows what a branch would do: it reads, for branches of this repository alone. */
function previewProblems({ if: condition, permissions }: Job): string[] {
  const reads = JSON.stringify(permissions) === JSON.stringify({ contents: "read" });
  return [
    ...(condition === ownBranchOnly ? [] : [`secrets of ${readingEnvironment}, without \`if: ${ownBranchOnly}\``]),
    ...(reads ? [] : [`secrets of ${readingEnvironment}, with more rights than contents: read`]),
  ];
}
