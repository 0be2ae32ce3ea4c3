import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";

import type { RegistryClient } from "../../../components/registry/client";
import { errorCodes } from "../../../components/shared/errors";
import type { ServersFile } from "../../../sandbox/servers";
import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import type { CommandResult, TestStack } from "../../../sandbox/test/helpers/test-stack";
import { ensureGateTool } from "../../../sandbox/tools/gate-tools";
import { type PlantedHole, writeTrivyDatabase } from "../../../sandbox/tools/trivy-database";
import { codeOfPush } from "../../../gates/notify/failed-update";
import type { ToolName } from "../../../gates/tools/table";
import { antivirusSignatures, eicar } from "../../support/antivirus-signatures";
import { buildingStack, trialManifest, trialRegistry } from "../../support/building-stack";
import { addressForBuilds } from "../../support/docker-address";
import { runningSandbox } from "../../support/running-sandbox";
import { sample, whole } from "../../support/sample";
import { TrialMachine } from "../../support/trials/machine";
import { adopting } from "../../support/trials/trial-stack";
import { wheel, WheelServer } from "../../support/wheel";

/** The text of a file, or what becomes of the one that is there. */
type Text = string | ((before: string) => string);

/** What is wrong with a tree, a stack or what it talks to, and the code that the update ends in. */
interface Planted {
  readonly what: string;
  readonly code: keyof typeof errorCodes;
  readonly files?: Readonly<Record<string, Text>>;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of the registry, as long as the update runs, or from what it prints on. */
  readonly fault?: string;
  readonly from?: RegExp;
  /** Tools of the gates that it needs. */
  readonly tools?: readonly ToolName[];
  /** Files and settings that are made when they are needed. */
  readonly prepare?: (beside: Beside) => Promise<Pick<Planted, "files" | "config">>;
  /** Whether Docker tells it, in its own words: Pulumi lets nobody speak in its plugin's place. */
  readonly byDocker?: boolean;
  /** In the place of `pulumi up`. */
  readonly typed?: string;
}

interface Beside {
  readonly folder: string;
  /** The image that serves: `repository@sha256:…` */
  readonly image: string;
  readonly project: string;
}

/** On in the rows that need them alone: each takes its time for each image. */
const withTests = { "gates:tests": "required" };
const withValidation = { "gates:validation": "required" };
const requirements = "addons/requirements.txt";
const ours = "iniconfig";
const dayMs = 86_400_000;
const trialPath = "^/v2/sandbox/trial/";

/** Nobody raises PUSH_TIMEOUT, and BASE_IMAGE_DRIFT ends no update: the procedure says why. */
const rows: readonly Planted[] = [
  {
    what: "a module that imports what is not there",
    code: "IMPORT_ERROR",
    files: { "addons/trial/__init__.py": "import nowhere_to_be_found\n" },
  },
  {
    what: "an image above its limit",
    code: "IMAGE_SIZE_EXCEEDED",
    config: { "gates:imageMegabytes": 1000 },
  },
  {
    what: "a test that fails",
    code: "TEST_FAILURE",
    files: {
      "addons/trial/tests/__init__.py": "from . import test_trial\n",
      "addons/trial/tests/test_trial.py": failing(),
    },
    config: withTests,
    tools: ["coverage"],
  },
  {
    what: "lines that no test reaches",
    code: "LOW_COVERAGE",
    files: { "addons/trial/untested.py": "x = 1\n".repeat(20) },
    config: withTests,
    tools: ["coverage"],
  },
  {
    what: "a module that can be imported, and not installed",
    code: "MODULE_LOAD_ERROR",
    files: { "addons/trial/__init__.py": extendsNothing() },
    config: withValidation,
  },
  {
    what: "another wkhtmltopdf than that of the base image",
    code: "WKHTMLTOPDF_MISMATCH",
    config: { "image:wkhtmltopdf": "0.12.0" },
  },
  {
    what: "an anthropic that cannot be imported",
    code: "ANTHROPIC_SDK_MISSING",
    prepare: async () => {
      const broken = wheel("anthropic", { "anthropic/__init__.py": "raise ImportError('planted')\n" });
      const { url } = await WheelServer.start(addressForBuilds(), "anthropic", broken);
      return {
        files: { [requirements]: `anthropic @ ${url}\n` },
        config: { "image:pythonPackages": ["anthropic==1.0"] },
      };
    },
  },
  {
    what: "a requirement that nobody has published",
    code: "BUILD_FAILURE",
    files: { [requirements]: "nobody-has-published-this==1.0\n" },
  },
  {
    what: "two requirements that do not agree",
    code: "PIP_DEPENDENCY_CONFLICT",
    files: { [requirements]: "httpx==0.27.0\nhttpcore==0.18.0\n" },
  },
  {
    what: "a dependency that is nowhere",
    code: "MISSING_ADDONS",
    files: { "addons/trial/__manifest__.py": trialManifest.replace('"base"', '"base", "nowhere_to_be_found"') },
  },
  {
    what: "an entrypoint that does not start Odoo",
    code: "ENTRYPOINT_ERROR",
    files: { "images/odoo/entrypoint.py": "raise SystemExit('planted')\n" },
  },
  {
    what: "an image of a user whom nobody knows",
    code: "CONTAINER_START_FAILURE",
    files: { "images/odoo/Dockerfile": (text) => `${text}# hadolint ignore=DL3066\nUSER planted\n` },
  },
  {
    what: "a login page that fails",
    code: "HEALTH_CHECK_FAIL",
    files: {
      "addons/trial/__manifest__.py": trialManifest.replace('"base"', '"web"'),
      "addons/trial/__init__.py": "from . import page\n",
      "addons/trial/page.py": failingPage(),
    },
    config: withValidation,
  },
  {
    what: "a PostgreSQL that does not start",
    code: "DATABASE_CONNECTION_ERROR",
    config: { ...withValidation, "vps:imagesRecord": "planted.json" },
    prepare: ({ project }) => {
      const record = JSON.parse(fs.readFileSync(path.join(project, ".sandbox", "vps-images.json"), "utf8")) as {
        postgres: object;
        proxy: { reference: string; tag: string; digest: string };
      };
      const { reference, tag, digest } = record.proxy;
      const postgres = { ...record.postgres, reference, tag, digest };
      return Promise.resolve({ files: { "planted.json": JSON.stringify({ ...record, postgres }) } });
    },
  },
  {
    what: "a line of an addon that hands its arguments to a shell",
    code: "SECURITY_VULN",
    files: {
      "addons/trial/shell.py":
        "import subprocess\n\n\ndef run(words):\n    return subprocess.call(words, shell=True)\n",
    },
    config: withTests,
    tools: ["bandit", "coverage"],
  },
  {
    what: "a CRITICAL hole in a package of ours",
    code: "SECURITY_CRITICAL",
    tools: ["trivy"],
    prepare: (beside) => withHoles(beside, [{ ...holeOfOurs, severity: "CRITICAL" }]),
  },
  {
    what: "a HIGH hole in a package of ours",
    code: "SECURITY_HIGH",
    tools: ["trivy"],
    prepare: (beside) => withHoles(beside, [{ ...holeOfOurs, severity: "HIGH" }]),
  },
  {
    what: "a CRITICAL hole in the base image alone",
    code: "OUTDATED_BASE_IMAGE",
    tools: ["trivy"],
    prepare: (beside) => withHoles(beside, [holeOfTheBase(beside.image)]),
  },
  {
    what: "holes in a database that is three days old",
    code: "SCAN_INCOMPLETE",
    tools: ["trivy"],
    prepare: (beside) => withHoles(beside, [], 3),
  },
  {
    what: "an exception that has expired",
    code: "SECURITY_CRITICAL",
    tools: ["trivy"],
    config: { "gates:exceptions": "exceptions.yaml" },
    files: {
      "exceptions.yaml": `- vulnerability: CVE-2099-4\n  package: ${ours}\n  reason: nothing calls it\n  expires: 2026-01-01\n`,
    },
    prepare: (beside) => withHoles(beside, [{ ...holeOfOurs, severity: "CRITICAL" }]),
  },
  {
    what: "the test file of antivirus programs in an addon",
    code: "MALWARE_DETECTED",
    files: { "addons/trial/static/logo.txt": eicar },
    tools: ["clamscan"],
    prepare: ({ folder }) => {
      const signatures = path.join(folder, "signatures");
      antivirusSignatures(signatures);
      return Promise.resolve({ config: { "gates:malware": "required", "gates:signaturesFrom": signatures } });
    },
  },
  { what: "a registry that refuses the login", code: "REGISTRY_AUTH_FAILURE", fault: "registry-unauthorized" },
  { what: "a registry that is full", code: "QUOTA_EXCEEDED", fault: "registry-quota" },
  {
    what: "a registry that refuses the manifest",
    code: "MANIFEST_ERROR",
    fault: "registry-manifest-invalid",
    byDocker: true,
  },
  { what: "a registry that never answers", code: "NETWORK_TIMEOUT", fault: "registry-timeout" },
  {
    what: "a registry that dies in the push",
    code: "NETWORK_FAILURE",
    fault: "registry-500",
    from: /Pushing /,
    byDocker: true,
  },
  {
    what: "a disk of a gigabyte where Docker keeps its images",
    code: "DISK_SPACE_LOW",
    // For this update alone: Docker itself has its own.
    typed: `unshare --mount bash -euc 'mount -t tmpfs -o size=1g planted "$(docker info --format "{{.DockerRootDir}}")"; pulumi up'`,
  },
];

const holeOfOurs = {
  ...{ source: `pip::${ours}`, package: ours, id: "CVE-2099-4", title: "Of ours" },
  ...{ vulnerableVersions: ["<99"], patchedVersions: ["99"] },
};

function failing(): string {
  return `from odoo.tests import TransactionCase


class TestTrial(TransactionCase):
    def test_sum(self):
        self.assertEqual(1 + 1, 3)
`;
}

function extendsNothing(): string {
  return `from odoo import models


class Trial(models.Model):
    _inherit = "nowhere.to.be.found"
`;
}

function failingPage(): string {
  return `from odoo import http
from odoo.addons.web.controllers.home import Home


class Page(Home):
    @http.route()
    def web_login(self, *args, **kwargs):
        raise RuntimeError("planted")
`;
}

/** A package of the base that such holes are told of, as this image has it. */
function holeOfTheBase(image: string): PlantedHole {
  const asked = `. /etc/os-release; echo "$ID $VERSION_ID"; dpkg-query -W -f '\${db:Status-Status} \${source:Package}\\n' libssl3* | sed -n 's/^installed //p'`;
  const words = ["run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-euc", asked];
  const [source = "", name = ""] = execFileSync("docker", words, { encoding: "utf8" }).trim().split("\n");
  return {
    ...{ source, package: name, id: "CVE-2099-1", title: "Of the base", severity: "CRITICAL" },
    fixedVersion: "99:1",
  };
}

/** A database with these holes alone, written as Trivy's own is: that one cannot be planted in. */
async function withHoles({ folder }: Beside, holes: readonly PlantedHole[], days = 0) {
  const database = path.join(folder, "holes");
  await writeTrivyDatabase(database, holes, { updatedAt: new Date(Date.now() - days * dayMs) });
  return {
    files: { [requirements]: `${ours}==2.0.0\n` },
    config: { "gates:scan": "required", "gates:databaseFrom": database },
  };
}

/** What an update says once it has failed. */
function afterError(output: string): string {
  return output.slice(Math.max(0, output.indexOf("error:")));
}

/** The first code in that. */
function codeOf(output: string): string | undefined {
  return [...afterError(output).matchAll(/\b([A-Z]+(?:_[A-Z]+)+): /g)].find(([, code = ""]) =>
    Object.hasOwn(errorCodes, code),
  )?.[1];
}

describe("an update with a planted cause", () => {
  /** Only where all rows are tried is there a host, too: it takes minutes. */
  let servers: ServersFile;
  let stack: TestStack;
  let registry: RegistryClient;
  let machine: TrialMachine | undefined;
  let served: string;

  before(async () => {
    servers = await runningSandbox();
    registry = trialRegistry(servers);
    stack = await buildingStack(servers, { "image:modules": ["trial"], "odoo:modules": ["trial"] });
    if (whole) {
      machine = await TrialMachine.create({ id: 9003, slot: 3 });
      const key = sshKeyPair();
      await machine.sh("install -d -m 700 /root/.ssh; cat >> /root/.ssh/authorized_keys", key.publicKey);
      stack.setVariable("VPS_SSH_PRIVATE_KEY", key.privateKey);
      Object.assign(stack.config, await adopting(machine), { "release:rehearse": false });
    }
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    served = (await stack.outputs())["imageReference"] ?? "";
    await registry.tag(served.split("@")[1] ?? "", "stable");
  });
  after(async () => {
    stack.remove();
    await machine?.remove();
  });

  /** What the tags name, what runs on the host, and what that was asked for last. */
  const outside = async () => {
    const running = ["docker", "inspect", "--format", "{{.Config.Image}} {{.State.StartedAt}}", "odoo-ce", "odoo-db"];
    const [latest, stable] = await Promise.all(["latest", "stable"].map((tag) => registry.digestOf(tag)));
    const host = machine && [await machine.exec(running), await machine.sh("ls -l /opt/odoo /var/lib/odoo-ship")];
    return { latest, stable, host };
  };

  const fault = async (method: string, body?: object) => {
    const answer = await fetch(`${servers.apiUrl}/_sandbox/faults`, {
      method,
      signal: AbortSignal.timeout(60_000),
      headers: { authorization: `Bearer ${servers.token}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, `${method} of a fault: ${answer.status}`);
  };

  /** Runs `act` with such files and settings, and leaves the project as it was. */
  const withChanges = async (
    files: Readonly<Record<string, Text>>,
    config: object,
    act: () => Promise<CommandResult>,
  ): Promise<CommandResult> => {
    const usual = stack.config;
    const before = Object.keys(files).map((file) => [file, readIfThere(path.join(stack.project, file))] as const);
    for (const [file, text] of before) {
      const wanted = files[file] ?? "";
      stack.write(file, typeof wanted === "string" ? wanted : wanted(text ?? ""));
    }
    stack.config = { ...usual, ...config };
    try {
      return await act();
    } finally {
      stack.config = usual;
      for (const [file, text] of before) {
        if (text === undefined) fs.rmSync(path.join(stack.project, file));
        else stack.write(file, text);
      }
    }
  };

  /** An update in which something is done once it has printed `at`. */
  const up = async (at: RegExp | undefined, act: () => Promise<void> | undefined): Promise<CommandResult> => {
    let done: Promise<void> | undefined;
    const result = await stack.watchedUp((output) => {
      if (at?.test(output) === true) done ??= act();
    });
    if (at !== undefined) assert.ok(done !== undefined, `the update never printed ${String(at)}:\n${result.output}`);
    await done;
    return result;
  };

  const usual = ["IMPORT_ERROR", "TEST_FAILURE", "MODULE_LOAD_ERROR"] as const;
  const tried = sample(
    rows.map(({ code }) => code),
    usual,
  );
  for (const { what, code, files, config, tools = [], prepare, typed, fault: planted, from, byDocker } of rows) {
    if (!tried.includes(code)) continue;
    it(`ends in ${code} by ${what}, before anything is deployed or a tag moves`, async () => {
      for (const tool of tools) await ensureGateTool(tool, () => undefined);
      const before = await outside();
      assert.ok(before.latest !== undefined && before.stable !== undefined);
      const made = await prepare?.({ folder: stack.directory, image: served, project: stack.project });
      const plant = () => (planted === undefined ? undefined : fault("POST", { what: planted, path: trialPath }));
      if (from === undefined) await plant();
      const changed = { "addons/trial/data.txt": what, ...files, ...made?.files };
      const { status, output } = await withChanges(changed, { ...config, ...made?.config }, () => {
        stack.commit(what);
        return typed === undefined ? up(from, plant) : stack.typed(typed);
      });
      if (planted !== undefined) await fault("DELETE");
      assert.notEqual(status, 0, output);
      const told = byDocker === true ? codeOfPush(afterError(output)) : codeOf(output);
      assert.equal(told, code, output.slice(-4000));
      assert.doesNotMatch(output, /(release-tags|served-tags|vps-odoo-release)\S* (creat|updat|replac)/);
      assert.deepEqual(await outside(), before);
    });
  }

  it("ends well once nothing is planted any more", async () => {
    stack.commit("as before");
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
  });
});

function readIfThere(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : undefined;
}
