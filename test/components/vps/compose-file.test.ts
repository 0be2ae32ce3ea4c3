import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { parse } from "yaml";

import { composeProject, type ComposeProjectArgs } from "../../../components/vps/compose-file";
import { Secret } from "../../../components/shared/secret";
import { ShipError } from "../../../components/shared/errors";
import { hostSize } from "../../../components/vps/size";
import { postgresImage, readImagesRecord, readVpsImages } from "../../../components/odoo/companion-images";
import { assertGolden } from "../../support/golden-text";
import { doksSettings } from "../../support/kubernetes-objects";

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`;
const images = {
  odoo: `registry.example.com:5000/team/odoo@${digestOf("a")}`,
  postgres: `docker.io/library/postgres@${digestOf("b")}`,
  proxy: `docker.io/library/caddy@${digestOf("c")}`,
};
const size = hostSize({ memoryMiB: 3936, cpus: 2 }, { workers: 0, cronThreads: 0, odooMemoryMiB: 0, odooCpus: 0 });
const representative: ComposeProjectArgs = {
  images,
  odoo: doksSettings({ "odoo:database": "books" }).odoo,
  size,
  bodyMegabytes: 128,
  logging: { logging: "json-file", fluentdAddress: "", fluentdTag: "odoo" },
  proxyFiles: ["a Caddyfile"],
  tlsKey: false,
  tasksWayOut: false,
};

interface Service {
  image: string;
  container_name?: string;
  restart: string;
  user: string;
  read_only: boolean;
  cap_drop: string[];
  cap_add?: string[];
  security_opt: string[];
  deploy: { resources: { limits: Record<string, string | number>; reservations?: Record<string, string> } };
  logging: { driver: string; options: Record<string, string> };
  tmpfs: string[];
  environment: Record<string, string>;
  secrets?: string[];
  volumes: string[];
  networks: string[];
  ports?: string[];
  command?: string[];
  healthcheck?: { test?: string[]; disable?: boolean };
  labels?: Record<string, string>;
  profiles?: string[];
}
interface Project {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean }>;
  volumes: Record<string, { external: boolean }>;
  secrets: Record<string, { file: string }>;
}

function render(changes: Partial<ComposeProjectArgs> = {}) {
  const files = composeProject({ ...representative, ...changes });
  const project = parse(files["docker-compose.prod.yml"]) as Project;
  const task = (parse(files["docker-compose.release.yml"]) as Project).services["odoo-task"] as Service;
  const { odoo, db, proxy } = project.services as Record<"odoo" | "db" | "proxy", Service>;
  return { files, project, odoo, db, proxy, task, all: { odoo, db, proxy, task } };
}

describe("the Compose project", () => {
  it("reads as it is committed", () => {
    for (const [name, text] of Object.entries(render().files)) {
      assertGolden(`vps/${name === ".env" ? "env" : name}`, text);
    }
  });

  it("gives Odoo's options to the server and to the tasks of a release alike, the secret ones by a file", () => {
    const odoo = {
      ...representative.odoo,
      options: { limit_time_real: 600, import_url_regex: "^https://$" },
      secretOptions: new Secret('{"smtp_password":"planted-4711"}'),
    };
    const rendered = render({ odoo });
    assert.ok(!JSON.stringify(rendered.files).includes("planted-4711"));
    for (const container of [rendered.odoo, rendered.task]) {
      // As Compose hands it over: a doubled dollar is one.
      const given = container.environment["ODOO_OPTIONS"]?.replaceAll("$$", "$");
      assert.deepEqual(JSON.parse(given ?? ""), { import_url_regex: "^https://$", limit_time_real: "600" });
      assert.doesNotMatch(container.environment["ODOO_OPTIONS"] ?? "", /(^|[^$])\$([^$]|$)/);
      assert.equal(container.environment["ODOO_SECRET_OPTIONS_FILE"], "/run/secrets/odoo-options");
      assert.ok(container.secrets?.includes("odoo-options"));
    }
    assert.deepEqual(rendered.project.secrets["odoo-options"], { file: "./secrets/odoo-options" });
    const label = (text: string) =>
      render({ odoo: { ...odoo, secretOptions: new Secret(text) } }).odoo.labels?.["odoo-ship.secret-options"];
    assert.match(label("{}") ?? "", /^[0-9a-f]{16}$/);
    assert.notEqual(
      label("{}"),
      rendered.odoo.labels?.["odoo-ship.secret-options"],
      "other options, another container",
    );
    assert.equal(render().odoo.environment["ODOO_OPTIONS"], undefined);
  });

  it("has the three services under the names that operators know", () => {
    const { project, odoo, db, proxy } = render();
    assert.deepEqual(Object.keys(project.services), ["odoo", "db", "proxy"]);
    assert.deepEqual(
      [odoo.container_name, db.container_name, proxy.container_name],
      ["odoo-ce", "odoo-db", "odoo-proxy"],
    );
  });

  it("hardens every container, the one-off one too", () => {
    for (const [name, service] of Object.entries(render().all)) {
      assert.equal(service.read_only, true, name);
      assert.deepEqual(service.cap_drop, ["ALL"], name);
      assert.deepEqual(service.security_opt, ["no-new-privileges:true"], name);
      assert.match(service.user, /^[1-9]\d*:[1-9]\d*$/, name);
      const { memory, cpus, pids } = service.deploy.resources.limits;
      assert.ok(/^\d+m$/.test(String(memory)) && Number(cpus) > 0 && Number(pids) > 0, name);
      const tmp = service.tmpfs.find((mount) => mount.startsWith("/tmp:"));
      for (const option of ["noexec", "nosuid", `size=${name === "odoo" ? 160 : 100}m`]) {
        assert.ok(tmp?.split(/[:,]/).includes(option), `${name}: ${tmp}`);
      }
      assert.deepEqual(
        service.logging,
        { driver: "json-file", options: { "max-size": "100m", "max-file": "5" } },
        name,
      );
    }
  });

  it("gives Odoo a /tmp for the largest upload, and never less than 100 MB", () => {
    const sizes = [1, 68, 69, 4096].map(
      (bodyMegabytes) => /size=(\d+)m/.exec(render({ bodyMegabytes }).odoo.tmpfs[0] ?? "")?.[1],
    );
    assert.deepEqual(sizes, ["100", "100", "101", "4128"]);
  });

  it("gives a capability to the proxy alone, and just the one", () => {
    const { odoo, db, proxy, task } = render();
    assert.deepEqual([odoo.cap_add, db.cap_add, task.cap_add], [undefined, undefined, undefined]);
    assert.deepEqual(proxy.cap_add, ["NET_BIND_SERVICE"]);
  });

  it("reserves half a GiB and half a processor for Odoo", () => {
    assert.deepEqual(render().odoo.deploy.resources.reservations, { memory: "512m", cpus: "0.5" });
  });

  it("starts again whatever was running, but never the one-off container", () => {
    const { odoo, db, proxy, task } = render();
    assert.deepEqual([odoo.restart, db.restart, proxy.restart], ["unless-stopped", "unless-stopped", "unless-stopped"]);
    assert.equal(task.restart, "no");
    assert.deepEqual(task.profiles, ["release"]);
  });

  it("names the memory of the one-off container while Odoo does not run", () => {
    const { task } = render();
    assert.equal(task.labels?.["odoo-ship.memory-alone-mib"], String(size.task.memoryMiB + size.odoo.memoryMiB));
  });

  it("checks the health of each service", () => {
    const { odoo, db, proxy, task } = render();
    assert.equal(odoo.healthcheck?.test?.at(-1), "healthcheck");
    assert.equal(db.healthcheck?.test?.[1], "pg_isready");
    assert.equal(proxy.healthcheck?.test?.at(-1), "http://127.0.0.1:2020/");
    assert.deepEqual(task.healthcheck, { disable: true });
  });

  it("shows Odoo to the host only, and PostgreSQL to Odoo only", () => {
    const { project, odoo, db, proxy, task } = render();
    // Through the proxy, whose closed door holds for whoever is on the host, too.
    assert.deepEqual([odoo.ports, db.ports, task.ports], [undefined, undefined, undefined]);
    assert.deepEqual(proxy.ports, ["80:80", "443:443", "443:443/udp", "127.0.0.1:8069:8070"]);
    assert.equal(project.networks["backend"]?.internal, true);
    assert.deepEqual(
      [odoo.networks, db.networks, proxy.networks, task.networks],
      [["backend", "edge"], ["backend"], ["edge"], ["backend"]],
    );
  });

  it("keeps the data when the project is removed", () => {
    const { project } = render();
    assert.deepEqual(Object.keys(project.volumes), ["odoo-filestore", "odoo-db-data", "odoo-proxy-data"]);
    assert.ok(Object.values(project.volumes).every((volume) => volume.external));
  });

  it("lets no image's directory change the owner of a volume", () => {
    for (const service of Object.values(render().all)) {
      for (const mount of service.volumes.filter((text) => !text.startsWith("."))) {
        assert.match(mount, /:nocopy$/);
      }
    }
  });

  it("hides no addons behind a volume", () => {
    const { odoo, task } = render();
    assert.ok(![...odoo.volumes, ...task.volumes].some((mount) => mount.includes("addons")));
  });

  it("hands secrets over as files, each to who reads it", () => {
    const { files, project, odoo, db, proxy, task } = render();
    assert.deepEqual(odoo.secrets, ["odoo-db-password", "odoo-master-password"]);
    // What a release runs logs in with a role of its own.
    assert.deepEqual(task.secrets, ["odoo-tasks-password", "odoo-master-password"]);
    assert.deepEqual(db.secrets, ["postgres-password"]);
    assert.equal(proxy.secrets, undefined);
    assert.deepEqual(Object.keys(project.secrets), ["odoo-db-password", "odoo-master-password", "postgres-password"]);
    const variables = [odoo, db, proxy, task].flatMap((service) => Object.keys(service.environment));
    assert.deepEqual(
      variables.filter((name) => /PASS|SECRET|TOKEN|KEY/.test(name) && !name.endsWith("_FILE")),
      [],
    );
    assert.ok(!Object.values(files).join("").includes("PRIVATE KEY"));
  });

  it("gives the proxy its private key, if it has one", () => {
    const { project, proxy } = render({ tlsKey: true });
    assert.deepEqual(proxy.secrets, ["tls-key"]);
    assert.deepEqual(project.secrets["tls-key"], { file: "./secrets/tls-key" });
  });

  it("runs the one-off container as the release does, marked, without cron", () => {
    const { odoo, task } = render();
    const { ODOO_RELEASE_TASK, WORKERS, MAX_CRON_THREADS, ...rest } = task.environment;
    assert.deepEqual([ODOO_RELEASE_TASK, WORKERS, MAX_CRON_THREADS], ["1", "2", "0"]);
    const { WORKERS: ownWorkers, MAX_CRON_THREADS: ownCron, ...own } = odoo.environment;
    assert.deepEqual(rest, { ...own, DB_USER: "odoo_tasks", DB_PASSWORD_FILE: "/run/secrets/odoo-tasks-password" });
    assert.deepEqual([ownWorkers, ownCron, own["DB_NAME"]], ["5", "2", "books"]);
    assert.equal(own["ODOO_IMAGE_DIGEST"], digestOf("a"));
    assert.equal(task.image, odoo.image);
  });

  it("lets the one-off container out by a network of its own, whose rules the worker knows, if it has a way at all", () => {
    assert.deepEqual(render().task.networks, ["backend"]);
    const { files, task, project } = render({ tasksWayOut: true });
    assert.deepEqual(task.networks, ["backend", "tasks"]);
    assert.deepEqual(Object.keys(project.networks), ["backend", "edge"], "Odoo itself is not on it");
    const { networks } = parse(files["docker-compose.release.yml"]) as { networks: { tasks: { driver_opts: object } } };
    const [bridge = ""] = Object.values(networks.tasks.driver_opts) as string[];
    assert.ok(bridge.length <= 15, "a name for an interface");
    const worker = fs.readFileSync(path.join(__dirname, "../../../worker/odoo_ship/egress.py"), "utf8");
    assert.match(worker, new RegExp(`^TASKS = "${bridge}"$`, "m"));
  });

  it("tunes PostgreSQL to its share of the memory", () => {
    const { db } = render();
    const options = db.command?.filter((word) => word.includes("=")) ?? [];
    assert.ok(options.includes(`shared_buffers=${size.db.sharedBuffersMiB}MB`));
    assert.ok(options.includes(`max_connections=${size.db.maxConnections}`));
    assert.equal(db.deploy.resources.limits["memory"], `${size.db.memoryMiB}m`);
  });

  it("makes the proxy's container anew when its files change, and only then", () => {
    const label = (proxyFiles: string[]) => render({ proxyFiles }).proxy.labels?.["odoo-ship.proxy-files"];
    assert.equal(label(["a", "b"]), label(["a", "b"]));
    assert.notEqual(label(["a", "b"]), label(["a", "c"]));
    // Not the same text cut at another place.
    assert.notEqual(label(["a", "b"]), label(["ab"]));
  });

  it("sends logs to Fluentd, tagged by service, without waiting for it", () => {
    const { odoo, task } = render({
      logging: { logging: "fluentd", fluentdAddress: "logs.example.com:24224", fluentdTag: "erp" },
    });
    const options = { "fluentd-address": "logs.example.com:24224", "fluentd-async": "true" };
    assert.deepEqual(odoo.logging, { driver: "fluentd", options: { ...options, tag: "erp.odoo" } });
    assert.equal(task.logging.options["tag"], "erp.odoo-task");
  });

  it("says in .env what a plain docker compose starts", () => {
    assert.match(render().files[".env"], /^COMPOSE_PROJECT_NAME=odoo\nCOMPOSE_FILE=docker-compose\.prod\.yml\n/m);
  });

  const unpinned = [
    "docker.io/library/postgres:17",
    "docker.io/library/postgres",
    `docker.io/library/postgres:17@${digestOf("b")}`,
    "docker.io/library/postgres@sha256:abc",
    `docker.io/library/postgres@${digestOf("b")}@${digestOf("b")}`,
    `docker.io/library/postgres\n    privileged: true@${digestOf("b")}`,
  ];
  for (const reference of unpinned) {
    it(`refuses the image ${JSON.stringify(reference.replaceAll("b".repeat(64), "…"))}`, () => {
      for (const name of ["odoo", "postgres", "proxy"]) {
        assert.throws(
          () => render({ images: { ...images, [name]: reference } }),
          (error) =>
            error instanceof ShipError && error.code === "SETTINGS_INVALID" && error.failure.found === reference,
        );
      }
    });
  }
});

describe("the record of a VPS's images", () => {
  const root = path.join(__dirname, "..", "..", "..");

  it("names PostgreSQL by digest, and what the proxy is built of", () => {
    const record = readImagesRecord(root, "images/vps-images.json");
    assert.match(postgresImage(record), /^docker\.io\/library\/postgres@sha256:[0-9a-f]{64}$/);
    assert.deepEqual(record.proxy, { build: "images/proxy" });
  });

  it("names PostgreSQL's major and Debian: the bot's next digest sorts text as the one before it", () => {
    const { postgres } = readImagesRecord(root, "images/vps-images.json");
    assert.match(postgres.tag, /^\d+-(bookworm|trixie)$/);
  });

  it("is refused when it is not there, no JSON, or lacks a digest", () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "vps-images-"));
    try {
      const file = path.relative(root, path.join(folder, "record.json"));
      const refused = (found: RegExp) =>
        assert.throws(
          () => readImagesRecord(root, file),
          (error) => error instanceof ShipError && error.code === "SETTINGS_INVALID" && found.test(error.failure.found),
        );
      refused(/ENOENT/);
      fs.writeFileSync(path.join(root, file), "{");
      refused(/JSON/);
      const image = { reference: "docker.io/library/caddy", tag: "2", digest: "latest", date: "2026-01-01" };
      fs.writeFileSync(path.join(root, file), JSON.stringify({ postgres: image }));
      refused(/postgres\.digest: is not a digest; proxy: /);
      // A Caddy without our handlers would not start with our configuration.
      const pinned = { ...image, digest: `sha256:${"a".repeat(64)}` };
      fs.writeFileSync(path.join(root, file), JSON.stringify({ postgres: pinned, proxy: pinned }));
      refused(/^proxy: /);
      fs.writeFileSync(
        path.join(root, file),
        JSON.stringify({ postgres: pinned, proxy: { ...pinned, built: "images/proxy" } }),
      );
      assert.equal(readVpsImages(root, file).proxy, `docker.io/library/caddy@${pinned.digest}`);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });
});
