const urn = (rest: string) => `urn:pulumi:staging::odoo::${rest}`;

/** Resources by URN, as components/ name them. */
export const urns = {
  stack: urn("pulumi:pulumi:Stack::odoo-staging"),
  gate: urn("odoo:release:ReleaseGates$command:local:Command::gates-image"),
  proof: urn("odoo:release:ReleaseGates$command:local:Command::gates-proof"),
  deployment: urn("odoo:vps:VpsDeployment$command:local:Command::vps-odoo-release"),
};

/** What Pulumi prints of an error; what is the program's own has no resource. */
export interface PrintedError {
  readonly urn?: string;
  readonly message: string;
}

/** The events of an update, as `pulumi up --event-log` has written them: these errors, and what stands around them. */
export function eventsOf(...errors: readonly PrintedError[]): string {
  const told = (severity: string, message: string, more: object = {}) => ({
    diagnosticEvent: { ...more, message: `${message}\n`, color: "never", severity },
  });
  const metadata = { op: "same", urn: urns.stack, type: "pulumi:pulumi:Stack" };
  const events = [
    { preludeEvent: { config: {} } },
    { resourcePreEvent: { metadata } },
    told("debug", "DATABASE_LOST: Registering resource"),
    // What a command says while it runs is no error of its own.
    told("info", "SBOM_MISSING: a step", { urn: urns.deployment, ephemeral: true }),
    ...errors.map(({ message, ...more }) => told("error", message, { ...more, prefix: "error: " })),
    told("error", "update failed", { prefix: "error: " }),
    { summaryEvent: { result: "failed" } },
    { cancelEvent: {} },
  ];
  return events.map((event, sequence) => `${JSON.stringify({ sequence, timestamp: 1, ...event })}\n`).join("");
}

/** What a command of Pulumi's provider says when its program has failed. */
export function failedCommand(name: string, printed: string): string {
  return `creating Command "${name}": exit status 1: running "node --import tsx ops/x.ts":\n${printed}\n`;
}
