import { type Answer, request } from "../components/shared/http";
import type { Secret } from "../components/shared/secret";

/** A repository at GitHub, and who asks there. */
export interface Repository {
  /** `https://api.github.com` */
  readonly api: string;
  /** `owner/name` */
  readonly repository: string;
  readonly token: Secret;
}

/** Items of a list's page. */
export const perPage = 100;

/**
 * Sends one request about the repository.
 * @param what what is asked for, for messages
 * @param target below the repository, such as `issues?state=open`
 * @param refused the error to throw for an answer that is not 2xx
 * @throws ShipError that of `refused`, NETWORK_FAILURE, NETWORK_TIMEOUT
 */
export async function askGitHub(
  { api, repository, token }: Repository,
  what: string,
  [method, target, json]: readonly [method: string, target: string, json?: object],
  refused: (answer: Answer) => Error,
): Promise<string> {
  const url = `${api.replace(/\/$/, "")}/repos/${repository}/${target}`;
  const headers = {
    accept: "application/vnd.github+json",
    "x-github-api-version": "2022-11-28",
    ...(json !== undefined && { "content-type": "application/json" }),
  };
  const credential = { value: `Bearer ${token.reveal()}`, hosts: [URL.parse(api)?.host ?? ""] };
  const init = { method, headers, ...(json !== undefined && { body: JSON.stringify(json) }) };
  const answer = await request(what, url, init, undefined, credential);
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw refused(answer);
}

/** Reads a list whole, page by page. `read` makes the items of a page's text. */
export async function allPages<T>(
  target: string,
  get: (target: string) => Promise<string>,
  read: (text: string) => readonly T[],
): Promise<T[]> {
  const found: T[] = [];
  for (let page = 1; ; page++) {
    const items = read(await get(`${target}${target.includes("?") ? "&" : "?"}per_page=${perPage}&page=${page}`));
    found.push(...items);
    if (items.length < perPage) return found;
  }
}
