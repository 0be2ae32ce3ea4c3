import type { z } from "zod";
import type { RegistryContents } from "../registry/contents";
import type { Actions } from "./actions";
import type { DatabaseFleet } from "./database-fleet";
import { ApiError, notFound, unprocessable } from "./errors";
import type { Fleet } from "./fleet";
import type { ClusterFleet } from "./kubernetes-fleet";
import type { Store } from "./state";

/** What a resource file needs to answer. */
export interface Context {
  readonly store: Store;
  readonly contents: RegistryContents;
  readonly actions: Actions;
  readonly fleet: Fleet;
  readonly clusters: ClusterFleet;
  readonly databases: DatabaseFleet;
}

export interface Reply {
  readonly status: number;
  /** Told as JSON. */
  readonly body?: unknown;
  /** Told as it is, in the place of a body. */
  readonly text?: { readonly type: string; readonly content: string };
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path with `:name` segments; a segment is decoded after the split, so `my%2Frepo` is one. */
  readonly path: string;
  readonly handle: (call: Call) => Reply | Promise<Reply>;
}

/** One request as a handler sees it. */
export class Call {
  constructor(
    readonly url: URL,
    private readonly parameters: ReadonlyMap<string, string>,
    private readonly rawBody: string,
  ) {}

  /** A `:name` segment of the path. */
  param(name: string): string {
    const value = this.parameters.get(name);
    if (value === undefined) {
      throw new Error(`the route has no parameter ${name}`);
    }
    return value;
  }

  /** The JSON body in the given shape; 400 when it is no JSON, 422 with every reason when the shape is wrong. */
  body<S extends z.ZodType>(schema: S): z.infer<S> {
    let value: unknown;
    try {
      value = this.rawBody === "" ? {} : JSON.parse(this.rawBody);
    } catch {
      throw new ApiError(400, "bad_request", "error parsing request body");
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      throw unprocessable(
        parsed.error.issues.map(({ path, message }) => [path.join("."), message].join(" ").trim()).join("; "),
      );
    }
    return parsed.data;
  }

  /** A whole number from the query; 422 outside of its bounds. */
  integer(name: string, bounds: { min: number; max: number }): number | undefined {
    const text = this.url.searchParams.get(name);
    if (text === null) {
      return undefined;
    }
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < bounds.min || value > bounds.max) {
      throw unprocessable(`${name} must be a whole number between ${bounds.min} and ${bounds.max}`);
    }
    return value;
  }
}

/** The first route that fits, and its parameters; 404 when none does. */
export function findRoute(routes: readonly Route[], method: string, pathname: string): [Route, Map<string, string>] {
  const segments = pathname.replace(/\/$/, "").split("/").map(decode);
  for (const route of routes) {
    const parameters = route.method === method ? match(route.path.split("/"), segments) : undefined;
    if (parameters !== undefined) {
      return [route, parameters];
    }
  }
  throw notFound("The resource you were accessing could not be found.");
}

function match(pattern: readonly string[], segments: readonly string[]): Map<string, string> | undefined {
  if (pattern.length !== segments.length) {
    return undefined;
  }
  const parameters = new Map<string, string>();
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    if (part.startsWith(":") && segment !== "") {
      parameters.set(part.slice(1), segment);
    } else if (part !== segment) {
      return undefined;
    }
  }
  return parameters;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ApiError(400, "bad_request", "the path is not correctly percent-encoded");
  }
}
