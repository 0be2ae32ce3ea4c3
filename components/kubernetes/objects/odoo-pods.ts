import type { input as k8s } from "@pulumi/kubernetes/types";

import { odooMounts, type OdooPodsArgs, odooVolumes, podEnvironment } from "./odoo-container";
import { users } from "../../odoo/users";
import type { OdooPodSize } from "./sizes";
import { filestoreLabel, labels, names, odooPorts, selector, type Unplaced } from "./names";
import { account, besideFilestore, containerSecurity, podSecurity, resources, spread, variables } from "./pods";
import { verifierContainers, verifierVolumes } from "./verifiers";

/**
 * Seconds of a pod's end: the guard serves on until the pod's address is forgotten, then lets requests end; what is
 * left is killed.
 */
const drain = { forgotten: 5, requests: 60, rest: 25 } as const;

/** Renders the Deployment of the pods that answer requests. */
export function webDeployment(args: OdooPodsArgs): Unplaced<k8s.apps.v1.Deployment> {
  const several = args.replicas > 1 || args.replicasMax > 1;
  return {
    metadata: {
      name: names.web,
      labels: labels("web", args.version),
      annotations: waited(progressSeconds(args.readySeconds)),
    },
    spec: {
      // Otherwise each update would undo the autoscaler's number.
      ...(args.replicasMax === 0 ? { replicas: args.replicas } : {}),
      revisionHistoryLimit: 5,
      progressDeadlineSeconds: progressSeconds(args.readySeconds),
      // A pod ends when another one answers in its place.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selector("web") },
      template: {
        metadata: { labels: { ...labels("web", args.version), ...filestoreLabel } },
        spec: {
          ...odooPod(args, args.size.web),
          ...(several ? { topologySpreadConstraints: spread(selector("web")) } : {}),
        },
      },
    },
  };
}

/**
 * Renders the Deployment of scheduled jobs: one pod at a time.
 *
 * If a release closed the door, or the pod does not start, Pulumi waits for the new pod. In a rolling release the old
 * pod may still be ready while it ends, and the wait may be over before the new one runs.
 */
export function cronDeployment(args: OdooPodsArgs): Unplaced<k8s.apps.v1.Deployment> {
  return {
    metadata: {
      name: names.cron,
      labels: labels("cron", args.version),
      annotations: waited(progressSeconds(args.readySeconds)),
    },
    spec: {
      replicas: 1,
      revisionHistoryLimit: 5,
      progressDeadlineSeconds: progressSeconds(args.readySeconds),
      strategy: { type: "Recreate" },
      selector: { matchLabels: selector("cron") },
      template: {
        metadata: { labels: { ...labels("cron", args.version), ...filestoreLabel } },
        spec: odooPod(args, args.size.cron),
      },
    },
  };
}

/** Annotates how long Pulumi waits. That is longer than Kubernetes does, which then tells the reason. */
export function waited(seconds: number): Record<string, string> {
  return { "pulumi.com/timeoutSeconds": String(seconds + 60) };
}

/** A first start pulls the image, and attaches volumes. */
export function progressSeconds(readySeconds: number): number {
  return readySeconds + 480;
}

function odooPod(args: OdooPodsArgs, size: OdooPodSize): k8s.core.v1.PodSpec {
  const affinity = besideFilestore(args.filestoreAccess);
  return {
    ...account(names.web),
    ...(affinity && { affinity }),
    securityContext: podSecurity(users.odoo),
    terminationGracePeriodSeconds: drain.forgotten + drain.requests + drain.rest,
    ...(args.verifier && { initContainers: verifierContainers(args.verifier) }),
    containers: [
      {
        name: "odoo",
        image: args.image,
        env: variables({
          ...podEnvironment(args, size),
          ODOO_GUARD: 1,
          ODOO_GUARD_DRAIN_SECONDS: drain.forgotten,
          ODOO_GUARD_GRACE_SECONDS: drain.requests,
          ODOO_GUARD_START_SECONDS: args.readySeconds,
        }),
        ports: [
          { name: "http", containerPort: odooPorts.http },
          { name: "websocket", containerPort: odooPorts.websocket },
          ...(args.probePort === undefined ? [] : [{ name: "probes", containerPort: args.probePort }]),
        ],
        resources: resources(size),
        securityContext: containerSecurity(),
        ...probes(args),
        volumeMounts: odooMounts(args),
      },
    ],
    volumes: [...odooVolumes(args, args.bodyMegabytes), ...verifierVolumes(args.verifier)],
  };
}

/**
 * Renders the probes. The guard answers for Odoo: a pod that is fenced for an upgrade is alive. Once it has started,
 * the other two are asked at once, so users need not wait for their turn.
 */
function probes({
  probePort,
  readySeconds,
}: OdooPodsArgs): Pick<k8s.core.v1.Container, "startupProbe" | "livenessProbe" | "readinessProbe"> {
  const asked = (kind: "started" | "live" | "ready", rhythm: { periodSeconds: number; failureThreshold: number }) => ({
    ...(probePort === undefined
      ? { exec: kind === "started" ? started : { command: ["python3", "/opt/odoo/guard.py", kind] } }
      : { httpGet: { path: `/${kind}`, port: "probes" } }),
    timeoutSeconds: 10,
    ...rhythm,
  });
  return {
    startupProbe: asked("started", { periodSeconds: 1, failureThreshold: readySeconds + 30 }),
    // Odoo itself ends a request after two minutes, so a pod that is busy with a few of those does not hang.
    livenessProbe: asked("live", { periodSeconds: 20, failureThreshold: 9 }),
    // One failure is enough: the guard says it seconds before it stops Odoo. A program in the container each second
    // would keep a small node busy.
    readinessProbe: asked("ready", { periodSeconds: probePort === undefined ? 5 : 1, failureThreshold: 1 }),
  };
}

/** An older image yet does not know the question, which is status 64: there its guard has to be alone. */
const started = {
  command: ["sh", "-c", "g=/opt/odoo/guard.py; python3 $g started; s=$?; [ $s = 64 ] && exec python3 $g live; exit $s"],
};

/**
 * Renders the Service that the edge reaches, inside of the namespace only. Pulumi would look at it for ten seconds more
 * once its pods serve, which it has waited for already.
 */
export function webService(): Unplaced<k8s.core.v1.Service> {
  return {
    metadata: { name: names.web, labels: labels("web"), annotations: { "pulumi.com/skipAwait": "true" } },
    spec: {
      type: "ClusterIP",
      selector: selector("web"),
      ports: [
        { name: "http", port: odooPorts.http, targetPort: "http" },
        { name: "websocket", port: odooPorts.websocket, targetPort: "websocket" },
      ],
    },
  };
}

/**
 * Renders a budget: draining a node ends one pod at a time. With a single replica there is no budget, since it would
 * keep the node from being drained at all.
 */
export function disruptionBudget(part: "web" | "edge"): Unplaced<k8s.policy.v1.PodDisruptionBudget> {
  return {
    metadata: { name: names[part], labels: labels(part) },
    // A pod that serves nobody does not keep its node from being drained.
    spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow", selector: { matchLabels: selector(part) } },
  };
}

/** Renders the autoscaler, which adds pods under load. */
export function autoscaler({
  replicas,
  replicasMax,
  replicasCpu,
}: Pick<
  OdooPodsArgs,
  "replicas" | "replicasMax" | "replicasCpu"
>): Unplaced<k8s.autoscaling.v2.HorizontalPodAutoscaler> {
  return {
    metadata: { name: names.web, labels: labels("web") },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: names.web },
      minReplicas: replicas,
      maxReplicas: replicasMax,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: replicasCpu } },
        },
      ],
    },
  };
}
