/**
 * What `pulumi preview --json --show-sames` prints of a stack with both targets: the form of the engine, with the inputs
 * that matter. That the engine's own words are read in the same way is shown in test/engine/preview.test.ts.
 */
export interface Recording {
  config: Record<string, { value: string; secret?: boolean }>;
  steps: Step[];
  diagnostics: { message: string; severity: string }[];
}

interface Step {
  op: string;
  urn: string;
  newState: { urn: string; custom: boolean; type: string; inputs: Inputs; outputs?: Inputs };
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests change what they like
type Inputs = Record<string, any>;

/** The engine's word for what only the update will know. */
export const onlyLater = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Secrets that the engine or a person failed to hide: none may reach a page. */
export const planted = ["dop_v1_0123456789abcdef0123", "ghp_0123456789abcdefABCD", "xoxb-12345678-planted"];

const hash = (digit: string, length = 64) => digit.repeat(length);

export function recordedPreview(): Recording {
  const step = (type: string, name: string, inputs: Inputs, outputs?: Inputs): Step => {
    const urn = `urn:pulumi:staging::odoo::${type}::${name}`;
    return { op: "same", urn, newState: { urn, custom: true, type, inputs, ...(outputs && { outputs }) } };
  };
  const image = "registry.example.com/team/odoo@sha256:";
  const scan = { gate: "scan", facts: { unfixed: ["CVE-2026-0001 zlib1g"] } };
  return {
    config: {
      "odoo:modules": { value: '["sale_extra"]' },
      "odoo:options": { value: "{}" },
      "doks:nodeSize": { value: "s-2vcpu-4gb" },
      "registry:password": { value: "[secret]", secret: true },
    },
    steps: [
      step("docker:index/image:Image", "odoo-image-build", {
        imageName: `registry.example.com/team/odoo:candidate-${hash("a")}`,
        registry: { server: "registry.example.com", username: "push", password: planted[0] },
        build: {
          context: `.build/odoo/${hash("a", 16)}`,
          args: {
            ATTEMPT: "0",
            BASE_DIGEST: `sha256:${hash("b")}`,
            BASE_IMAGE: `docker.io/library/odoo@sha256:${hash("b")}`,
            BASE_NAME: "docker.io/library/odoo:18.0",
            CONTENT_HASH: hash("a"),
            EPOCH: "1",
            MODULES: JSON.stringify({ sale_extra: { version: "18.0.1.2.0", hash: hash("1") } }),
            PYTHON_PACKAGES: "num2words==0.5.13",
            REVISION: hash("c", 40),
          },
        },
      }),
      step("command:local:Command", "gates-scan", { environment: { GATE: "{}" } }, { stdout: JSON.stringify(scan) }),
      step("command:local:Command", "vps-odoo-release", {
        environment: {
          ATTEMPT: "0",
          FILES: `${hash("1", 12)} .env\n${hash("2", 12)} proxy/Caddyfile`,
          IMAGE: `${image}${hash("d")}`,
          REQUEST: hash("e", 16),
        },
        stdin: planted[1],
      }),
      step("digitalocean:index/droplet:Droplet", "vps-host-droplet", { size: "s-2vcpu-4gb", backups: true }),
      step("digitalocean:index/volume:Volume", "vps-host-data", { size: 50 }),
      step("digitalocean:index/kubernetesCluster:KubernetesCluster", "doks-cluster-cluster", {
        ha: false,
        nodePool: { size: "s-2vcpu-4gb", autoScale: true, minNodes: 1, maxNodes: 2 },
      }),
      step("kubernetes:apps/v1:Deployment", "doks-odoo-web", { spec: { image: `${image}${hash("d")}`, replicas: 1 } }),
      step("kubernetes:apps/v1:Deployment", "doks-odoo-cron", { spec: { image: `${image}${hash("d")}` } }),
    ],
    diagnostics: [{ severity: "warning", message: "warning: backup:destination is empty\n" }],
  };
}

/** Inputs of a resource of a recording, to be changed; its step becomes an update. */
export function changing(recording: Recording, name: string): Inputs {
  const step = recording.steps.find(({ urn }) => urn.endsWith(`::${name}`));
  if (step === undefined) throw new Error(`the recording has no ${name}`);
  step.op = "update";
  return step.newState.inputs;
}

/** Another image: what follows from it is known by the update alone. */
export function anotherImage(recording: Recording, args: Readonly<Record<string, string>>): void {
  Object.assign((changing(recording, "odoo-image-build")["build"] as { args: Inputs }).args, {
    CONTENT_HASH: hash("f"),
    REVISION: hash("9", 40),
    ...args,
  });
  Object.assign(changing(recording, "vps-odoo-release")["environment"] as Inputs, {
    IMAGE: onlyLater,
    REQUEST: onlyLater,
    ATTEMPT: "1795255200",
  });
  changing(recording, "gates-scan")["environment"] = { GATE: onlyLater };
  for (const name of ["doks-odoo-web", "doks-odoo-cron"]) {
    (changing(recording, name)["spec"] as Inputs)["image"] = onlyLater;
  }
}
