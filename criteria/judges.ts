import { z } from "zod";

import { jsonOf } from "../components/shared/json";

/** Facts that a criterion is judged by. */
export interface Facts {
  /** `doks:namespace` */
  readonly namespace: string;
  /** `doks:domain` */
  readonly domain: string;
  /** Digest that the last update has released, `sha256:…`. */
  readonly digest: string;
  /** `doks:replicas` */
  readonly replicas: number;
}

/** Says what is not so in an answer; undefined if all is. A text that is not as expected is no pass. */
export type Judge = (answer: string, facts: Facts) => string | undefined;

const labelled = z.object({
  name: z.string(),
  labels: z.record(z.string(), z.string()).optional(),
  namespace: z.string().optional(),
});
const condition = z.object({ type: z.string(), status: z.string() });
const security = z
  .object({
    runAsNonRoot: z.boolean().optional(),
    readOnlyRootFilesystem: z.boolean().optional(),
    allowPrivilegeEscalation: z.boolean().optional(),
    privileged: z.boolean().optional(),
    capabilities: z.object({ drop: z.array(z.string()).optional() }).optional(),
  })
  .optional();
const container = z.object({
  name: z.string(),
  image: z.string(),
  securityContext: security,
  readinessProbe: z.unknown().optional(),
  livenessProbe: z.unknown().optional(),
  startupProbe: z.unknown().optional(),
  resources: z
    .object({
      limits: z.record(z.string(), z.string()).optional(),
      requests: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
});
const pod = z.object({
  metadata: labelled,
  spec: z.object({
    automountServiceAccountToken: z.boolean().optional(),
    securityContext: security,
    containers: z.array(container),
  }),
  status: z.object({ conditions: z.array(condition).optional() }),
});

/** A judge of a list of objects, as `kubectl get … -o json` prints it. */
function ofList<T>(schema: z.ZodType<T>, judge: (items: readonly T[], facts: Facts) => readonly string[]): Judge {
  const list = z.object({ items: z.array(schema) });
  return (answer, facts) => {
    const result = list.safeParse(jsonOf(answer));
    return result.success ? joined(judge(result.data.items, facts)) : "the answer is not what kubectl prints";
  };
}

function ofObject<T>(schema: z.ZodType<T>, judge: (found: T, facts: Facts) => readonly string[]): Judge {
  return (answer, facts) => {
    const result = schema.safeParse(jsonOf(answer));
    return result.success ? joined(judge(result.data, facts)) : "the answer is not what kubectl prints";
  };
}

const isReady = (conditions: readonly z.infer<typeof condition>[] = []) =>
  conditions.some(({ type, status }) => type === "Ready" && status === "True");

export const nodesReady = ofList(
  z.object({ metadata: labelled, status: z.object({ conditions: z.array(condition).optional() }) }),
  (nodes) => [
    ...(nodes.length === 0 ? ["there is no node"] : []),
    ...nodes.filter(({ status }) => !isReady(status.conditions)).map(({ metadata }) => `${metadata.name} is not ready`),
  ],
);

export const restricted = ofObject(z.object({ metadata: labelled }), ({ metadata }) => {
  const enforced = metadata.labels?.["pod-security.kubernetes.io/enforce"] ?? "nothing";
  return enforced === "restricted" ? [] : [`the namespace enforces ${enforced}`];
});

/** Pods of one kind: enough of them, ready, with the digest that was released. */
const serving = (least: (facts: Facts) => number, most: number) =>
  ofList(pod, (pods, facts) => [
    ...(pods.length < least(facts) ? [`${pods.length} pods, and ${least(facts)} are asked for`] : []),
    ...(pods.length > most ? [`${pods.length} pods, and ${most} may be there`] : []),
    ...pods.flatMap(({ metadata, spec, status }) => [
      ...(isReady(status.conditions) ? [] : [`${metadata.name} is not ready`]),
      ...spec.containers
        .filter(({ name, image }) => name === "odoo" && !image.endsWith(`@${facts.digest}`))
        .map(({ image }) => `${metadata.name} runs ${image}`),
      ...(spec.containers.some(({ name }) => name === "odoo") ? [] : [`${metadata.name} has no container odoo`]),
    ]),
  ]);

export const webServes = serving(({ replicas }) => replicas, Infinity);
export const oneCron = serving(() => 1, 1);

export const hardened = ofList(pod, (pods) => [
  ...(pods.length === 0 ? ["there is no pod"] : []),
  ...pods.flatMap(({ metadata, spec }) => [
    ...(spec.automountServiceAccountToken === false ? [] : [`${metadata.name} has a token of the cluster`]),
    ...spec.containers.flatMap((one) => {
      const own = one.securityContext;
      const wrong: readonly [string, boolean][] = [
        ["may be root", !(own?.runAsNonRoot ?? spec.securityContext?.runAsNonRoot ?? false)],
        ["may write to its root", own?.readOnlyRootFilesystem !== true],
        ["may gain rights", own?.allowPrivilegeEscalation !== false || own.privileged === true],
        ["has capabilities", own?.capabilities?.drop?.includes("ALL") !== true],
        ["has no limit of memory", one.resources?.limits?.["memory"] === undefined],
      ];
      return wrong.filter(([, is]) => is).map(([words]) => `${metadata.name}/${one.name} ${words}`);
    }),
  ]),
]);

export const probed = ofList(pod, (pods) => [
  ...(pods.length === 0 ? ["there is no pod"] : []),
  ...pods.flatMap(({ metadata, spec }) =>
    spec.containers
      .filter(({ name }) => name === "odoo")
      .flatMap((one) =>
        (["startupProbe", "readinessProbe", "livenessProbe"] as const)
          .filter((probe) => one[probe] === undefined || one[probe] === null)
          .map((probe) => `${metadata.name} has no ${probe}`),
      ),
  ),
]);

export const jobsEnded = ofList(
  z.object({
    metadata: labelled,
    status: z.object({ succeeded: z.number().optional(), active: z.number().optional() }),
  }),
  (jobs) => [
    ...(jobs.some(({ status }) => (status.succeeded ?? 0) > 0) ? [] : ["no release has come to its end"]),
    ...jobs.filter(({ status }) => (status.active ?? 0) > 0).map(({ metadata }) => `${metadata.name} is under way`),
  ],
);

export const denied = ofList(
  z.object({
    metadata: labelled,
    spec: z.object({
      podSelector: z.record(z.string(), z.unknown()),
      policyTypes: z.array(z.string()).optional(),
      ingress: z.array(z.unknown()).optional(),
      egress: z.array(z.unknown()).optional(),
    }),
  }),
  (policies) =>
    policies.some(
      ({ spec }) =>
        Object.keys(spec.podSelector).length === 0 &&
        ["Ingress", "Egress"].every((type) => spec.policyTypes?.includes(type)) &&
        (spec.ingress ?? []).length === 0 &&
        (spec.egress ?? []).length === 0,
    )
      ? []
      : ["no policy forbids what the others do not allow"],
);

export const onlyEdgeOutside = ofList(
  z.object({ metadata: labelled, spec: z.object({ type: z.string().optional() }) }),
  (services) => {
    const outside = services.filter(({ spec }) => spec.type !== undefined && !/^ClusterIP$/.test(spec.type));
    return [
      ...(outside.some(({ metadata }) => metadata.name === "odoo-edge") ? [] : ["the proxy cannot be reached"]),
      ...outside
        .filter(({ metadata }) => metadata.name !== "odoo-edge")
        .map(({ metadata, spec }) => `${metadata.name} can be reached from outside (${spec.type ?? ""})`),
    ];
  },
);

export const bound = ofList(
  z.object({ metadata: labelled, status: z.object({ phase: z.string().optional() }) }),
  (claims) => [
    ...(claims.some(({ metadata }) => metadata.name === "odoo-filestore") ? [] : ["there is no claim odoo-filestore"]),
    ...claims
      .filter(({ status }) => status.phase !== "Bound")
      .map(({ metadata, status }) => `${metadata.name} is ${status.phase ?? "nothing"}`),
  ],
);

export const retained = ofList(
  z.object({
    metadata: labelled,
    spec: z.object({
      persistentVolumeReclaimPolicy: z.string().optional(),
      claimRef: z.object({ namespace: z.string().optional(), name: z.string().optional() }).optional(),
    }),
  }),
  (volumes, { namespace }) => {
    const ours = volumes.filter(({ spec }) => spec.claimRef?.namespace === namespace);
    return [
      ...(ours.length === 0 ? ["there is no volume of the namespace"] : []),
      ...ours
        .filter(({ spec }) => spec.persistentVolumeReclaimPolicy !== "Retain")
        .map(({ spec }) => `the disk of ${spec.claimRef?.name ?? "a claim"} goes with its claim`),
    ];
  },
);

/** A judge of what `curl` prints: the whole of it has to match. */
export function printed(pattern: RegExp): Judge {
  return (answer) =>
    pattern.test(answer.trim()) ? undefined : `it answers ${JSON.stringify(answer.trim().slice(0, 200))}`;
}

function joined(problems: readonly string[]): string | undefined {
  return problems.length === 0 ? undefined : problems.join("; ");
}
