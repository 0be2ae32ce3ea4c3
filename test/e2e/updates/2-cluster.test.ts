import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";

import { clusterAddress, nodeAddress } from "../../../sandbox/digitalocean/cluster-machines";
import { privateAddress } from "../../../sandbox/digitalocean/machines";
import { readServers } from "../../../sandbox/servers-control";
import { stackOutputs } from "../../../sandbox/stack";
import { opensTheApps } from "../../support/apps-page";
import { npm } from "../../support/npm";
import { fetchedStyleSheet, rendersPdf } from "../../support/pdf";
import { followsTheRules } from "../../support/proxy-rules";
import { type Running, SandboxCluster } from "../../support/sandbox-cluster";
import { SandboxHost } from "../../support/sandbox-host";
import { pulumi, whatPulumiTells } from "../../support/sandbox-stack";
import { undocumented } from "../../support/documented-secrets";
import { findIn } from "../../support/secret-search";
import { connects } from "../../support/site-requests";
import { type Rendered, StackState } from "../../support/stack-state";
import { restrictedPod, Stranger } from "../../support/stranger";
import { takesLargeUpload } from "../../support/upload";
import { type Endpoint, RpcClient } from "../../support/endpoint";

/** What runs there, by the label `app`, and what its processes may be. */
const parts: Record<string, { container: string; user: string; group: string; capabilities: string }> = {
  odoo: { container: "odoo", user: "100", group: "101", capabilities: "0000000000000000" },
  "odoo-cron": { container: "odoo", user: "100", group: "101", capabilities: "0000000000000000" },
  "odoo-db": { container: "postgres", user: "999", group: "999", capabilities: "0000000000000000" },
  // NET_BIND_SERVICE, which the official program carries.
  "odoo-edge": { container: "caddy", user: "1000", group: "1000", capabilities: "0000000000000400" },
};
const restricted = /violates PodSecurity "restricted:latest"/;

interface Pod {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly volumes?: readonly object[] };
  readonly status: { readonly podIP: string; readonly containerStatuses: readonly { readonly imageID: string }[] };
}

interface Secrets {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly data?: Readonly<Record<string, string>>;
  }[];
}

describe("the cluster that npm start leaves behind", () => {
  let cluster: SandboxCluster;
  let host: SandboxHost;
  let endpoint: Endpoint;
  let stranger: Stranger;
  let state: StackState;

  before(async () => {
    cluster = await SandboxCluster.open();
    host = await SandboxHost.open();
    endpoint = cluster.endpoint();
    state = await StackState.read();
    stranger = await Stranger.arrive(cluster, ours("odoo").image);
  });
  after(() => {
    stranger.leave();
    endpoint.close();
    host.close();
  });

  /** The container of a pod of ours, as the runtime tells it. */
  const ours = (app: string): Running => {
    const pod = cluster.pod(app);
    const found = cluster
      .running()
      .find((one) => one.namespace === "odoo" && one.pod === pod && one.name === parts[app]?.container);
    assert.ok(found !== undefined, `no container of ${pod} runs`);
    return found;
  };
  const address = (app: string) => cluster.k(`get pod ${cluster.pod(app)} -o jsonpath={.status.podIP}`);
  const admin = () => RpcClient.login(endpoint, "odoo", "admin", cluster.firstPassword());
  const odooLog = () => cluster.k("logs -l app=odoo --since=2m --tail=-1");

  describe("answers users", () => {
    it("where the outputs say", () => {
      assert.deepEqual([cluster.url.href, cluster.address], ["https://odoo-k8s.test/", "127.0.0.21"]);
    });

    followsTheRules(
      () => cluster,
      () => odooLog(),
    );
  });

  describe("runs the release", () => {
    it("from the same image as the VPS, as both runtimes tell it", async () => {
      const { imageDigest, doksDigest } = await stackOutputs({ servers: readServers() });
      const running = ["odoo", "odoo-cron"].map((app) => ours(app).image);
      const [image = ""] = running;
      assert.deepEqual(running, [image, image]);
      const [, digest = ""] = cluster.node(`ctr -n k8s.io images ls name==${image}`).match(/(sha256:\S+) +\d/) ?? [];
      const manifest = JSON.parse(cluster.node(`ctr -n k8s.io content get ${digest}`)) as {
        config: { digest: string };
      };
      const onHost = host.sh("docker inspect -f '{{.Image}}' odoo-ce");
      const pulled = JSON.parse(host.sh(`docker image inspect -f '{{json .RepoDigests}}' ${onHost}`)) as string[];
      assert.deepEqual([digest, manifest.config.digest], [imageDigest, onHost]);
      assert.deepEqual(pulled, [image]);
      assert.equal(doksDigest, imageDigest);
    });

    it("whose name Odoo tells, too", async () => {
      const release = (await (await admin()).call("release.info", "current")) as { contentHash: string };
      assert.equal(release.contentHash, ours("odoo").labels["io.odoo.content-hash"]);
    });

    it("with all its pods ready", () => {
      for (const name of ["deployment/odoo", "deployment/odoo-cron", "deployment/odoo-edge", "statefulset/odoo-db"]) {
        assert.equal(
          cluster.k(`get ${name} -o jsonpath={.spec.replicas}/{.status.updatedReplicas}/{.status.readyReplicas}`),
          "1/1/1",
          name,
        );
      }
    });

    it("and renders a PDF with style sheet and image", async () => {
      await rendersPdf(endpoint, await admin(), cluster.firstPassword());
      assert.match(odooLog(), fetchedStyleSheet);
    });

    it("and takes an upload as large as the edge does", async () => {
      await takesLargeUpload(endpoint, await admin(), cluster.firstPassword());
    });

    it("and keeps attachments on the volume, where the cron's pod finds them", async () => {
      const content = `planted ${randomUUID()}`;
      const client = await admin();
      const values = { name: "planted.txt", type: "binary", datas: Buffer.from(content).toString("base64") };
      const [id] = (await client.call("ir.attachment", "create", [[values]])) as number[];
      try {
        const [{ store_fname: name } = { store_fname: "" }] = (await client.call("ir.attachment", "read", [
          [id],
          ["store_fname"],
        ])) as {
          store_fname: string;
        }[];
        const volume = cluster.k("get pvc odoo-filestore -o jsonpath={.spec.volumeName}");
        const there = cluster.k(`get pv ${volume} -o jsonpath={.spec.local.path}`);
        assert.equal(cluster.node(`cat ${there}/odoo/filestore/odoo/${name}`), content);
        const sum = cluster.exec(cluster.pod("odoo-cron"), `sha256sum /var/lib/odoo/filestore/odoo/${name}`);
        assert.equal(sum.stdout.split(" ")[0], createHash("sha256").update(content).digest("hex"));
      } finally {
        await client.call("ir.attachment", "unlink", [[id]]);
      }
    });
  });

  describe("lets its operator in", () => {
    it("with the password of the Secret odoo-first-login, by a browser that trusts nothing but the verified key", async () => {
      assert.match(cluster.firstPassword(), /^\S{16,}$/);
      await opensTheApps(cluster, cluster.firstPassword(), "apps-doks.png");
      await assert.rejects(RpcClient.login(endpoint, "odoo", "admin", "admin"), /cannot log in/);
    });

    it("and names itself in the sandbox's status", async () => {
      const { status, output } = await npm(["run", "-s", "sandbox", "--", "status"]);
      assert.equal(status, 0, output);
      const lines = output.split("\n").filter((line) => line.includes(cluster.container));
      assert.equal(lines.length, 1, output);
      assert.match(
        lines[0] ?? "",
        new RegExp(
          `^Kubernetes cluster +running: .*, https://${clusterAddress(0)}:6443, load balancer ${cluster.address}$`,
        ),
      );
    });
  });

  describe("is hardened", () => {
    it("by the restricted standard, which refuses a privileged pod and lets a plain one pass", () => {
      const { metadata } = cluster.get<{ metadata: { labels: Record<string, string> } }>("namespace odoo");
      const modes = ["enforce", "audit", "warn"].map((mode) => metadata.labels[`pod-security.kubernetes.io/${mode}`]);
      assert.deepEqual(modes, ["restricted", "restricted", "restricted"]);
      const attempt = (more: object) =>
        cluster.run(
          ["apply", "-n", "odoo", "--dry-run=server", "-f", "-"],
          JSON.stringify(restrictedPod("attempt", ours("odoo").image, ["true"], more)),
        );
      assert.equal(attempt({}).status, 0);
      const { status, stderr } = attempt({ securityContext: { privileged: true } });
      assert.equal(status, 1);
      assert.match(stderr, restricted);
    });

    for (const [app, { user, group, capabilities }] of Object.entries(parts)) {
      it(`in what the processes of ${app} are`, () => {
        const found = cluster.node(`for pid in $(ctr -n k8s.io tasks ps ${ours(app).id} | awk 'NR > 1 { print $1 }'); do
          sed -n 's/^\\(Uid\\|Gid\\|CapEff\\|CapBnd\\|NoNewPrivs\\|Seccomp\\):\\s*/\\1 /p' /proc/$pid/status 2>/dev/null | tr '\\t\\n' '  '; echo; done`);
        const lines = new Set(
          found
            .split("\n")
            .map((line) => line.trim())
            .filter((line) => line !== ""),
        );
        const ids = (id: string) => [id, id, id, id].join(" ");
        const line = `Uid ${ids(user)} Gid ${ids(group)} CapEff ${capabilities} CapBnd ${capabilities} NoNewPrivs 1 Seccomp 2`;
        assert.deepEqual([...lines], [line]);
      });

      it(`in that nothing can be written into ${app}, not even by root`, () => {
        const { id } = ours(app);
        // Told by exit statuses: `ctr` may end before the last output of a process that ends at once.
        const readOnly = 30;
        const touched = (as: string, file: string) => {
          const told = `"") ;; *"Read-only file system"*) exit ${readOnly} ;; *) exit 1 ;;`;
          const script = `case "$(touch ${file} 2>&1)" in ${told} esac`;
          const exec = `ctr -n k8s.io tasks exec --exec-id e2e-${randomUUID()} --user ${as} ${id} sh -c '${script}'`;
          return Number(cluster.node(`${exec} > /dev/null 2>&1; echo $?`));
        };
        for (const as of [`${user}:${group}`, "0:0"]) {
          assert.equal(touched(as, "/written"), readOnly);
          assert.equal(touched(as, `/tmp/written-${as.replace(":", "-")}`), 0);
        }
        cluster.exec(cluster.pod(app), "rm -f /tmp/written-*");
      });

      it(`in that ${app} has no token for Kubernetes' API`, () => {
        const tokens = (pod: string, namespace: string) =>
          cluster.exec(
            pod,
            "grep -c serviceaccount /proc/1/mountinfo; find /run/secrets /var/run/secrets -name token 2>/dev/null",
            namespace,
          );
        assert.equal(tokens(cluster.pod(app), "odoo").stdout, "0\n");
        // A pod as Kubernetes makes it has one.
        assert.match(tokens(stranger.pod, stranger.namespace).stdout, /^1\n(.*\n)*.*\/token\n/);
      });
    }

    it("in that no pod asks for a token, the Job's neither", () => {
      const { items } = cluster.get<{ items: Pod[] }>("pods");
      assert.ok(items.some(({ metadata }) => metadata.labels["app"] === "odoo-upgrade"));
      for (const { metadata, spec } of items)
        assert.doesNotMatch(JSON.stringify(spec), /serviceAccountToken/, metadata.name);
      const theirs = cluster.kubectl(["get", "pod", "-n", stranger.namespace, stranger.pod, "-o", "json"]);
      assert.match(theirs, /serviceAccountToken/);
    });
  });

  describe("is closed elsewhere", () => {
    const api = () => `${cluster.kubectl(["get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"])}:443`;
    /** Another machine of the network. */
    const outside = `${privateAddress(0)}:443`;

    it("from outside: the load balancer and the node have nothing of it but the edge", async () => {
      assert.deepEqual([await connects(cluster.address, 443), await connects(nodeAddress(0), 6443)], [true, true]);
      for (const port of [8069, 8072, 5432, 2019, 2020, 8080]) {
        for (const where of [cluster.address, nodeAddress(0)])
          assert.equal(await connects(where, port), false, `${where}:${port}`);
      }
    });

    it("to pods of other namespaces, even with the labels of ours: they reach the edge, as everybody does, and nothing behind it", () => {
      const [edge, odoo, database] = [address("odoo-edge"), address("odoo"), address("odoo-db")];
      const open = [
        `${edge}:8080`,
        `${edge}:8443`,
        "odoo-edge.odoo.svc.cluster.local:443",
        "odoo-edge.odoo.svc.cluster.local:80",
        api(),
      ];
      const closed = [
        ...[8069, 8072].flatMap((port) => [`${odoo}:${port}`, `odoo.odoo.svc.cluster.local:${port}`]),
        `${address("odoo-cron")}:8069`,
        ...[database, "odoo-db.odoo.svc.cluster.local", "odoo-db-0.odoo-db.odoo.svc.cluster.local"].map(
          (name) => `${name}:5432`,
        ),
        ...[2019, 2020].map((port) => `${edge}:${port}`),
      ];
      assert.deepEqual(stranger.reached([...open, ...closed]), open);
      // Behind what is closed somebody answers: to its own pod, and to whom it is meant for.
      assert.deepEqual(cluster.reached(cluster.pod("odoo"), ["127.0.0.1:8069", "127.0.0.1:8072"]).length, 2);
      for (const app of ["odoo", "odoo-cron"]) {
        assert.deepEqual(cluster.reached(cluster.pod(app), ["odoo-db:5432", `${database}:5432`]).length, 2, app);
      }
    });

    it("to Odoo itself, which reaches PostgreSQL and the world", () => {
      // The edge's own ports are everybody's. On DigitalOcean pods have private addresses, and Odoo does not reach these either.
      const others = [`${address("odoo-edge")}:2020`, `${address("odoo-cron")}:8069`, `${address("odoo-cron")}:8072`];
      assert.deepEqual(cluster.reached(cluster.pod("odoo"), ["odoo-db:5432", outside, ...others]), [
        "odoo-db:5432",
        outside,
      ]);
    });

    it("to PostgreSQL, which reaches nobody", () => {
      const everybody = [
        api(),
        `${address("odoo")}:8069`,
        `${address("odoo-edge")}:8443`,
        "198.18.77.10:443",
        `${nodeAddress(0)}:6443`,
      ];
      assert.deepEqual(cluster.reached(cluster.pod("odoo-db"), ["127.0.0.1:5432", ...everybody]), ["127.0.0.1:5432"]);
      const reachable = everybody.filter((one) => !one.endsWith(":8069"));
      assert.deepEqual(stranger.reached(reachable), reachable);
    });

    it("to whoever listens between Odoo and PostgreSQL, or would answer in its place", () => {
      const sessions =
        "SELECT count(*) FILTER (WHERE ssl) > 0, count(*) FILTER (WHERE NOT ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL";
      assert.equal(
        cluster.kubectl(["-n", "odoo", "exec", "odoo-db-0", "--", "psql", "-U", "postgres", "-XAtc", sessions]),
        "t|0",
      );
      const connect = (mode: string) =>
        cluster.exec(
          cluster.pod("odoo"),
          `python3 -c 'import os, psycopg2
psycopg2.connect(host="odoo-db", user="odoo", dbname=os.environ["DB_NAME"], password=open("/run/secrets/odoo-db-password").read().strip(), sslmode="${mode}")'`,
        );
      assert.equal(connect("prefer").status, 0, connect("prefer").stderr);
      // As of a server without TLS.
      assert.match(connect("disable").stderr, /channel binding required, but SSL not in use/);
    });

    it("and the edge listens where it must, without an administration", () => {
      const [, pid] = cluster.node(`ctr -n k8s.io tasks ls | grep ^${ours("odoo-edge").id}`).split(/\s+/);
      const ports = cluster
        .node(`cat /proc/${pid ?? ""}/net/tcp /proc/${pid ?? ""}/net/tcp6 | awk '$4 == "0A" { print $2 }'`)
        .split("\n");
      assert.deepEqual(
        [...new Set(ports.map((port) => Number.parseInt(port.split(":")[1] ?? "", 16)))].sort(),
        [2020, 8080, 8443],
      );
    });
  });

  describe("has objects that Kubernetes knows", () => {
    // Each a document of its own: kubectl leaves the fields of a List to nobody but itself.
    const dryRun = (verb: "apply" | "create", namespace: string, ...items: readonly object[]) =>
      cluster.run(
        [
          ...(verb === "create" ? [verb] : [verb, "--server-side", "--force-conflicts"]),
          ...["-n", namespace, "--dry-run=server", "--validate=strict", "-f", "-"],
        ],
        items.map((item) => JSON.stringify(item)).join("\n---\n"),
      );
    const deployment = () => {
      const found = state.objects().find(({ kind, metadata }) => kind === "Deployment" && metadata.name === "odoo");
      assert.ok(found !== undefined);
      return structuredClone(found) as Rendered & {
        spec: { template: { spec: { containers: Record<string, unknown>[] } } };
      };
    };
    const elsewhere = (one: Rendered): Rendered => ({
      ...one,
      metadata: { ...one.metadata, namespace: stranger.namespace },
    });

    it("as they are there, each as the program has rendered it", () => {
      const objects = state.objects();
      const kinds = new Set(objects.map(({ kind }) => kind));
      for (const kind of ["Namespace", "Deployment", "StatefulSet", "Job", "NetworkPolicy", "Secret", "ConfigMap"])
        assert.ok(kinds.has(kind), kind);
      const { status, stdout, stderr } = dryRun("apply", "odoo", ...objects);
      assert.deepEqual([status, stderr, stdout.trim().split("\n").length], [0, "", objects.length]);
    });

    it("as new ones in another namespace of the restricted standard, without a warning", () => {
      const objects = state.objects().filter(({ kind }) => kind !== "Namespace");
      const { status, stdout, stderr } = dryRun("create", stranger.namespace, ...objects.map(elsewhere));
      assert.deepEqual([status, stderr, stdout.trim().split("\n").length], [0, "", objects.length]);
    });

    it("and it would say if it did not know a field, or if a pod were not restricted", () => {
      const misspelled = deployment();
      misspelled.spec.template.spec.containers[0] = {
        ...misspelled.spec.template.spec.containers[0],
        livenesProbe: {},
      };
      const unknown = dryRun("apply", "odoo", misspelled);
      assert.equal(unknown.status, 1);
      assert.match(unknown.stderr, /containers\[name="odoo"\]\.livenesProbe: field not declared in schema/);
      const careless = deployment();
      delete careless.spec.template.spec.containers[0]?.["securityContext"];
      assert.match(
        dryRun("create", stranger.namespace, elsewhere(careless)).stderr,
        /would violate PodSecurity "restricted:latest"/,
      );
    });
  });

  describe("tells no secrets", () => {
    const planted = `planted-${randomUUID()}`;
    let secrets: Record<string, string>;

    before(() => {
      const servers = readServers();
      assert.ok(servers !== undefined);
      secrets = {
        ...state.secrets(),
        ...inCluster(JSON.parse(cluster.kubectl(["get", "secrets", "-A", "-o", "json"])) as Secrets),
        "push password": servers.push.password,
        "pull password": servers.pull.password,
        "DigitalOcean token": servers.token,
        "cluster's token": cluster.node("cat /node/machine/token"),
      };
      for (const [name, value] of Object.entries(secrets)) assert.ok(value.length >= 16, `${name} is not known`);
      for (const name of [
        "postgres-password",
        "odoo-db-password",
        "odoo-master-password",
        "first-password",
        "registry",
      ]) {
        assert.ok(
          Object.keys(secrets).some((key) => key.endsWith(name)),
          name,
        );
      }
    });

    it("in the cluster, where a planted one is found in each place", () => {
      const metadata = { name: "planted", namespace: stranger.namespace };
      // Each place gets it as a secret would get there; one of them in base64.
      stranger.run("planted", ["sh", "-c", 'echo "$0"; exec sleep 300', planted], {
        env: [{ name: "PLANTED", value: planted }],
      });
      stranger.apply(
        {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata,
          binaryData: { planted: Buffer.from(`a ${planted}`).toString("base64") },
        },
        {
          apiVersion: "v1",
          kind: "Event",
          metadata,
          involvedObject: { kind: "Pod", ...metadata },
          reason: "Planted",
          message: planted,
        },
        { apiVersion: "v1", kind: "ServiceAccount", metadata: { ...metadata, annotations: { planted } } },
      );
      // The pod's own shell has become sleep.
      stranger.run("argument", ["sh", "-c", "sleep 300; : $0", planted]);
      const kinds = cluster.kubectl(["api-resources", "--verbs=list", "-o", "name"]).split("\n");
      const all = (which: readonly string[]) => cluster.kubectl(["get", "-A", "-o", "json", which.join(",")]);
      const apart = ["secrets", "configmaps", "pods", "events", "events.events.k8s.io"];
      const processes = (what: string) => cluster.node(`cat /proc/[0-9]*/${what} 2>/dev/null; true`);
      const places = {
        secrets: all(["secrets"]),
        configmaps: all(["configmaps"]),
        pods: all(["pods"]),
        events: all(["events"]),
        "other objects": all(kinds.filter((kind) => !apart.includes(kind))),
        logs: cluster.node("find /var/lib/node/pod-logs -type f -exec cat {} +"),
        "arguments of processes": processes("cmdline"),
        "variables of processes": processes("environ"),
      };
      for (const variable of ["PROXY_MODE=True", "PGDATA=", "XDG_DATA_HOME="])
        assert.ok(places["variables of processes"].includes(variable));
      const { secrets: own, ...found } = findIn(places, { ...secrets, planted });
      assert.deepEqual(found, {
        configmaps: ["planted"],
        pods: ["planted"],
        events: ["planted"],
        "other objects": ["planted"],
        logs: ["planted"],
        "arguments of processes": ["planted"],
        "variables of processes": ["planted"],
      });
      // They are where they belong, in base64, and found there.
      assert.ok(
        own?.some((name) => name.endsWith("postgres-password")) === true && !own.includes("planted"),
        own?.join(),
      );
    });

    it("in Pulumi's state, in its output or in a preview, and gives none to a process as an argument", async () => {
      const places = await whatPulumiTells();
      assert.deepEqual(findIn(places, secrets), { state: [], log: [], preview: [], processes: [] });
      assert.deepEqual(undocumented((await pulumi("stack", "export", "--show-secrets")).stdout), []);
      assert.match(places.state, /"ciphertext"/);
      // The search finds what is there.
      const known = {
        state: "doks-database-admin-password",
        log: "doks-database-admin-password",
        preview: "odoo::pulumi:pulumi:Stack",
      };
      const found = findIn(places, { ...known, processes: "preview --diff" });
      for (const place of Object.keys(places)) assert.ok(found[place]?.includes(place), place);
    });
  });
});

/** What the cluster's Secrets hold, and the passwords within logins to registries; without what is too short to be one. */
function inCluster({ items }: Secrets): Record<string, string> {
  const values = items.flatMap(({ metadata, data = {} }) =>
    Object.entries(data).map(
      ([key, value]) => [`${metadata.name} ${key}`, Buffer.from(value, "base64").toString()] as const,
    ),
  );
  const logins = values
    .filter(([name]) => name.endsWith(".dockerconfigjson"))
    .flatMap(([name, value]) =>
      Object.values((JSON.parse(value) as { auths: Record<string, { auth: string }> }).auths).map(
        ({ auth }) => [`${name} registry`, Buffer.from(auth, "base64").toString().split(":")[1] ?? ""] as const,
      ),
    );
  return Object.fromEntries([...values, ...logins].filter(([, value]) => value.length >= 16));
}
