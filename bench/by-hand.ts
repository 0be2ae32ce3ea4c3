import { randomBytes } from "node:crypto";

import { dockerConfig } from "../sandbox/environment";
import { preparedImage } from "../sandbox/images/base";
import { run, until } from "../sandbox/process";
import type { Builder, Build } from "./builder";
import type { Deployed, OwnStack } from "./own-stack";

const namespace = "by-hand";
const port = 30_800;
const limitMs = 10 * 60_000;
/** The image's user. */
const security = { runAsUser: 100, runAsGroup: 101, fsGroup: 101 };

/**
 * Odoo on the same node, run by somebody who has a cluster and no program: one Deployment with a volume, PostgreSQL
 * beside it, and a port of the node. It has the same image, as many workers and the same limits as the product's pod.
 * It has no proxy, no guard and no network policies, and its scheduled jobs run in the same pod.
 */
export class ByHand {
  readonly #password = randomBytes(18).toString("hex");
  #count = 0;
  #workers = "";

  constructor(
    private readonly stack: OwnStack,
    private readonly builder: Builder,
    private readonly build: Pick<Build, "dockerfile" | "target">,
  ) {}

  /** Namespace, PostgreSQL, a database with the module, and the Deployment: what is there before the first change. */
  async install(progress: (line: string) => void): Promise<void> {
    this.#workers = await this.stack.kubectl([
      ...["--namespace", "odoo", "get", "deployment", "odoo", "--output"],
      `jsonpath={.spec.template.spec.containers[0].env[?(@.name=="WORKERS")].value}`,
    ]);
    progress("an image of the same tree");
    const image = await this.#buildAndPush(await this.stack.plan());
    await this.#apply([{ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }]);
    // The cluster puts the registry's login there a moment later, and a pod that is made before never gets it.
    const login = () =>
      this.#kubectl(
        "get",
        "serviceaccount",
        "default",
        "--ignore-not-found",
        "--output",
        "jsonpath={.imagePullSecrets}",
      );
    if (!(await until(async () => (await login()) !== "", 60_000, 500)))
      throw new Error("the cluster puts no login for the registry");
    await this.#apply(foundation(this.#password));
    await this.#kubectl("rollout", "status", "deployment/db", "--timeout=300s");
    progress("a database of its own");
    await this.#runOdoo("first", image, ["-i", "release_info", "--stop-after-init"]);
    await this.#apply(odoo(image, this.#environment()));
    await this.#kubectl("rollout", "status", "deployment/odoo", "--timeout=300s");
  }

  async deployed(): Promise<Deployed> {
    const node = `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`;
    const host = await this.stack.kubectl(["get", "nodes", "--output", node]);
    return { address: { host, port }, password: "admin" };
  }

  /**
   * Runs docker build && docker push && kubectl set image && kubectl rollout status. With `odoo -u`, a Job runs that of
   * the changed module before; where the door is closed, no pod of Odoo runs meanwhile.
   */
  async release(plan: Pick<Build, "context" | "args">, how: "image alone" | "odoo -u" | "closed"): Promise<void> {
    const image = await this.#buildAndPush(plan);
    if (how === "closed") {
      await this.#kubectl("scale", "deployment/odoo", "--replicas=0");
      await this.#kubectl("wait", "pod", "--selector=app=odoo", "--for=delete", "--timeout=300s");
    }
    if (how !== "image alone")
      await this.#runOdoo(`upgrade-${this.#count}`, image, ["-u", "release_info", "--stop-after-init"]);
    await this.#kubectl("set", "image", "deployment/odoo", `odoo=${image}`);
    if (how === "closed") await this.#kubectl("scale", "deployment/odoo", "--replicas=1");
    await this.#kubectl("rollout", "status", "deployment/odoo", "--timeout=300s");
  }

  /** Runs kubectl rollout undo && kubectl rollout status: the image before, on the data as they are; again, and it is undone. */
  async undo(): Promise<void> {
    await this.#kubectl("rollout", "undo", "deployment/odoo");
    await this.#kubectl("rollout", "status", "deployment/odoo", "--timeout=300s");
  }

  async #buildAndPush({ context, args }: Pick<Build, "context" | "args">): Promise<string> {
    this.#count += 1;
    const image = `${this.stack.images}:by-hand-${this.#count}`;
    await this.builder.build({ ...this.build, name: "by-hand", image, context, args, fresh: false }, () => undefined);
    await run("docker", ["push", "--quiet", image], {
      what: `pushing ${image}`,
      limitMs,
      env: { ...process.env, DOCKER_CONFIG: dockerConfig },
    });
    return image;
  }

  async #runOdoo(name: string, image: string, args: readonly string[]): Promise<void> {
    await this.#apply([job(name, image, args, this.#environment())]);
    await this.#kubectl("wait", `job/${name}`, "--for=condition=complete", "--timeout=300s");
  }

  #environment(): Environment {
    return {
      DB_HOST: "db",
      DB_PASSWORD: this.#password,
      ADMIN_PASSWD: this.#password,
      WORKERS: this.#workers,
      MAX_CRON_THREADS: "1",
    };
  }

  async #apply(items: readonly object[]): Promise<void> {
    await this.#kubectlWith(JSON.stringify({ apiVersion: "v1", kind: "List", items }), "apply", "--filename", "-");
  }

  #kubectl(...args: string[]): Promise<string> {
    return this.#kubectlWith("", ...args);
  }

  #kubectlWith(input: string, ...args: string[]): Promise<string> {
    return this.stack.kubectl(["--namespace", namespace, ...args], input);
  }
}

type Environment = Readonly<Record<string, string>>;

function foundation(password: string): object[] {
  const { pinned } = preparedImage("postgres");
  return [
    claim("db"),
    claim("filestore"),
    service("db", { ports: [{ port: 5432 }] }),
    deployment("db", {
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "db" } }],
      containers: [
        {
          name: "db",
          image: pinned,
          env: variables({
            POSTGRES_USER: "odoo",
            POSTGRES_DB: "odoo",
            POSTGRES_PASSWORD: password,
            PGDATA: "/data/pg",
          }),
          resources: { requests: { cpu: "50m", memory: "256Mi" }, limits: { cpu: "2", memory: "1Gi" } },
          readinessProbe: { exec: { command: ["pg_isready", "-h", "127.0.0.1", "-U", "odoo"] }, periodSeconds: 2 },
          volumeMounts: [{ name: "data", mountPath: "/data" }],
        },
      ],
    }),
    service("odoo", { type: "NodePort", ports: [{ port: 8069, nodePort: port }] }),
  ];
}

function odoo(image: string, environment: Environment): object[] {
  const pod = odooPod(image, environment);
  const [container] = pod.containers;
  // As often as the product's pod is asked, and for the same page.
  const probed = {
    ...container,
    readinessProbe: { httpGet: { path: "/web/login", port: 8069 }, periodSeconds: 5, timeoutSeconds: 10 },
  };
  return [deployment("odoo", { ...pod, containers: [probed] })];
}

function job(name: string, image: string, args: readonly string[], environment: Environment): object {
  const pod = odooPod(image, environment);
  const containers = pod.containers.map((container) => ({ ...container, args: [...args] }));
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace },
    spec: { backoffLimit: 0, template: { spec: { ...pod, containers, restartPolicy: "Never" } } },
  };
}

function odooPod(image: string, environment: Environment) {
  return {
    securityContext: security,
    volumes: [{ name: "filestore", persistentVolumeClaim: { claimName: "filestore" } }],
    containers: [
      {
        name: "odoo",
        image,
        env: variables(environment),
        // Requests are small so that both fit on one node; the limits are the product's.
        resources: { requests: { cpu: "50m", memory: "256Mi" }, limits: { cpu: "2", memory: "2Gi" } },
        volumeMounts: [{ name: "filestore", mountPath: "/var/lib/odoo" }],
      },
    ],
  };
}

function deployment(name: string, pod: object): object {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
  };
}

function service(name: string, spec: object): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { selector: { app: name }, ...spec },
  };
}

function claim(name: string): object {
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "2Gi" } } };
  return { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name, namespace }, spec };
}

function variables(values: Environment): { name: string; value: string }[] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}
