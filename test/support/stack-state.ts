import { pulumi } from "./sandbox-stack";

const sentinel = "4dabf18193072939515e22adb298388d";

interface State {
  readonly deployment: {
    readonly resources: readonly {
      readonly urn: string;
      readonly type: string;
      readonly custom?: boolean;
      readonly inputs?: Readonly<Record<string, unknown>>;
      readonly outputs?: unknown;
    }[];
  };
}

/** An object of Kubernetes. */
export interface Rendered extends Readonly<Record<string, unknown>> {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The stack's state, with the secrets in plain: it stays in memory. */
export class StackState {
  private constructor(private readonly state: State) {}

  static async read(): Promise<StackState> {
    return new StackState(JSON.parse((await pulumi("stack", "export", "--show-secrets")).stdout) as State);
  }

  /** Kubernetes' objects as the program has rendered them. */
  objects(): Rendered[] {
    return this.state.deployment.resources
      .filter(({ type }) => type.startsWith("kubernetes:"))
      .map(
        ({ inputs }) =>
          Object.fromEntries(
            Object.entries(opened(inputs) as object).filter(([name]) => !name.startsWith("__")),
          ) as Rendered,
      );
  }

  /** Every text that the state keeps encrypted and whose name says password or token, by where it is. */
  secrets(): Record<string, string> {
    const found: Record<string, string> = {};
    for (const { urn, inputs, outputs } of this.state.deployment.resources) {
      const name = urn.split("::").at(-1) ?? urn;
      for (const [place, text] of [...encrypted(inputs, name), ...encrypted(outputs, name)]) {
        if (/password|token/i.test(place) && text.length >= 16) found[place] = text;
      }
    }
    return found;
  }
}

/** The value with its secrets in plain. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== "object" || value === null) return value;
  if (sentinel in value && "plaintext" in value) return JSON.parse(String(value.plaintext));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, opened(one)]));
}

/** Where a state that was exported with its secrets in plain has them: each text by resource and property, such as `release-tags.stdin`. */
export function secretPlaces(exported: string): [place: string, text: string][] {
  const { deployment } = JSON.parse(exported) as State;
  return deployment.resources.flatMap(({ urn, inputs, outputs }) => {
    const name = urn.split("::").at(-1) ?? urn;
    return [...encrypted(inputs, name), ...encrypted(outputs, name)];
  });
}

/** The texts within what is encrypted, each with its place. */
function encrypted(value: unknown, place: string, within = false): [string, string][] {
  if (typeof value === "string") return within ? [[place, value]] : [];
  if (typeof value !== "object" || value === null) return [];
  if (sentinel in value && "plaintext" in value) return encrypted(JSON.parse(String(value.plaintext)), place, true);
  return Object.entries(value).flatMap(([name, one]) => encrypted(one, `${place}.${name}`, within));
}
