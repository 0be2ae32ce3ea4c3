import { type Declared, Hidden, type Rule, unknown } from "../declared";
import { containersOf } from "../workloads";

/** Refuses secrets that are read by whoever may read the state, a preview, a pod or a file of the host. */
export const plainSecrets: Rule = {
  name: "plain-secrets",
  refuses: "A secret in plain.",
  because: "who reads the state, a preview, `kubectl describe` or a Compose file has it then, and it stays in backups",
  remedy:
    "in code wrap it with pulumi.secret, or take it from a secret setting; give it to a container as a file " +
    "(NAME_FILE, secretKeyRef), never as a variable. Change what has stood in plain: it is known",
  check: (resource) => [...new Set([...inInputs(resource), ...inEnvironments(resource)])],
};

/** Names of inputs whose value is one to keep. Kubernetes has a `key` that is a name; public keys are for everybody. */
const secretName = /((password|passwd|passphrase|token|secret|credential)s?|(?<!(public|topology|host|^)_?)key)$/i;
/** Texts that are a secret wherever they stand. */
const secretTexts = [
  /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/,
  /\bdo[oprt]_v1_[0-9a-f]{32,}/,
  /\bgh[opsu]_[A-Za-z0-9]{30,}/,
  /\bglpat-[\w-]{20,}/,
  // Docker's logins, and those of a kubeconfig.
  /"auth": *"[A-Za-z0-9+/=]{8,}"/,
  /\bkind"?: *"?Config\b[^]*\b(client-key-data|token|password)"?: *"?[\w+/=.-]{8,}/,
];

/** Paths of inputs in plain; those below a hidden one are hidden. Never what stands there. */
function inInputs({ type, props }: Declared): string[] {
  const found: string[] = [];
  const kubernetesSecret = /^kubernetes:core\/v1:Secret(Patch)?$/.test(type);
  const look = (value: unknown, path: readonly string[]): void => {
    if (value instanceof Hidden || value === unknown || value === null) return;
    if (typeof value === "object") {
      for (const [name, inner] of Object.entries(value)) look(inner, [...path, name]);
      return;
    }
    if (typeof value !== "string" || value === "") return;
    // An element of a list has the name of the list.
    const name = path.findLast((step) => !/^\d+$/.test(step)) ?? "";
    const ofSecret = kubernetesSecret && (path[0] === "data" || path[0] === "stringData");
    if (ofSecret || secretName.test(name) || secretTexts.some((pattern) => pattern.test(value))) {
      found.push(`${path.join(".")} is in plain`);
    }
  };
  look(props, []);
  return found;
}

/** A container's variables are read by everybody who may look at it, however they came there. */
function inEnvironments(resource: Declared): string[] {
  return containersOf(resource).flatMap(({ place, environment }) =>
    environment
      .filter(([name, value]) => secretName.test(name) && isThere(value))
      .map(([name]) => `${place}: the variable ${name} is in plain`),
  );
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== unknown && value !== null && value !== "";
}
