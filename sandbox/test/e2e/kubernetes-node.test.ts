import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as https from "node:https";

import { loadBalancerAddress } from "../../digitalocean/cluster-machines";
import { preparedImage } from "../../images/base";
import * as clusters from "../../kubernetes/cluster";
import * as faults from "../../kubernetes/faults";
import { containerName, diskName } from "../../kubernetes/names";
import { until } from "../../process";
import { readServers } from "../../servers-control";

// Beside the slots of the API's clusters.
const id = "e2e-node";
const slot = 4;
const outside = loadBalancerAddress(slot);

/** A pod's container under the restricted standard; the image is the sandbox's Caddy, which has a shell, too. */
const container = (image: string, command: string, more: object = {}): object => ({
  name: "main",
  image,
  command: ["sh", "-c", command],
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } },
  ...more,
});
const restricted = {
  runAsNonRoot: true,
  runAsUser: 1000,
  runAsGroup: 1000,
  fsGroup: 1000,
  seccompProfile: { type: "RuntimeDefault" },
};
const metadata = (name: string, labels: object = {}): object => ({ name, namespace: "shop", labels });

/** The node that stands for DOKS, as the objects of a release need it. That the product does well on it is shown elsewhere. */
describe("a Kubernetes node of the sandbox", () => {
  const proxy = preparedImage("proxy");
  const image = proxy.pinned;
  const pull = readServers()?.pull;
  assert.ok(pull !== undefined, "the sandbox's registry runs");
  const registry = { server: "127.0.0.1:5055", secretName: "e2e-registry", ...pull };
  const order = {
    id,
    name: "e2e",
    version: "1.34.3-do.0",
    slot,
    pools: [{ id: "e2e-pool", name: "default", nodes: ["default-e2e1"] }],
    registry,
  };

  const kubectl = (args: readonly string[], input = ""): { status: number | null; output: string } => {
    const { status, stdout, stderr } = spawnSync(
      "docker",
      ["exec", "--interactive", containerName(id), "kubectl", ...args],
      {
        encoding: "utf8",
        input,
        timeout: 1_200_000,
      },
    );
    return { status, output: `${stdout}${stderr}`.trim() };
  };
  /** @param more arguments with spaces in them */
  const k = (line: string, more: readonly string[] = [], input = ""): string => {
    const { status, output } = kubectl([...line.split(" "), ...more], input);
    assert.equal(status, 0, `kubectl ${line}: ${output}`);
    return output;
  };
  const apply = (...items: readonly object[]): string =>
    k("apply --filename -", [], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const ledger = (): string => kubectl("exec -n shop deployment/writer -- cat /data/ledger".split(" ")).output;
  /** Runs a command in a pod to its end; answers whether it went well. */
  const succeeds = (name: string, namespace: string, command: string, labels: object = {}): boolean => {
    const spec = { restartPolicy: "Never", securityContext: restricted, containers: [container(image, command)] };
    apply({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels }, spec });
    let phase = "";
    const ended = (): boolean =>
      /Succeeded|Failed/.test((phase = k(`get pod -n ${namespace} ${name} -o jsonpath={.status.phase}`)));
    for (let tries = 0; !ended() && tries < 1200; tries += 1) spawnSync("sleep", ["0.5"]);
    k(`delete pod -n ${namespace} ${name} --now`);
    assert.match(phase, /Succeeded|Failed/, `${name} ended`);
    return phase === "Succeeded";
  };
  const page = async (): Promise<string> => {
    try {
      return await (
        await fetch(`http://${outside}/`, { signal: AbortSignal.timeout(3000), headers: { connection: "close" } })
      ).text();
    } catch {
      return "no answer";
    }
  };
  const shows = (text: string): Promise<boolean> => until(async () => (await page()) === text, 600_000, 200);
  const request = async (path: string, token?: string): Promise<number | undefined> => {
    const { server, ca } = await clusters.clusterCredentials(id);
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return new Promise((resolve, reject) => {
      https
        .get(`${server}${path}`, { ca, headers, agent: false }, (answer) => resolve(answer.resume().statusCode))
        .once("error", reject);
    });
  };
  const deployment = (name: string, replicas: number, spec: object): object => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(name),
    spec: {
      replicas,
      progressDeadlineSeconds: 15,
      selector: { matchLabels: { app: name } },
      strategy: { rollingUpdate: { maxUnavailable: 0 } },
      template: { metadata: { labels: { app: name } }, spec },
    },
  });
  const shop = (text: string, imageOf = image): object =>
    deployment("web", 2, {
      securityContext: restricted,
      containers: [
        container(imageOf, `exec caddy respond --listen :8080 '${text}'`, {
          ports: [{ name: "http", containerPort: 8080 }],
          // Until nobody is sent here any more.
          lifecycle: { preStop: { sleep: { seconds: 3 } } },
          readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 1 },
        }),
      ],
    });

  before(async () => {
    await clusters.removeCluster(id);
    await clusters.createCluster(order);
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    for (const name of ["shop", "street"]) apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
    // Each gets the secret, and pods need it from the first.
    for (const name of ["shop", "street"]) {
      const secrets = ["get", "serviceaccount", "-n", name, "default", "-o", "jsonpath={.imagePullSecrets[*].name}"];
      assert.ok(await until(() => kubectl(secrets).output === registry.secretName, 600_000));
    }
  });

  after(async () => {
    await clusters.removeCluster(id);
    assert.equal(await clusters.clusterStatus(id), undefined);
    assert.equal(
      execFileSync("docker", ["volume", "ls", "-q", "--filter", `name=^${diskName(id)}$`], { encoding: "utf8" }),
      "",
    );
  });

  it("answers who has its credentials, and nobody else", async () => {
    const { token } = await clusters.clusterCredentials(id);
    assert.equal(await request("/api/v1/nodes/default-e2e1", token), 200);
    assert.deepEqual([await request("/api/v1/nodes"), await request("/api/v1/nodes", "wrong")], [403, 401]);
    assert.equal(k("get nodes -l doks.digitalocean.com/node-pool=default -o name"), "node/default-e2e1");
  });

  it("serves a Deployment through a load balancer, from an image that only the integration may pull", async () => {
    const ports = [{ name: "http", port: 80, targetPort: "http" }];
    apply(shop("first"), {
      apiVersion: "v1",
      kind: "Service",
      metadata: metadata("web"),
      spec: { type: "LoadBalancer", selector: { app: "web" }, ports },
    });
    k("rollout status -n shop deployment/web --timeout=600s");
    assert.equal(await shows("first"), true);
    assert.equal(k("get service -n shop web -o jsonpath={.status.loadBalancer.ingress[*].ip}"), outside);
    assert.match(
      k("get pods -n shop -l app=web -o jsonpath={.items[*].status.containerStatuses[*].imageID}"),
      new RegExp(proxy.digest),
    );
  });

  it("rolls to the next release without a failed request, and not to one that cannot be pulled", async () => {
    const answers = new Set<string>();
    let rolling = true;
    const visitor = until(
      async () => {
        answers.add(await page());
        return !rolling;
      },
      120_000,
      20,
    );
    apply(shop("second"));
    assert.equal(await shows("second"), true);
    assert.ok(await until(() => k("get pods -n shop -l app=web -o name").split("\n").length === 2, 600_000, 500));
    rolling = false;
    await visitor;
    assert.deepEqual([...answers].sort(), ["first", "second"]);
    apply(shop("third", `${proxy.reference}@sha256:${"0".repeat(64)}`));
    assert.match(
      kubectl("rollout status -n shop deployment/web --timeout=600s".split(" ")).output,
      /exceeded its progress deadline/,
    );
    assert.match(k("get pods -n shop -l app=web"), /ErrImagePull|ImagePullBackOff/);
    assert.equal(await page(), "second");
    k("rollout undo -n shop deployment/web");
    k("rollout status -n shop deployment/web --timeout=600s");
  });

  it("ends a container that takes more memory than it may, and says so", async () => {
    const more = { resources: { limits: { memory: "32Mi" } } };
    const spec = {
      restartPolicy: "Never",
      securityContext: restricted,
      containers: [container(image, "head -c 200000000 /dev/zero | tail -n 1", more)],
    };
    apply({ apiVersion: "v1", kind: "Pod", metadata: metadata("greedy"), spec });
    assert.ok(await until(() => k("get pod -n shop greedy -o yaml").includes("OOMKilled"), 600_000, 500));
    k("delete pod -n shop greedy --now");
  });

  it("refuses what the restricted standard forbids", () => {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: metadata("root"),
      spec: { containers: [{ name: "main", image }] },
    };
    const { status, output } = kubectl(["apply", "--filename", "-"], JSON.stringify(pod));
    assert.equal(status, 1);
    assert.match(output, /violates PodSecurity "restricted/);
  });

  it("resolves names of services, and of what is outside the cluster", () => {
    assert.equal(succeeds("names", "street", "wget -qO- http://web.shop.svc.cluster.local/ | grep second"), true);
    // Another machine of the network, by the name that the outer engine knows.
    assert.equal(
      succeeds("outer", "street", `nslookup ${containerName(id)} || getent hosts ${containerName(id)}`),
      true,
    );
  });

  it("sends nothing out to a service's address that kube-proxy has no rule for", () => {
    const asked = ["curl", "--silent", "--max-time", "5", "http://198.19.79.250:8069/"];
    const { status, stdout } = spawnSync("docker", ["exec", containerName(id), ...asked], { encoding: "utf8" });
    // 28: nobody has answered, not even to refuse.
    assert.equal(status, 28, stdout);
  });

  it("binds a volume, writable for the pod's group, and only with the modes that it has", async () => {
    const claim = (name: string, mode: string, storageClassName?: string): object => ({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: metadata(name),
      spec: { accessModes: [mode], storageClassName, resources: { requests: { storage: "1Gi" } } },
    });
    const untilTold = "trap 'echo told >> /data/ledger; exit' TERM; while :; do sleep 1 & wait $!; done";
    const writer = {
      securityContext: restricted,
      containers: [
        container(image, `ls /data > /data/listing; id -u >> /data/ledger; touch /shared/too; ${untilTold}`, {
          volumeMounts: ["data", "shared"].map((name) => ({ name, mountPath: `/${name}` })),
          readinessProbe: { exec: { command: ["test", "-e", "/shared/too"] }, periodSeconds: 1 },
        }),
      ],
      volumes: ["data", "shared"].map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    };
    apply(
      claim("data", "ReadWriteOnce"),
      claim("shared", "ReadWriteMany", "sandbox-shared"),
      claim("wrong", "ReadWriteMany"),
      deployment("writer", 1, writer),
    );
    k("rollout status -n shop deployment/writer --timeout=600s");
    assert.match(k("exec -n shop deployment/writer -- cat /data/listing"), /^lost\+found$/m);
    assert.equal(ledger(), "1000");
    const wrong = (): string => k("get events -n shop --field-selector involvedObject.name=wrong");
    assert.ok(await until(() => wrong().includes("ProvisioningFailed"), 600_000));
    assert.equal(k("get pvc -n shop wrong -o jsonpath={.status.phase}"), "Pending");
    k('patch pvc -n shop data -p {"spec":{"resources":{"requests":{"storage":"2Gi"}}}}');
    assert.ok(await until(() => k("get pvc -n shop data -o jsonpath={.status.capacity.storage}") === "2Gi", 600_000));
    k("delete pvc -n shop wrong");
  });

  it("takes a volume away with its claim", async () => {
    const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
    apply({ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: metadata("spare"), spec });
    k("wait -n shop pvc/spare --for=jsonpath={.status.phase}=Bound --timeout=600s");
    const volume = k("get pvc -n shop spare -o jsonpath={.spec.volumeName}");
    const directory = (): string =>
      execFileSync("docker", ["exec", containerName(id), "ls", "/var/lib/node/volumes"], { encoding: "utf8" });
    assert.ok(directory().includes(volume));
    k("delete pvc -n shop spare");
    assert.ok(await until(() => !k("get pv -o name").includes(volume), 600_000));
    assert.ok(!directory().includes(volume));
  });

  it("tells who has called where the service asks for the PROXY protocol", async () => {
    const listen = container(image, "while :; do nc -l -p 8443 | head -n 1; done");
    const annotations = { "service.beta.kubernetes.io/do-loadbalancer-enable-proxy-protocol": "true" };
    apply(deployment("door", 1, { securityContext: restricted, containers: [listen] }), {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "door", namespace: "shop", annotations },
      spec: { type: "LoadBalancer", selector: { app: "door" }, ports: [{ port: 443, targetPort: 8443 }] },
    });
    k("rollout status -n shop deployment/door --timeout=600s");
    const called = async (): Promise<boolean> => {
      await fetch(`http://${outside}:443/`, { signal: AbortSignal.timeout(1000) }).catch(() => undefined);
      return /^PROXY TCP4 198\.18\.77\.1 \S+ \d+ 443\r?$/m.test(k("logs -n shop deployment/door"));
    };
    assert.ok(await until(called, 600_000, 500));
    k("delete service,deployment -n shop door");
  });

  it("lets through what a network policy allows, and drops the rest", async () => {
    const policy = (name: string, spec: object): object => ({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: metadata(name),
      spec,
    });
    const visit = "wget -T 3 -qO- http://web.shop.svc.cluster.local/ | grep second";
    const administer = "wget -T 3 --no-check-certificate -qO- https://$KUBERNETES_SERVICE_HOST/livez";
    assert.equal(succeeds("before", "street", `${visit} && ${administer}`), true);
    const friends = {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "street" } },
      podSelector: { matchLabels: { friend: "yes" } },
    };
    apply(
      policy("nothing", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
      policy("friends", {
        podSelector: { matchLabels: { app: "web" } },
        ingress: [{ from: [friends], ports: [{ port: "http" }] }],
      }),
    );
    assert.ok(await until(async () => (await page()) === "no answer", 600_000), "the load balancer is not let in");
    assert.equal(succeeds("stranger", "street", visit), false);
    assert.equal(succeeds("friend", "street", visit, { friend: "yes" }), true);
    assert.equal(
      succeeds("inmate", "shop", `wget -T 3 -qO- http://$WEB_SERVICE_HOST/ || ${administer}`, { friend: "yes" }),
      false,
    );
    apply(policy("all", { podSelector: { matchLabels: { app: "web" } }, ingress: [{}] }));
    assert.equal(await shows("second"), true);
    assert.equal(succeeds("guest", "street", visit), true);
    k("delete networkpolicy -n shop --all");
  });

  it("loses the pull secret with its integration", async () => {
    await clusters.setRegistry(id, undefined);
    assert.ok(await until(() => !k("get secrets -A -o name").includes(registry.secretName), 600_000));
    assert.ok(await until(() => !k("get serviceaccounts -A -o yaml").includes(registry.secretName), 600_000));
    await clusters.setRegistry(id, registry);
    assert.ok(await until(() => k("get secrets -n street -o name").includes(registry.secretName), 600_000));
  });

  it("serves on while its apiserver is away", async () => {
    const { token } = await clusters.clusterCredentials(id);
    await faults.stopApiserver(id);
    await assert.rejects(request("/readyz", token));
    assert.equal(await page(), "second");
    await faults.startApiserver(id);
    assert.equal(await request("/readyz", token), 200);
    assert.equal(await page(), "second");
  });

  it("is missed when it is gone, and starts its pods again when it is back", async () => {
    const ready = (): string => k("get node default-e2e1 -o jsonpath={.status.conditions[?(@.type=='Ready')].status}");
    await faults.loseNode(id);
    assert.equal(await page(), "no answer");
    assert.ok(await until(() => ready() === "Unknown", 600_000, 500));
    await faults.regainNode(id);
    assert.ok(await until(() => ready() === "True", 600_000, 500));
    assert.equal(await shows("second"), true);
  });

  it("tells that its disk is full, and recovers", async () => {
    const pressure = (): string =>
      k("get node default-e2e1 -o jsonpath={.status.conditions[?(@.type=='DiskPressure')].status}");
    await faults.fillDisk(id);
    assert.ok(await until(() => pressure() === "True", 600_000, 1000));
    await faults.emptyDisk(id);
    assert.ok(await until(() => pressure() === "False", 600_000, 1000));
    for (const name of ["web", "writer"]) k(`rollout status -n shop deployment/${name} --timeout=600s`);
    assert.equal(await shows("second"), true);
  });

  it("comes back from a power cut, with what was written", async () => {
    k("exec -n shop deployment/writer -- sh -c", ["echo before > /data/ledger"]);
    await faults.killNode(id);
    assert.equal(await clusters.clusterStatus(id), "off");
    await clusters.createCluster(order);
    assert.equal(await shows("second"), true);
    assert.ok(await until(() => ledger() === "before\n1000", 600_000, 500));
  });

  it("is the same cluster when its container was removed and is made again", async () => {
    const identity = (): string => k("get namespace,persistentvolume -o jsonpath={.items[*].metadata.uid}");
    const before = identity();
    const { token } = await clusters.clusterCredentials(id);
    execFileSync("docker", ["stop", "--time", "40", containerName(id)]);
    execFileSync("docker", ["rm", containerName(id)]);
    assert.equal(await clusters.clusterStatus(id), undefined);
    await clusters.createCluster(order);
    assert.deepEqual([identity(), (await clusters.clusterCredentials(id)).token], [before, token]);
    assert.equal(await shows("second"), true);
    // Its pods were told to end before the power went.
    assert.ok(await until(() => ledger() === "before\n1000\ntold\n1000", 600_000, 500));
  });
});
