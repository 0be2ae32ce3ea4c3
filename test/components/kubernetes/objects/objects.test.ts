import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { stringify } from "yaml";

import { caddyfile } from "../../../../components/proxy/caddyfile";
import { privateRanges } from "../../../../components/proxy/places";
import { ShipError } from "../../../../components/shared/errors";
import { assertGolden } from "../../../support/golden-text";
import { digestOf, podsOf, type Rendered, render, shared } from "../../../support/kubernetes-objects";
import { usualSite } from "../../../support/site";

const dumped = {
  "backup:destination": "ssh://backup@dumps.example.com:2222/odoo",
  "backup:hostKey": `ssh-ed25519 ${"A".repeat(68)}`,
  "backup:privateKey": "planted key",
  "backup:keep": "7",
};
const variants: Record<string, Record<string, string>> = {
  small: {},
  large: {
    ...shared,
    "doks:replicasMax": "6",
    "doks:tls": "files",
    "doks:tlsCertificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "doks:tlsKey": "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----",
    "doks:databaseMode": "managed",
    "doks:databaseSize": "db-s-8vcpu-32gb",
    ...dumped,
  },
};
const all = Object.entries(variants).map(([name, changes]) => [name, render(changes).objects] as const);

function find(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `no ${kind} ${name}`);
  return found;
}

function pod(name: string, changes: Record<string, string> = {}, fromBefore = false) {
  const found = podsOf(render(changes, undefined, fromBefore).objects).get(name);
  assert.ok(found, `no ${name}`);
  const [container, ...others] = found.pod.containers;
  assert.ok(container !== undefined && others.length === 0, name);
  return {
    ...found,
    container,
    env: Object.fromEntries(container.env.map(({ name: key, value }): [string, string | undefined] => [key, value])),
  };
}

describe("the objects of a Kubernetes target", () => {
  for (const [name, objects] of all) {
    it(`read as they are committed: ${name}`, () => {
      assertGolden(
        `kubernetes/${name}.yaml`,
        objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n"),
      );
    });
  }

  it("keep the restricted Pod Security Standard, which the namespace enforces", () => {
    for (const [variant, objects] of all) {
      assert.equal(
        find(objects, "Namespace", "odoo").metadata.labels?.["pod-security.kubernetes.io/enforce"],
        "restricted",
      );
      for (const [name, { pod: spec }] of podsOf(objects)) {
        const where = `${variant}: ${name}`;
        for (const key of ["hostNetwork", "hostPID", "hostIPC", "hostUsers"]) {
          assert.equal((spec as unknown as Record<string, unknown>)[key], undefined, where);
        }
        assert.equal(spec.securityContext["runAsNonRoot"], true, where);
        assert.ok(Number(spec.securityContext["runAsUser"]) > 0, where);
        assert.deepEqual(spec.securityContext["seccompProfile"], { type: "RuntimeDefault" }, where);
        for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
          assert.equal(container.securityContext["allowPrivilegeEscalation"], false, where);
          assert.deepEqual(container.securityContext.capabilities.drop, ["ALL"], where);
          assert.deepEqual(
            container.securityContext.capabilities.add ?? [],
            name === "Deployment/odoo-edge" ? ["NET_BIND_SERVICE"] : [],
            where,
          );
        }
        const kinds = spec.volumes.flatMap((volume) => Object.keys(volume).filter((key) => key !== "name"));
        assert.deepEqual(
          kinds.filter(
            (kind) => !["configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"].includes(kind),
          ),
          [],
          where,
        );
      }
    }
  });

  it("go beyond it: read-only roots, numeric users, limits, no token, no neighbours in the environment", () => {
    for (const [variant, objects] of all) {
      for (const [name, { pod: spec }] of podsOf(objects)) {
        const where = `${variant}: ${name}`;
        assert.equal(spec.automountServiceAccountToken, false, where);
        assert.equal(spec.enableServiceLinks, false, where);
        assert.equal(find(objects, "ServiceAccount", spec.serviceAccountName).kind, "ServiceAccount");
        for (const { securityContext, resources, image } of spec.containers) {
          assert.equal(securityContext["readOnlyRootFilesystem"], true, where);
          assert.deepEqual(Object.keys(resources.limits), ["cpu", "memory"], where);
          assert.deepEqual(Object.keys(resources.requests), ["cpu", "memory"], where);
          assert.match(image, /^[a-z0-9.:/-]+@sha256:[0-9a-f]{64}$/, where);
        }
        for (const volume of spec.volumes) {
          const directory = volume["emptyDir"] as { medium?: string; sizeLimit?: string } | undefined;
          // Bodies that come in may be more than the proxy's memory.
          const medium = volume.name === "spool" ? undefined : "Memory";
          assert.ok(
            directory === undefined || (directory.medium === medium && /^\d+Mi$/.test(directory.sizeLimit ?? "")),
            where,
          );
        }
      }
      for (const { kind, ...account } of objects) {
        assert.ok(
          kind !== "ServiceAccount" ||
            (account as { automountServiceAccountToken?: boolean }).automountServiceAccountToken === false,
        );
      }
    }
  });

  it("run as the users that the images know", () => {
    const user = (name: string) => pod(name).pod.securityContext;
    for (const [name, uid, gid] of [
      ["Deployment/odoo", 100, 101],
      ["Deployment/odoo-cron", 100, 101],
      ["Job/odoo-upgrade-0123456789abcdef", 100, 101],
      ["StatefulSet/odoo-db", 999, 999],
      ["Job/odoo-db-fits-bbbbbbbbbbbb", 999, 999],
      ["Deployment/odoo-edge", 1000, 1000],
    ] as const) {
      const { runAsUser, runAsGroup, fsGroup } = user(name);
      assert.deepEqual([runAsUser, runAsGroup, fsGroup], [uid, gid, gid], name);
    }
  });

  it("answer to what everyone types", () => {
    const { objects } = render();
    const web = find(objects, "Deployment", "odoo").spec as { selector: { matchLabels: object } };
    assert.deepEqual(web.selector.matchLabels, { app: "odoo" });
    assert.equal(pod("Deployment/odoo").container.name, "odoo");
    assert.equal(pod("Deployment/odoo").labels["app"], "odoo");
    assert.equal(pod("Deployment/odoo-cron").labels["app"], "odoo-cron");
    for (const [, { labels }] of podsOf(objects)) {
      for (const key of ["name", "instance", "component", "part-of", "managed-by"]) {
        assert.ok(labels[`app.kubernetes.io/${key}`] !== undefined, key);
      }
      assert.ok(Object.values(labels).every((value) => /^[A-Za-z0-9][\w.-]{0,62}$/.test(value)));
    }
  });

  it("select pods by labels that no release changes", () => {
    for (const [, objects] of all) {
      for (const { kind, metadata, spec } of objects) {
        const selector = (spec as { selector?: { matchLabels?: object; app?: string } } | undefined)?.selector;
        if (selector !== undefined) {
          assert.deepEqual(Object.keys(selector.matchLabels ?? selector), ["app"], `${kind} ${metadata.name ?? ""}`);
        }
      }
    }
  });

  it("hand secrets over as files, and write none into an object", () => {
    for (const [, objects] of all) {
      assert.ok(!JSON.stringify(objects).includes("planted"));
      for (const [name, { pod: spec }] of podsOf(objects)) {
        for (const { env } of spec.containers) {
          assert.deepEqual(
            env.filter(({ name: key }) => /PASS|SECRET|TOKEN|KEY/.test(key) && !key.endsWith("_FILE")),
            [],
            name,
          );
        }
        for (const volume of spec.volumes) {
          const projected = volume["projected"] as { defaultMode: number } | undefined;
          assert.ok(projected === undefined || projected.defaultMode === 0o440, name);
        }
      }
    }
  });
});

describe("the pods of Odoo", () => {
  it("serve without scheduled jobs, which one other pod has", () => {
    assert.equal(pod("Deployment/odoo").env["MAX_CRON_THREADS"], "0");
    assert.equal(pod("Deployment/odoo-cron").env["MAX_CRON_THREADS"], "2");
    const { objects } = render(shared);
    const cron = find(objects, "Deployment", "odoo-cron").spec as { replicas: number; strategy: { type: string } };
    assert.deepEqual([cron.replicas, cron.strategy.type], [1, "Recreate"]);
  });

  it("run under the guard, which answers for them", () => {
    for (const name of ["Deployment/odoo", "Deployment/odoo-cron"]) {
      const { env, container } = pod(name);
      assert.equal(env["ODOO_GUARD"], "1");
      const asked = [container.startupProbe, container.livenessProbe, container.readinessProbe];
      assert.deepEqual(
        asked.map((probe) => probe?.["httpGet"]),
        ["/started", "/live", "/ready"].map((path) => ({ path, port: "probes" })),
      );
      assert.deepEqual(
        asked.map((probe) => probe?.["exec"]),
        [undefined, undefined, undefined],
      );
    }
  });

  it("of an image from before are asked by its guard's own program, less often", () => {
    const { container } = pod("Deployment/odoo", {}, true);
    const asked = [container.livenessProbe, container.readinessProbe];
    assert.deepEqual(
      asked.map((probe) => probe?.["exec"]),
      ["live", "ready"].map((kind) => ({ command: ["python3", "/opt/odoo/guard.py", kind] })),
    );
    assert.deepEqual(
      [container.startupProbe, ...asked].map((probe) => [probe?.["httpGet"], probe?.["periodSeconds"]]),
      [1, 20, 5].map((seconds) => [undefined, seconds]),
    );
  });

  it("have started as their guard says, or as one does that does not know the question yet", () => {
    const { startupProbe } = pod("Deployment/odoo", {}, true).container;
    const [shell = "", flag = "", script = ""] =
      (startupProbe?.["exec"] as { command: string[] } | undefined)?.command ?? [];
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "guard-"));
    const guard = path.join(folder, "guard.py");
    try {
      for (const [started, live, expected] of [
        [0, 1, 0],
        [1, 0, 1],
        [64, 0, 0],
        [64, 1, 1],
      ]) {
        fs.writeFileSync(guard, `import sys\nsys.exit({"started": ${started}, "live": ${live}}[sys.argv[1]])\n`);
        const { status } = spawnSync(shell, [flag, script.replace("/opt/odoo/guard.py", guard)]);
        assert.equal(status, expected, `${started} ${live}`);
      }
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  it("know which release they are, where PostgreSQL is and how much they may take", () => {
    const { env } = pod("Deployment/odoo");
    const { size } = render();
    assert.deepEqual(
      [env["DB_HOST"], env["DB_PORT"], env["DB_NAME"], env["DB_USER"]],
      ["odoo-db", "5432", "odoo", "odoo"],
    );
    assert.equal(env["ODOO_IMAGE_DIGEST"], digestOf("a"));
    assert.equal(env["WORKERS"], String(size.web.workers));
    assert.equal(env["DB_MAXCONN"], "16");
    assert.equal(env["PROXY_MODE"], "True");
    assert.deepEqual(pod("Deployment/odoo").container.resources, {
      requests: { cpu: "500m", memory: "512Mi" },
      limits: { cpu: "2", memory: "2048Mi" },
    });
  });

  it("give way only to a pod that answers", () => {
    const web = find(render().objects, "Deployment", "odoo").spec as { strategy: object; replicas: number };
    assert.deepEqual(web.strategy, { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
    assert.equal(web.replicas, 1);
    assert.ok(pod("Deployment/odoo").pod.terminationGracePeriodSeconds > 60);
  });

  it("see of the volume only Odoo's part, and share its node where it is on one", () => {
    for (const name of ["Deployment/odoo", "Deployment/odoo-cron"]) {
      const { container } = pod(name);
      const mounts = container.volumeMounts.filter((mount) => mount.name === "filestore");
      assert.deepEqual(mounts, [{ name: "filestore", mountPath: "/var/lib/odoo", subPath: "odoo" }]);
    }
    const mounting = [...podsOf(render().objects)].filter(([, { pod: spec }]) =>
      spec.volumes.some(({ name }) => name === "filestore"),
    );
    assert.deepEqual(mounting.map(([name]) => name).sort(), [
      "CronJob/odoo-ship-look",
      "CronJob/odoo-ship-prune",
      "CronJob/odoo-ship-releases",
      "Deployment/odoo",
      "Deployment/odoo-cron",
      "Job/odoo-upgrade-0123456789abcdef",
    ]);
    for (const [name, { pod: spec, labels }] of mounting) {
      const [term] = spec.affinity?.podAffinity
        ? (spec.affinity as unknown as Affinity).podAffinity.requiredDuringSchedulingIgnoredDuringExecution
        : [];
      assert.equal(term?.topologyKey, "kubernetes.io/hostname", name);
      for (const [key, value] of Object.entries(term.labelSelector.matchLabels)) {
        assert.equal(labels[key], value, `${name} does not match its own rule`);
      }
    }
  });

  it("keep apart where the filestore is shared, and are drained one at a time", () => {
    const { objects } = render(shared);
    const web = podsOf(objects).get("Deployment/odoo")?.pod;
    assert.equal(web?.affinity, undefined);
    assert.equal(web?.topologySpreadConstraints?.length, 1);
    const budget = find(objects, "PodDisruptionBudget", "odoo").spec as {
      maxUnavailable: number;
      unhealthyPodEvictionPolicy: string;
    };
    assert.deepEqual([budget.maxUnavailable, budget.unhealthyPodEvictionPolicy], [1, "AlwaysAllow"]);
    assert.ok(
      !render().objects.some(({ kind }) => kind === "PodDisruptionBudget"),
      "one replica's budget would keep its node from being drained",
    );
  });

  it("leave their number to the autoscaler, if there is one", () => {
    const { objects } = render({ ...shared, "doks:replicasMax": "6" });
    assert.ok(!("replicas" in (find(objects, "Deployment", "odoo").spec as object)));
    const { minReplicas, maxReplicas } = find(objects, "HorizontalPodAutoscaler", "odoo").spec as {
      minReplicas: number;
      maxReplicas: number;
    };
    assert.deepEqual([minReplicas, maxReplicas], [3, 6]);
  });

  it("reach the PostgreSQL of the namespace by TLS that its password is bound to, and nothing else", () => {
    for (const name of ["Deployment/odoo", "Deployment/odoo-cron", "Job/odoo-upgrade-0123456789abcdef"]) {
      assert.equal(pod(name).env["PGCHANNELBINDING"], "require", name);
      // A pooler of DigitalOcean's may not know it; there is an authority.
      assert.equal(
        pod(name, { "doks:databaseMode": "managed", "doks:databaseSize": "db-s-4vcpu-8gb" }).env["PGCHANNELBINDING"],
        undefined,
      );
    }
    const { pod: server, container } = pod("StatefulSet/odoo-db");
    const certificate = server.initContainers?.find(({ name }) => name === "certificate");
    assert.match(certificate?.command?.at(-1) ?? "", /umask 077\nopenssl req -x509 .* -sha256 /);
    assert.equal(certificate?.image, container.image);
    for (const option of ["ssl=on", "ssl_cert_file=/run/tls/server.crt", "ssl_key_file=/run/tls/server.key"]) {
      assert.ok(container.args?.includes(option), option);
    }
    // In memory: it goes with the pod, and no volume or Secret has it.
    assert.deepEqual(
      server.volumes.find((volume) => volume["name"] === "tls"),
      { name: "tls", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
    );
    const places = [...(server.initContainers ?? []), ...server.containers].map(({ volumeMounts }) =>
      volumeMounts.filter(({ mountPath }) => mountPath === "/run/tls").map(({ readOnly }) => readOnly ?? false),
    );
    assert.deepEqual(places, [[], [false], [true]]);
  });

  it("reach a managed PostgreSQL by TLS, and know its authority", () => {
    const managed = { "doks:databaseMode": "managed", "doks:databaseSize": "db-s-4vcpu-8gb" };
    const { env, container } = pod("Deployment/odoo", managed);
    assert.equal(env["PGSSLROOTCERT"], "/etc/odoo-database/database-ca.pem");
    assert.deepEqual([env["DB_SSLMODE"], env["PGSSLMODE"]], ["verify-full", "verify-full"]);
    const places = container.volumeMounts.map(({ mountPath, readOnly }) => [mountPath, readOnly]);
    assert.ok(places.some(([place, readOnly]) => place === "/etc/odoo-database" && readOnly === true));
    assert.equal(pod("Deployment/odoo").env["PGSSLROOTCERT"], undefined);
    assert.equal(pod("Deployment/odoo").env["DB_SSLMODE"], "require");
  });

  it("leave the image its odoo.conf, whatever PostgreSQL is", () => {
    for (const [variant, objects] of all) {
      for (const [name, { pod: spec }] of podsOf(objects)) {
        for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
          const over = container.volumeMounts.filter(({ mountPath }) => /^\/etc\/odoo(\/|$)/.test(mountPath));
          assert.deepEqual(over, [], `${variant}: ${name}`);
        }
      }
    }
  });

  for (const mode of ["cluster", "managed"]) {
    it(`give Odoo's options to the server and to the tasks of a release alike: ${mode}`, () => {
      const changes = {
        "doks:databaseMode": mode,
        "doks:databaseSize": "db-s-4vcpu-8gb",
        "odoo:options": '{"limit_time_real": 600, "import_url_regex": "^$(HOME)$$"}',
        "odoo:secretOptions": '{"smtp_password": "planted-4711"}',
      };
      const { objects } = render(changes);
      assert.ok(!JSON.stringify(objects).includes("planted-4711"));
      const pods = podsOf(objects);
      for (const name of ["Deployment/odoo", "Deployment/odoo-cron", "Job/odoo-upgrade-0123456789abcdef"]) {
        const spec = pods.get(name)?.pod;
        const odoo = name.startsWith("Job/") ? spec?.initContainers?.[0] : spec?.containers[0];
        const env = Object.fromEntries(
          (odoo?.env ?? []).map((one): [string, string | undefined] => [one.name, one.value]),
        );
        // Kubernetes reads a doubled dollar before a bracket as one, and no variable.
        assert.equal(env["ODOO_OPTIONS"], '{"import_url_regex":"^$$(HOME)$$$$","limit_time_real":"600"}', name);
        assert.equal(env["ODOO_SECRET_OPTIONS_FILE"], "/run/secrets/odoo-options", name);
        const volume = spec?.volumes.find((one) => one["name"] === "secrets");
        assert.match(JSON.stringify(volume), /"odoo-options-1","items":\[\{"key":"odoo-options"/, name);
      }
    });
  }
});

interface Affinity {
  readonly podAffinity: {
    readonly requiredDuringSchedulingIgnoredDuringExecution: readonly [
      { readonly topologyKey: string; readonly labelSelector: { readonly matchLabels: Record<string, string> } },
    ];
  };
}

describe("the Job of a release", () => {
  const name = "Job/odoo-upgrade-0123456789abcdef";
  const job = () => find(render().objects, "Job", "odoo-upgrade-0123456789abcdef");

  it("is run once, is kept, and is replaced where it failed", () => {
    const spec = job().spec as Record<string, unknown>;
    const { rules } = spec["podFailurePolicy"] as { rules: unknown[] };
    // A release that failed and was rolled back is not tried again; a worker that was killed is followed by one that rolls it back.
    assert.deepEqual(rules[0], {
      action: "Ignore",
      onExitCodes: { containerName: "odoo-ship", operator: "In", values: [3, 134, 135, 137, 139, 143] },
    });
    assert.equal(spec["backoffLimit"], 0);
    assert.equal(spec["ttlSecondsAfterFinished"], undefined);
    assert.equal(pod(name).pod.restartPolicy, "Never");
    assert.equal(job().metadata.annotations?.["pulumi.com/replaceUnready"], "true");
  });

  it("has less time to roll its release back than the next one waits for it", () => {
    const worker = fs.readFileSync("worker/odoo_ship/hosts/kubernetes.py", "utf8");
    assert.ok(Number(/^YIELD_SECONDS = (\d+)$/m.exec(worker)?.[1]) > pod(name).pod.terminationGracePeriodSeconds);
  });

  it("ends before Pulumi gives up waiting, and after the release's own deadlines", () => {
    for (const minutes of [1, 60, 1440]) {
      const { spec, metadata } = find(
        render({ "release:upgradeMinutes": String(minutes) }).objects,
        "Job",
        "odoo-upgrade-0123456789abcdef",
      );
      const deadline = (spec as { activeDeadlineSeconds: number }).activeDeadlineSeconds;
      const { terminationGracePeriodSeconds } = pod(name).pod;
      assert.ok(deadline > 2 * minutes * 60);
      assert.ok(Number(metadata.annotations?.["pulumi.com/timeoutSeconds"]) > deadline + terminationGracePeriodSeconds);
    }
  });

  it("is the worker in the release's image, with its request and the passwords as files", () => {
    const { container, env } = pod(name);
    assert.equal(container.image, pod("Deployment/odoo").container.image);
    assert.deepEqual(container.command, [
      "tini",
      "--",
      "python3",
      "-B",
      "/opt/odoo-ship/odoo_ship.zip",
      "job",
      "/run/request/request.json",
    ]);
    assert.deepEqual(
      [env["ODOO_RELEASE_TASK"], env["MAX_CRON_THREADS"], env["ODOO_GUARD"]],
      [undefined, undefined, undefined],
    );
    const places = container.volumeMounts.map(({ mountPath }) => mountPath);
    assert.deepEqual(places, [
      "/data",
      "/tmp",
      "/run/secrets/odoo-ship",
      "/opt/odoo-ship",
      "/run/odoo-ship-tasks",
      "/run/request",
    ]);
    assert.deepEqual(secretsOf("worker-secrets"), ["admin-password", "odoo-password", "first-password"]);
    assert.deepEqual(
      [env["ODOO_SHIP_HOST"], env["ODOO_SHIP_STATE"], env["ODOO_SHIP_ADMIN"], env["PGSSLMODE"]],
      ["kubernetes", "/data/odoo-ship", "postgres", "require"],
    );
  });

  it("runs what is the release's own beside the worker, without its passwords, its request or the restore points", () => {
    const beside = pod(name).pod.initContainers?.[0];
    const worker = pod(name).container;
    assert.ok(beside);
    assert.deepEqual([beside.name, beside.restartPolicy, beside.image], ["odoo-task", "Always", worker.image]);
    const places = Object.fromEntries(
      beside.volumeMounts.map((mount) => [mount.mountPath, [mount.name, mount.subPath]]),
    );
    assert.deepEqual(places, {
      "/var/lib/odoo": ["filestore", "odoo"],
      "/var/lib/odoo/addons": ["addons", undefined],
      "/tmp": ["tmp", undefined],
      "/run": ["run", undefined],
      "/run/secrets": ["secrets", undefined],
      "/opt/odoo-ship": ["worker", undefined],
      "/run/odoo-ship-tasks": ["tasks", undefined],
    });
    // The role's password comes with each program; that of the server is not here at all.
    assert.deepEqual(secretsOf("secrets"), ["odoo-master-password"]);
    const names = beside.env.map((variable) => variable.name);
    assert.deepEqual(
      names.filter((variable) => /USER|PASSWORD|ADMIN$|^ODOO_SHIP/.test(variable)),
      [],
    );
    const shared = worker.volumeMounts
      .map((mount) => mount.name)
      .filter((mount) => beside.volumeMounts.some((one) => one.name === mount));
    assert.deepEqual(shared.sort(), ["filestore", "tasks", "worker"]);
  });

  /** Paths of the secrets in one volume of the Job's pod. */
  function secretsOf(volume: string): string[] {
    const found = pod(name).pod.volumes.find((one) => one["name"] === volume)?.["projected"] as {
      sources: { secret: { items: { path: string }[] } }[];
    };
    return found.sources.flatMap(({ secret }) => secret.items.map(({ path }) => path));
  }

  it("alone sees the whole volume, and the admin's password, beside what an operator orders", () => {
    for (const [other, { pod: spec }] of podsOf(render().objects)) {
      if (other.startsWith("CronJob/odoo-ship-")) continue;
      const whole = spec.containers.some(({ volumeMounts }) =>
        volumeMounts.some(({ name: volume, subPath }) => volume === "filestore" && subPath === undefined),
      );
      assert.equal(whole, other === name, other);
      const admin = JSON.stringify(spec.volumes).includes("postgres-password");
      const servers = ["StatefulSet/odoo-db", "Job/odoo-db-fits-bbbbbbbbbbbb"];
      assert.equal(admin, other === name || servers.includes(other), other);
    }
  });

  it("goes on after a node was drained under it", () => {
    const { podFailurePolicy } = job().spec as { podFailurePolicy: { rules: unknown[] } };
    assert.deepEqual(podFailurePolicy.rules[1], {
      action: "Ignore",
      onPodConditions: [{ type: "DisruptionTarget", status: "True" }],
    });
  });
});

describe("the commands of an operator", () => {
  const objects = render().objects;
  const names = ["odoo-ship-look", "odoo-ship-releases", "odoo-ship-prune"];

  it("are templates that run nothing by themselves, and go an hour after they have ended", () => {
    assert.deepEqual(
      objects.filter(({ kind }) => kind === "CronJob").map(({ metadata }) => metadata.name),
      names,
    );
    for (const name of names) {
      const spec = find(objects, "CronJob", name).spec as { suspend: boolean; jobTemplate: { spec: object } };
      assert.equal(spec.suspend, true);
      const job = { ...spec.jobTemplate.spec, template: undefined };
      assert.deepEqual(job, {
        template: undefined,
        backoffLimit: 0,
        activeDeadlineSeconds: 1800,
        ttlSecondsAfterFinished: 3600,
      });
    }
  });

  it("have the admin's password and no other, no token, and no code of Odoo beside them", () => {
    for (const name of names) {
      const { pod: spec } = pod(`CronJob/${name}`);
      assert.equal(spec.automountServiceAccountToken, false);
      assert.equal(spec.initContainers, undefined);
      const secrets = spec.volumes.filter((volume) => JSON.stringify(volume).includes('"secret"'));
      assert.deepEqual(
        secrets.map((volume) => /"path":"([^"]+)"/g.exec(JSON.stringify(volume))?.slice(1)),
        [["admin-password"]],
      );
    }
  });

  it("change the volume only where that is their work", () => {
    const writes = names.map(
      (name) => pod(`CronJob/${name}`).container.volumeMounts.find((mount) => mount.name === "filestore")?.readOnly,
    );
    assert.deepEqual(writes, [true, true, false]);
    assert.match(
      pod("CronJob/odoo-ship-look").container.command?.at(-1) ?? "",
      /odoo_ship\.zip status && .*odoo_ship\.zip doctor/,
    );
    assert.match(pod("CronJob/odoo-ship-prune").container.command?.at(-1) ?? "", /^exec .*odoo_ship\.zip prune$/);
  });
});

describe("the nightly dump of a cluster", () => {
  const { objects } = render(dumped);
  const { container, pod: spec } = pod("CronJob/odoo-ship-dump", dumped);

  it("is made where there is a destination, and nowhere else", () => {
    assert.ok(render().objects.every(({ metadata }) => !/dump/.test(metadata.name ?? "")));
    const { schedule, suspend } = find(objects, "CronJob", "odoo-ship-dump").spec as Record<string, unknown>;
    assert.deepEqual([schedule, suspend], ["30 2 * * *", undefined]);
  });

  it("alone has the key to its destination, and alone reaches it", () => {
    assert.deepEqual(spec.volumes.filter(({ name }) => name === "dump").length, 1);
    const others = objects.filter(({ kind, metadata }) => kind !== "CronJob" || metadata.name !== "odoo-ship-dump");
    assert.ok(!JSON.stringify(others).includes('"odoo-dump-1"'));
    assert.ok(!JSON.stringify(objects).includes("planted key"));
    const policies = objects.filter(({ kind }) => kind === "NetworkPolicy");
    const reaching = policies.filter((policy) => JSON.stringify(policy.spec).includes("2222"));
    assert.deepEqual(
      reaching.map(({ metadata }) => metadata.name),
      ["odoo-dump"],
    );
    assert.match(JSON.stringify(find(objects, "NetworkPolicy", "odoo-db").spec), /"app":"odoo-dump"/);
  });

  it("is known to those who look for it", () => {
    for (const name of ["CronJob/odoo-ship-look", "CronJob/odoo-ship-dump"])
      assert.equal(pod(name, dumped).env["ODOO_SHIP_DUMPS"], "1");
    assert.equal(pod("CronJob/odoo-ship-look").env["ODOO_SHIP_DUMPS"], undefined);
    assert.equal(pod("CronJob/odoo-ship-look", dumped).env["ODOO_SHIP_DUMP"], undefined);
  });

  it("waits after a failure, and ends with its status, so that another pod tries again", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "dump-"));
    try {
      for (const [name, text] of [
        ["python3", 'case "$*" in *"odoo_ship.zip dump --scheduled") exit $STATUS;; *) exit 99;; esac'],
        ["sleep", `echo "$@" > ${folder}/slept`],
      ] as const)
        fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
      const run = (status: string) =>
        spawnSync("sh", ["-c", container.command?.at(-1) ?? ""], {
          env: { PATH: `${folder}:/usr/bin:/bin`, STATUS: status },
        }).status;
      assert.deepEqual([run("0"), fs.existsSync(path.join(folder, "slept"))], [0, false]);
      assert.deepEqual([run("3"), fs.readFileSync(path.join(folder, "slept"), "utf8")], [3, "900\n"]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});

describe("PostgreSQL in the cluster", () => {
  it("is one pod, tuned to its memory, with its data on a claim of its own", () => {
    const { container, pod: spec } = pod("StatefulSet/odoo-db");
    const { size } = render();
    assert.ok(container.args?.includes(`shared_buffers=${size.db?.sharedBuffersMiB ?? 0}MB`));
    assert.ok(container.args?.includes(`max_connections=${size.db?.maxConnections ?? 0}`));
    assert.deepEqual(spec.volumes[0], { name: "data", persistentVolumeClaim: { claimName: "odoo-db" } });
    assert.ok(!("volumeClaimTemplates" in (find(render().objects, "StatefulSet", "odoo-db").spec as object)));
  });

  it("is not there beside a managed one", () => {
    const { objects, size } = render({ "doks:databaseMode": "managed", "doks:databaseSize": "db-s-4vcpu-8gb" });
    assert.equal(size.db, undefined);
    assert.ok(!objects.some(({ metadata }) => metadata.name === "odoo-db"));
  });
});

describe("the edge", () => {
  it("is the proxy of a VPS with the same rules", () => {
    const text = find(render().objects, "ConfigMap", "odoo-edge-1").data ?? {};
    assertGolden("kubernetes/Caddyfile", text["Caddyfile"] ?? "");
    const onHost = caddyfile(usualSite);
    const own = (lines: string, other: string) =>
      lines.split("\n").filter((line) => !other.split("\n").includes(line) && !/^\s*#/.test(line));
    // Only how requests come in, also from the host itself, and who says that Odoo is closed, differs.
    assert.deepEqual(own(onHost, text["Caddyfile"] ?? ""), [
      "\t\tdirectory /data/spool",
      "\treverse_proxy odoo{file./etc/caddy/state/hold}:{args[0]} {",
      "\tbind 127.0.0.1",
      "\t\t@closed file {",
      "\t\t\troot /etc/caddy/state",
      "\t\t\ttry_files closed",
      "\t\thandle @closed {",
      ...["8069 30s", "8069 30s", "8069 30s", "8072 10s", "8069 30s", "8069 30s"].map(
        (to) => `\t\t\t\timport odoo ${to}`,
      ),
      "http://:8070 {",
      "\t\t@closed file {",
      "\t\t\troot /etc/caddy/state",
      "\t\t\ttry_files closed",
      "\t\thandle @closed {",
      "\t\timport body 128MB 1m 16KB",
      "\t\timport odoo 8069 30s",
    ]);
    assert.deepEqual(own(text["Caddyfile"] ?? "", onHost), [
      "\thttp_port 8080",
      "\thttps_port 8443",
      "\t\tprotocols h1 h2",
      "\t\tlistener_wrappers {",
      "\t\t\tproxy_protocol {",
      "\t\t\t\ttimeout 5s",
      `\t\t\t\tallow ${privateRanges.join(" ")}`,
      "\t\t\ttls",
      "\t\tdirectory /spool",
      "\treverse_proxy odoo:{args[0]} {",
      ...["8069", "8069", "8069", "8072", "8069", "8069"].map((to) => `\t\t\t\timport odoo ${to} 200ms`),
    ]);
    assert.ok(text["maintenance.html"]?.startsWith("<!doctype html>"));
  });

  it("has what an ACME server is believed by in its ConfigMap", () => {
    const authority = fs.readFileSync(path.join(__dirname, "..", "..", "..", "fixtures", "authority.pem"), "utf8");
    const server = "https://ca.example.com/acme/directory";
    const files =
      find(render({ "doks:acmeServer": server, "doks:acmeRoots": authority }).objects, "ConfigMap", "odoo-edge-1")
        .data ?? {};
    assert.deepEqual(Object.keys(files), ["Caddyfile", "maintenance.html", "acme-roots.pem"]);
    assert.equal(files["acme-roots.pem"], authority);
    assert.match(files["Caddyfile"] ?? "", /^\t\tca_root \/etc\/caddy\/acme-roots\.pem$/m);
  });

  it("has two pods where the certificate is given, and keeps made ones on one volume", () => {
    const replicas = (changes: Record<string, string>) =>
      (find(render(changes).objects, "Deployment", "odoo-edge").spec as { replicas: number }).replicas;
    assert.equal(replicas({}), 1);
    assert.equal(replicas(variants["large"] ?? {}), 2);
    assert.ok(JSON.stringify(pod("Deployment/odoo-edge").pod.volumes).includes('"claimName":"odoo-edge"'));
    assert.ok(!JSON.stringify(pod("Deployment/odoo-edge", variants["large"]).pod.volumes).includes("claimName"));
  });

  it("alone is reached from outside", () => {
    for (const [, objects] of all) {
      const open = objects.filter(
        ({ kind, spec }) => kind === "Service" && (spec as { type: string }).type !== "ClusterIP",
      );
      assert.deepEqual(
        open.map(({ metadata, spec }) => [metadata.name, (spec as { type: string }).type]),
        [["odoo-edge", "LoadBalancer"]],
      );
    }
  });
});

describe("the size of a cluster's pods", () => {
  const refused = (changes: Record<string, string>, code: string) =>
    assert.throws(
      () => render(changes),
      (error) => error instanceof ShipError && error.code === code,
      JSON.stringify(changes),
    );

  it("follows the memory and the processors of a pod", () => {
    assert.equal(render().size.web.workers, 5);
    assert.equal(render({ "doks:odooMemoryMiB": "800" }).size.web.workers, 3);
    assert.equal(render({ "doks:odooCpus": "1" }).size.web.workers, 3);
    assert.equal(render({ "doks:workers": "4" }).size.web.workers, 4);
    const smallest = render({ "doks:odooMemoryMiB": "560" }).size;
    assert.deepEqual([smallest.web.workers, smallest.cron.cronThreads, render().size.cron.cronThreads], [2, 1, 2]);
  });

  it("refuses workers that do not fit into their pod", () => {
    refused({ "doks:workers": "12" }, "HOST_TOO_SMALL");
    refused({ "doks:odooMemoryMiB": "600", "doks:cronThreads": "4" }, "HOST_TOO_SMALL");
  });

  it("opens as many connections in the cluster as a rollout needs", () => {
    const { size } = render();
    // Two web pods of five workers and a websocket process, cron's four processes, the release's four.
    assert.ok((size.db?.maxConnections ?? 0) >= (2 * 6 + 4 + 4) * 16);
  });

  it("gives each process what a managed database has room for, and refuses what is too little", () => {
    const managed = { "doks:databaseMode": "managed" };
    assert.equal(
      render({ ...managed, "doks:databaseSize": "db-s-2vcpu-4gb", "doks:workers": "2" }).size.web.dbMaxconn,
      5,
    );
    assert.equal(render({ ...managed, "doks:databaseSize": "db-s-8vcpu-32gb" }).size.web.dbMaxconn, 16);
    refused({ ...managed, "doks:databaseSize": "db-s-1vcpu-1gb" }, "DATABASE_TOO_SMALL");
    refused({ ...managed, ...shared, "doks:databaseSize": "db-s-1vcpu-2gb" }, "DATABASE_TOO_SMALL");
  });

  it("refuses workers × DB_MAXCONN that exceed what PostgreSQL takes", () => {
    refused({ "doks:databaseConnections": "100", "doks:dbMaxconn": "64" }, "DATABASE_TOO_SMALL");
    assert.equal(render({ "doks:databaseConnections": "400", "doks:dbMaxconn": "16" }).size.db?.maxConnections, 400);
  });

  it("refuses a PostgreSQL without memory for its sessions", () => {
    refused({ ...shared, "doks:replicas": "40", "doks:databaseMemoryMiB": "512" }, "DATABASE_TOO_SMALL");
  });
});
