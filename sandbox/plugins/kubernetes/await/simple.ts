import { isMap, sameValue } from "../../values";
import { at, listAt, nameOf, textAt, type KubeObject } from "../objects";
import { isPodReady, podProblems } from "./pods";
import { ready, type Look, type Looking, type Rule } from "./rule";

const notYet = (problem: string): Look => ({ ready: false, problems: [problem], progress: problem });

/** A Pod is ready when it says so, or has done its work. */
export const pod: Rule = {
  group: "",
  kind: "Pod",
  onRead: true,
  look: async (live) =>
    isPodReady(live)
      ? ready
      : { ready: false, problems: podProblems(live), progress: `Waiting for Pod "${nameOf(live)}" to be ready` },
  related: async (live) => ({ owners: [], pods: [live] }),
};

/** A claim is ready when it is bound; one whose class binds at the first use is not waited for. */
export const claim: Rule = {
  group: "",
  kind: "PersistentVolumeClaim",
  limitSeconds: 300,
  onRead: false,
  async look(live, looking) {
    const phase = textAt(live, "status", "phase");
    if (phase === "Bound") return ready;
    const mode = await bindingMode(live, looking);
    if (mode === "WaitForFirstConsumer" && phase === "Pending" && looking.before === undefined) return ready;
    return notYet(`PersistentVolumeClaim "${nameOf(live)}" is ${phase === "" ? "not bound" : phase}`);
  },
};

/** A volume is ready when it is available or bound. */
export const volume: Rule = {
  group: "",
  kind: "PersistentVolume",
  limitSeconds: 300,
  onRead: false,
  look: async (live) =>
    ["Available", "Bound"].includes(textAt(live, "status", "phase"))
      ? ready
      : notYet(`PersistentVolume "${nameOf(live)}" is not available`),
};

/** A quota is ready when its controller took it over. */
export const quota: Rule = {
  group: "",
  kind: "ResourceQuota",
  limitSeconds: 60,
  onRead: false,
  look: async (live) =>
    sameValue(at(live, "spec", "hard"), at(live, "status", "hard"))
      ? ready
      : notYet(`ResourceQuota "${nameOf(live)}" is not in force`),
};

/** The token of a service account is filled in by a controller; other Secrets are there at once. */
export const tokenSecret: Rule = {
  group: "",
  kind: "Secret",
  limitSeconds: 5,
  onRead: false,
  async look(live) {
    const data = live["data"];
    if (live["type"] !== "kubernetes.io/service-account-token" || (isMap(data) && Object.keys(data).length > 0))
      return ready;
    return notYet(`Secret "${nameOf(live)}" has no token`);
  },
};

/** An Ingress is ready when its controller gave it an address. */
export const ingress: Rule = {
  group: "networking.k8s.io",
  kind: "Ingress",
  onRead: true,
  look: async (live) =>
    listAt(live, "status", "loadBalancer", "ingress").length > 0
      ? ready
      : notYet("Ingress .status.loadBalancer field was not updated with a hostname/IP address."),
};

async function bindingMode(live: KubeObject, looking: Looking): Promise<string> {
  const name = textAt(live, "spec", "storageClassName");
  if (name === "") return "";
  return textAt(
    await looking.client.find(`/apis/storage.k8s.io/v1/storageclasses/${name}`, looking.signal),
    "volumeBindingMode",
  );
}
