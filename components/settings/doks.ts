import { z } from "zod";

import { ranges } from "./addresses";
import { folder, key, matching, secretText, whole } from "./key";
import { capacity, containerCpus, containerMemory, site } from "./site";

/** A Kubernetes object's name. */
const objectName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Private ranges, of which a VPC takes a part. */
const privateRange = /^(10|172\.(1[6-9]|2\d|3[01])|192\.168)(\.\d{1,3}){1,3}\/(1[6-9]|2[0-8])$/;
/** Settings of the Kubernetes target: the cluster, what users see of it, and what runs there. */
export const doksKeys = {
  "doks:mode": key(
    "text",
    z.enum(["none", "create", "adopt"]).default("none"),
    "`none`, `create` or `adopt`",
    "`create`: this stack makes a DigitalOcean Kubernetes cluster. `adopt`: a cluster that is there already. " +
      "`none`: this stack has none. Production has a VPS or a cluster, never both.",
  ),

  "doks:domain": key(
    "text",
    site.domain,
    "a host name or an IP address",
    "What users type: Odoo answers at `https://<domain>`. Required with a cluster. Its DNS record must lead to " +
      "the load balancer.",
  ),
  "doks:aliases": key("data", site.aliases, 'list such as ["shop.example.org"]', "As `vps:aliases`."),
  "doks:redirectFrom": key("data", site.redirectFrom, 'list such as ["www.example.com"]', "As `vps:redirectFrom`."),
  "doks:tls": key(
    "text",
    site.tls,
    "`acme`, `internal` or `files`",
    "Where the certificate comes from. `acme`: an authority on the Internet, by the proxy itself; Let's Encrypt " +
      "unless `doks:acmeServer` names another. `internal`: an authority of the proxy's own, for tests. `files`: " +
      "the two keys below.",
  ),
  "doks:acmeEmail": key(
    "text",
    site.acmeEmail,
    "an e-mail address, or empty",
    "Contact for the certificate authority.",
  ),
  "doks:acmeServer": key(
    "text",
    site.acmeServer,
    "an https URL, or empty",
    "As `vps:acmeServer`. The proxy may reach its port on public addresses, on the address that stands in the " +
      "URL itself, and in the ranges of `doks:egress`: a private authority with a name needs one there.",
  ),
  "doks:acmeRoots": key("text", site.acmeRoots, "PEM text, or empty", "As `vps:acmeRoots`, for `doks:acmeServer`."),
  "doks:tlsCertificate": key(
    "text",
    site.tlsCertificate,
    "PEM text",
    "With `files`: the certificate and its intermediates.",
  ),
  "doks:tlsKey": key("text", secretText, "a secret, PEM text", "With `files`: the certificate's private key.", true),
  "doks:bodyMegabytes": key("data", site.bodyMegabytes, "megabytes, 1 to 4096", "As `vps:bodyMegabytes`."),
  "doks:rpcBodyMegabytes": key("data", site.rpcBodyMegabytes, "megabytes, 1 to 4096", "As `vps:rpcBodyMegabytes`."),
  "doks:wrongPasswords": key(
    "data",
    site.wrongPasswords,
    "3 to 1000",
    "As `vps:wrongPasswords`. Each pod of the proxy counts for itself: with `doks:tls` `files` there are two.",
  ),
  "doks:rpcCalls": key(
    "data",
    site.rpcCalls,
    "0 to 100000",
    "As `vps:rpcCalls`; each pod of the proxy counts for itself.",
  ),
  "doks:allowFrom": key("data", site.allowFrom, 'list such as ["203.0.113.0/24"]', "As `vps:allowFrom`."),
  "doks:rpcAllowFrom": key("data", site.rpcAllowFrom, 'list such as ["203.0.113.7/32"]', "As `vps:rpcAllowFrom`."),
  "doks:trustedProxies": key(
    "data",
    site.trustedProxies,
    'list such as ["173.245.48.0/20"]',
    "As `vps:trustedProxies`: a proxy of others before the load balancer.",
  ),
  "doks:proxyFrom": key(
    "data",
    site.allowFrom,
    'list such as ["10.114.0.0/20"]',
    "Whose word the proxy takes for a client's address (the PROXY protocol): the load balancer and the nodes " +
      "that pass its connections on. Empty: all private ranges, so another workload of the cluster could claim " +
      "any address; give the range of the cluster's VPC where others run workloads, too.",
  ),

  "doks:clusterId": key(
    "text",
    matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "is not the id of a cluster"),
    "a cluster's id",
    "The DigitalOcean cluster that `adopt` takes: `doctl kubernetes cluster list`. This or `doks:kubeconfig` is " +
      "required for it.",
  ),
  "doks:kubeconfig": key(
    "text",
    secretText,
    "a secret, YAML or JSON text",
    "Another cluster that `adopt` takes, as a kubeconfig with its credentials in it: kind, k3d, another provider's.",
    true,
  ),
  "doks:namespace": key(
    "text",
    z
      .string()
      .regex(objectName, "is not the name of a namespace")
      .refine((name) => name !== "default" && !name.startsWith("kube-"), "is a namespace of the cluster's own")
      .default("odoo"),
    "a name",
    "Namespace that this stack makes and owns. One that is there already is refused.",
  ),

  "doks:name": key(
    "text",
    z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/, "is not a name of lower-case letters, digits and hyphens")
      .default("odoo"),
    "lower-case letters, digits and `-`",
    "Name of a created cluster, and the beginning of the names of what belongs to it.",
  ),
  "doks:region": key(
    "text",
    matching(/^[a-z]{3}\d$/, "is not a region such as fra1"),
    "a region such as `fra1`",
    "Region of a created cluster and of a managed database. Required for `create`; it cannot be changed later.",
  ),
  "doks:version": key(
    "text",
    matching(/^1\.\d{1,2}\.\d{1,2}-do\.\d{1,2}$/, "is not an exact version such as 1.34.1-do.0"),
    "an exact version such as `1.34.1-do.0`",
    "Kubernetes of a created cluster, which moves by this setting only: one minor version at a time, never back. " +
      "Required for `create`.",
  ),
  "doks:apiFrom": key(
    "data",
    ranges.default([]),
    'list such as ["203.0.113.7/32"]',
    "Who may reach the API of a created cluster: your office, your CI runner, and whoever runs `kubectl` or " +
      "Pulumi. Empty: as it is, which is everybody for a new cluster, and each update warns.",
  ),
  "doks:nodeSize": key(
    "text",
    capacity.size,
    "a size such as `s-2vcpu-4gb`",
    "Size of the nodes. Required for `create`; it cannot be changed later: another size is another node pool.",
  ),
  "doks:nodesMin": key("data", whole(1, 512).default(1), "1 to 512", "Nodes that are always there."),
  "doks:nodesMax": key(
    "data",
    whole(1, 512).default(2),
    "1 to 512",
    "Nodes that the pool may grow to when pods find no room.",
  ),
  "doks:highAvailability": key(
    "data",
    z.boolean().default(false),
    "`true` or `false`",
    "A control plane that survives the loss of one of its machines. It can be switched on later, and not off.",
  ),
  "doks:surgeUpgrade": key(
    "data",
    z.boolean().default(true),
    "`true` or `false`",
    "Whether new nodes are made before old ones are drained, when Kubernetes is upgraded.",
  ),
  "doks:maintenanceDay": key(
    "text",
    z.enum(["any", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]).default("sunday"),
    "`any`, or a day such as `sunday`",
    "Day on which DigitalOcean may work on cluster and database.",
  ),
  "doks:maintenanceHour": key(
    "text",
    z
      .string()
      .regex(/^([01]\d|2[0-3]):00$/, "is not a full hour such as 02:00")
      .default("02:00"),
    "a full hour such as `02:00`",
    "When that begins, in UTC. It lasts four hours.",
  ),
  "doks:vpcRange": key(
    "text",
    matching(privateRange, "is not a private range such as 10.120.0.0/20"),
    "a private range such as `10.120.0.0/20`, or empty",
    "Addresses of the network of a created cluster. Empty: DigitalOcean chooses. It cannot be changed later.",
  ),
  "doks:allowDestroy": key(
    "data",
    z.boolean().default(false),
    "`true` or `false`",
    "Lifts the protection of what holds data, for `pulumi destroy`. Needs an update before it is felt.",
  ),

  "doks:replicas": key(
    "data",
    whole(1, 100).default(1),
    "1 to 100",
    "Pods that answer requests. More than one needs `doks:filestoreAccess` ReadWriteMany.",
  ),
  "doks:replicasMax": key(
    "data",
    whole(0, 100).default(0),
    "1 to 100, or 0",
    "Pods that the number may grow to under load (HorizontalPodAutoscaler; the cluster needs metrics-server). 0: " +
      "it stays. Switched on, one pod alone serves for some seconds, until the autoscaler has looked.",
  ),
  "doks:replicasCpu": key(
    "data",
    whole(10, 1000).default(150),
    "percent, 10 to 1000",
    "Use of the requested processors above which pods are added.",
  ),
  "doks:filestoreAccess": key(
    "text",
    z.enum(["ReadWriteOnce", "ReadWriteMany"]).default("ReadWriteOnce"),
    "`ReadWriteOnce` or `ReadWriteMany`",
    "`ReadWriteOnce`: a block volume, and all that mounts it shares one node. `ReadWriteMany`: a shared file " +
      "system, for several replicas.",
  ),
  "doks:storageClass": key(
    "text",
    matching(objectName, "is not the name of a storage class"),
    "the name of a storage class, or empty",
    "Of the filestore. Empty: `doks:blockStorageClass`. Required for `ReadWriteMany`: DigitalOcean brings none " +
      "that can.",
  ),
  "doks:blockStorageClass": key(
    "text",
    z.string().regex(objectName, "is not the name of a storage class").default("do-block-storage-retain"),
    "the name of a storage class",
    "Of database, filestore and certificates. It counts when a volume is made. The default keeps the disk when " +
      "its claim or the namespace is deleted: docs/doks.md.",
  ),
  "doks:filestoreGiB": key(
    "data",
    whole(1, 16384).default(20),
    "GiB, 1 to 16384",
    "Volume of attachments and restore points. It can be enlarged, not reduced.",
  ),
  "doks:workers": key(
    "data",
    capacity.workers,
    "2 to 256, or 0",
    "Processes of a pod that answer requests. 0: as many as fit. At least two, since a PDF report asks Odoo for " +
      "its own style sheets.",
  ),
  "doks:cronThreads": key(
    "data",
    whole(0, 16).default(0),
    "1 to 16, or 0",
    "Processes for scheduled jobs, in the one pod that has them. 0: two, in a small pod one.",
  ),
  "doks:odooMemoryMiB": key(
    "data",
    containerMemory(560).default(2048),
    "MiB, 560 or more",
    "Memory limit of a pod of Odoo.",
  ),
  "doks:odooCpus": key("data", containerCpus.default(2), "a number", "Processor limit of a pod of Odoo."),
  "doks:egress": key(
    "data",
    ranges.default(["0.0.0.0/0"]),
    'list such as ["203.0.113.0/24"]',
    "Where Odoo may connect to: mail, banks, other services. The whole Internet by default; never private " +
      "addresses, unless a range here lies within them.",
  ),

  "doks:imagePullSecret": key(
    "text",
    matching(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, "is not the name of a secret"),
    "the name of a secret, or empty",
    "A pull secret that somebody else keeps in the namespace. Empty: DigitalOcean's integration of its registry, " +
      "or one that each update brings.",
  ),
  "doks:firstLogin": key(
    "text",
    z.enum(["kept", "gone"]).default("kept"),
    "`kept` or `gone`",
    "`kept`: the administrator's first password stays in the Secret `odoo-first-login` and in the state, as each " +
      "update says. `gone`: it is taken out of both; " +
      "change it in Odoo first.",
  ),
  "doks:imagesRecord": key(
    "text",
    folder.default("images/vps-images.json"),
    "path of a JSON file in the project",
    "Record of the images of PostgreSQL and of the proxy: reference, tag, digest and date of each.",
  ),
} as const;
