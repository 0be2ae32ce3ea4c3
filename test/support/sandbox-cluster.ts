import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

import { loadBalancerAddress } from "../../sandbox/digitalocean/cluster-machines";
import { listClusters } from "../../sandbox/kubernetes/cluster";
import { readSlot } from "../../sandbox/kubernetes/files";
import { until } from "../../sandbox/process";
import { readServers } from "../../sandbox/servers-control";
import { stackOutputs } from "../../sandbox/stack";
import { type Address, Endpoint } from "./endpoint";
import { npm } from "./npm";
import type { Ended } from "./sandbox-host";

/** A container that runs on the node, as the container runtime tells it. */
export interface Running {
  readonly id: string;
  readonly namespace: string;
  readonly pod: string;
  readonly name: string;
  /** What it was made from, `repository@sha256:…`. */
  readonly image: string;
  /** Of that image, and the runtime's own. */
  readonly labels: Readonly<Record<string, string>>;
}

interface Named {
  readonly metadata: { readonly name: string };
}

/** The cluster that `npm start` made, as its administrator reaches it, and its node, as root. */
export class SandboxCluster {
  private constructor(
    readonly url: URL,
    /** Of the load balancer. */
    readonly address: string,
    readonly digest: string,
    /** The container that is the node. */
    readonly container: string,
    /** Certificate of the authority that signs for the domain, PEM. */
    public ca: string,
  ) {}

  static async open(): Promise<SandboxCluster> {
    if (readServers() === undefined || !("doksUrl" in (await stackOutputs({ servers: readServers() })))) {
      const { status, output } = await npm(["start"]);
      assert.equal(status, 0, output);
    }
    const { doksUrl, doksAddress, doksDigest } = (await stackOutputs({ servers: readServers() })) as Record<
      string,
      string
    >;
    assert.ok(
      doksUrl !== undefined && doksAddress !== undefined && doksDigest !== undefined,
      "npm start ended without a cluster",
    );
    const found = (await listClusters()).find(({ id }) => loadBalancerAddress(readSlot(id) ?? -1) === doksAddress);
    assert.equal(found?.state, "running", "the cluster");
    const cluster = new SandboxCluster(new URL(doksUrl), doksAddress, doksDigest, found?.container ?? "", "");
    const certificate = [
      "exec",
      "-n",
      "odoo",
      "deployment/odoo-edge",
      "--",
      "cat",
      "/data/caddy/pki/authorities/local/root.crt",
    ];
    // On a busy machine runc loses a process in a container now and then.
    await until(() => (cluster.ca = cluster.run(certificate).stdout).includes("END CERTIFICATE"), 300_000);
    return cluster;
  }

  /** Runs kubectl. */
  run(args: readonly string[], input = ""): Ended {
    return this.#inside(["kubectl", ...args], input);
  }

  /** As {@link run}, for what must end well; answers its standard output. */
  kubectl(args: readonly string[], input = ""): string {
    return well(`kubectl ${args.join(" ")}`, this.run(args, input));
  }

  /** The words of a line as {@link kubectl}'s arguments, in the namespace of Odoo. */
  k(line: string, input = ""): string {
    return this.kubectl(["--namespace", "odoo", ...line.split(" ")], input);
  }

  /** What `kubectl get` answers. */
  get<Kind>(line: string): Kind {
    return JSON.parse(this.k(`get ${line} -o json`)) as Kind;
  }

  /** The pod with this label `app` that runs and is not ending. */
  pod(app: string): string {
    const { items } = this.get<{ items: (Named & { metadata: { deletionTimestamp?: string } })[] }>(
      `pods -l app=${app} --field-selector status.phase=Running`,
    );
    const names = items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name);
    assert.equal(names.length, 1, `pods of ${app}: ${names.join()}`);
    return names[0] ?? "";
  }

  /** Runs a shell script in a pod. */
  exec(pod: string, script: string, namespace = "odoo"): Ended {
    return this.run(["exec", "--namespace", namespace, pod, "--", "sh", "-c", script]);
  }

  /**
   * Which of these addresses, `host:port`, accept a connection from a pod. Nothing is sent.
   * @param pod has bash
   */
  reached(pod: string, addresses: readonly string[], namespace = "odoo"): string[] {
    const probe = (address: string) =>
      `timeout 5 bash -c 'exec 3<>/dev/tcp/${address.replace(/:(\d+)$/, "/$1")}' 2>/dev/null && echo ${address} &`;
    const { status, stdout, stderr } = this.exec(pod, `${addresses.map(probe).join("\n")}\nwait`, namespace);
    assert.equal(status, 0, stderr);
    const lines = stdout.split("\n");
    return addresses.filter((address) => lines.includes(address));
  }

  /** Runs a shell script as root on the node; answers its standard output. */
  node(script: string): string {
    return well(script, this.#inside(["sh", "-c", script], ""));
  }

  /** The containers that the node's runtime runs now, of every namespace; not the ones that hold a pod together. */
  running(): readonly Running[] {
    const script = `for id in $(ctr -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1 }'); do ctr -n k8s.io containers info $id 2>/dev/null && printf '\\001'; done; true`;
    return this.node(script)
      .split("\u0001")
      .filter((text) => text.trim() !== "")
      .map((text) => JSON.parse(text) as { ID: string; Image: string; Labels: Record<string, string> })
      .filter(({ Labels }) => Labels["io.cri-containerd.kind"] === "container")
      .map(({ ID, Image, Labels }) => ({
        id: ID,
        image: Image,
        labels: Labels,
        namespace: Labels["io.kubernetes.pod.namespace"] ?? "",
        pod: Labels["io.kubernetes.pod.name"] ?? "",
        name: Labels["io.kubernetes.container.name"] ?? "",
      }));
  }

  /** The proxy, with its certificate verified. */
  get proxy(): Address {
    return { host: this.address, port: 443, domain: this.url.hostname, ca: this.ca };
  }

  endpoint(): Endpoint {
    return new Endpoint(this.proxy);
  }

  /** The administrator's first password: no run has changed it. */
  firstPassword(): string {
    const { data } = this.get<{ data: Record<string, string> }>("secret odoo-first-login");
    return Buffer.from(data["first-password"] ?? "", "base64").toString();
  }

  #inside(command: readonly string[], input: string): Ended {
    return spawnSync("docker", ["exec", "--interactive", this.container, ...command], {
      encoding: "utf8",
      input,
      timeout: 300_000,
      maxBuffer: 256 << 20,
    });
  }
}

function well(what: string, { status, stdout, stderr }: Ended): string {
  assert.equal(status, 0, `${what}\n${stdout}${stderr}`);
  return stdout.trim();
}
