/**
 * Port at which an image's guard answers Kubernetes' probes (images/odoo/probes.py). The image says it in a label: one
 * from before has none, and is asked by a program that runs in its container each time.
 */
export const probePort = 8070;

const label = "io.odoo.probe-port";

/** Returns the port that an image's labels tell; undefined where they tell none. */
export function probePortOf(labels: Readonly<Record<string, string>> = {}): number | undefined {
  return labels[label] === String(probePort) ? probePort : undefined;
}
