/** What Pulumi shows in the place of a value that only the update will know. */
const unknownWords = /^(output<.*>|04da6b54-80e4-46f7-96ec-b56ff0331ba9|[\w-]*computed[\w-]*)$/;
export const unknown = "unknown";

/** Tokens of the services that the program speaks to, keys, and logins in addresses, by their form. */
const tokens = [
  /\b(?:do[opr]_v1_|gh[pousr]_|github_pat_|glpat-|pul-|xox[abprs]-|sk-|AKIA|eyJ)[\w.-]{8,}/g,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /\b(?:Bearer|Basic) [\w.+/=-]{8,}/g,
  /\bhttps:\/\/hooks\.slack\.com\/[\w/-]+/g,
];

/** Takes what has the form of a credential out of a text, whoever wrote it there. */
export function withoutTokens(text: string): string {
  return tokens.reduce((rest, form) => rest.replaceAll(form, "[secret]"), text);
}

/** Inputs that another update, or another login, changes, and that say nothing about what will run. */
const restless = new Set([
  "__defaults",
  "ATTEMPT",
  "CREATED",
  "REVISION",
  "VERSION",
  "imageName",
  "password",
  "registry",
  "skipPush",
  "stdin",
  "triggers",
  "username",
  "userData",
]);

/** Leaves out how the engine ends a name: another one in each preview that makes the resource anew. */
function withoutOwnEnd(text: string): string {
  return text.replace(/^([a-z][a-z0-9-]*)-[0-9a-f]{8}$/, "$1-…");
}

/** Leaves the hash out of the path of a build context: it says no more than the files in it. */
function withoutContent(text: string): string {
  return text.replace(/^(\.build\/[a-z]+\/)[0-9a-f]{16}\b/, "$1…");
}

/**
 * Flattens inputs into places and texts, such as `nodePool.size`: without credentials, attempts and dates. JSON within
 * a text is looked into. What only the update will know is `unknown`.
 */
export function steadyInputs(inputs: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (value: unknown, place: readonly string[]): void => {
    if (place.some((key) => restless.has(key))) return;
    const inner = typeof value === "string" ? jsonIn(value) : value;
    if (typeof inner === "object" && inner !== null) {
      for (const [key, one] of entriesOf(inner)) walk(one, [...place, key]);
      return;
    }
    const text = withoutContent(withoutOwnEnd(withoutTokens(String(inner))));
    found[withoutTokens(place.join("."))] = unknownWords.test(text) ? unknown : text;
  };
  walk(inputs, []);
  return found;
}

/** Entries of a list that have names, such as a container's variables, go by them: one more moves no other. */
function entriesOf(inner: object): [string, unknown][] {
  if (!Array.isArray(inner)) return Object.entries(inner);
  const names = inner.map((one: { name?: unknown } | null, at) => withoutOwnEnd(String(one?.name ?? at)));
  const distinct = new Set(names).size === names.length;
  return names.map((name, at) => [distinct ? name : String(at), inner[at] as unknown]);
}

function jsonIn(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Whether a text is a hash, or has one in it: it changes with what it is made of, which is told elsewhere. */
export function hasHash(text: string): boolean {
  return /(?<![0-9a-f])(?:[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})(?![0-9a-f])/.test(text);
}

/** Whether a value may be shown beside its place: short, plain, and no hash. */
export function isShowable(text: string): boolean {
  return /^[\w.:/ -]{1,60}$/.test(text) && !hasHash(text) && !/\w{24,}/.test(text) && withoutTokens(text) === text;
}
