import assert from "node:assert/strict";
import { inspect } from "node:util";

import { ShipError } from "../components/shared/errors";
import { pullLoginWarnings } from "../components/settings/pull-login";
import { settingsKeys } from "../components/settings/table";
import { readSettings, type SettingsSource } from "../settings";
import { rejectedSettings, stackFile } from "./support/stack-settings";

const digest = `sha256:${"a".repeat(64)}`;
const compliant: Record<string, string> = {
  "odoo:environment": "staging",
  "registry:kind": "digitalocean",
  "registry:repository": "team/odoo",
};

function read(changes: Record<string, string>, source: Partial<SettingsSource> = {}) {
  const environment = { DIGITALOCEAN_TOKEN: "planted-token" };
  return readSettings({ config: { ...compliant, ...changes }, secretKeys: new Set(), environment, ...source });
}

function refusal(changes: Record<string, string>, source: Partial<SettingsSource> = {}): ShipError {
  try {
    read(changes, source);
  } catch (error) {
    assert.ok(error instanceof ShipError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "the settings were accepted" });
}

describe("settings", () => {
  it("fill in every default", () => {
    const { registry, image } = read({});
    assert.equal(registry.host, "registry.digitalocean.com");
    assert.equal(registry.ownership, "adopt");
    assert.deepEqual(image.addons, ["addons"]);
    assert.equal(image.baseRecord, "images/odoo/base-image.json");
    assert.equal(image.postgresqlClient, 15);
  });

  it("keep a job's login out of the address that everybody reads in the image's label", () => {
    const source = (url: string) => read({ "image:source": url }).image.source;
    assert.equal(source("https://ci:planted-token@git.example.com/team/erp"), "https://git.example.com/team/erp");
    assert.equal(source("https://git.example.com/team/erp"), "https://git.example.com/team/erp");
  });

  it("name every problem at once, with key, value and what is allowed", () => {
    const { code, message } = refusal({
      "odoo:environment": "test",
      "image:postgresqlClient": '"x"',
      "registry:tier": "huge",
      "image:addon": "[]",
    });
    assert.equal(code, "SETTINGS_INVALID");
    for (const part of [
      "4 problems",
      "odoo:environment",
      '"test"',
      "image:postgresqlClient",
      "registry:tier",
      '"huge"',
      "`professional`",
      "image:addon: unknown key",
    ]) {
      assert.ok(message.includes(part), `${part} is not in:\n${message}`);
    }
  });

  it("say that a required key is missing", () => {
    const config = { ...compliant };
    delete config["registry:kind"];
    assert.throws(
      () => readSettings({ config, secretKeys: new Set(), environment: { DIGITALOCEAN_TOKEN: "t" } }),
      /registry:kind: is missing; allowed: `digitalocean`/,
    );
  });
  for (const [key, value] of rejectedSettings) {
    it(`refuse ${key} = ${value}`, () => {
      const { message } = refusal({ [key]: value });
      assert.ok(message.includes("has 1 problem\n") && message.includes(`${key}: `), message);
    });
  }

  it("test a rejection of every key that can be wrong", () => {
    const anyText = new Set([
      "registry:username",
      "registry:password",
      "registry:pullUsername",
      "registry:pullPassword",
      "odoo:environment",
      "registry:tier",
    ]);
    for (const secret of ["vps:tlsKey", "vps:privateKey", "doks:tlsKey", "doks:kubeconfig", "backup:privateKey"]) {
      anyText.add(secret);
    }
    for (const text of ["gates:signer", "gates:signingKey", "gates:signingPassword"]) anyText.add(text);
    for (const text of ["notify:smtpUsername", "notify:smtpPassword", "notify:pagerdutyKey"]) anyText.add(text);
    // Their values are tested below, since they are never shown.
    for (const secret of ["odoo:secretOptions", "notify:slackWebhook"]) anyText.add(secret);
    const tested = new Set(rejectedSettings.map(([key]) => key));
    assert.deepEqual(
      Object.keys(settingsKeys).filter((key) => !tested.has(key) && !anyText.has(key)),
      [],
    );
  });

  it("refuse a webhook in plain HTTP, without showing it", () => {
    const message = (url: string) => {
      try {
        read({ "notify:slackWebhook": url }, { secretKeys: new Set(["notify:slackWebhook"]), environment: {} });
      } catch (error) {
        return error instanceof Error ? error.message : "";
      }
      return "";
    };
    assert.match(
      message("http://hooks.example.com/planted"),
      /notify:slackWebhook: \[secret\]: is not an address over/,
    );
    assert.doesNotMatch(message("http://hooks.example.com/planted"), /planted/);
    assert.doesNotMatch(message("https://hooks.example.com/planted"), /notify:/);
  });

  it("refuse a mail server without a sender, somebody to write to, or its user's password", () => {
    const { message } = refusal({ "notify:smtpServer": "mail.example.com:587", "notify:smtpUsername": "ship" });
    for (const key of ["notify:mailFrom", "notify:mailTo", "notify:smtpPassword"])
      assert.ok(message.includes(`${key}: is missing`), key);
  });

  it("refuse a secret that stands in plain, without showing it", () => {
    const { message } = refusal({
      "registry:kind": "generic",
      "registry:username": "u",
      "registry:password": "planted-password",
    });
    assert.match(message, /registry:password: stands in plain/);
    assert.ok(!message.includes("planted-password"));
  });

  it("take an encrypted password, and never print it", () => {
    const changes = {
      "registry:kind": "generic",
      "registry:host": "r.example.com",
      "registry:username": "u",
      "registry:password": "planted-password",
    };
    const settings = read(changes, { secretKeys: new Set(["registry:password"]), environment: {} });
    assert.equal(settings.registryAccess?.password.reveal(), "planted-password");
    assert.ok(!inspect(settings, { depth: 9 }).includes("planted-password"));
    assert.ok(!JSON.stringify(settings).includes("planted-password"));
    assert.ok(!`${settings.registryAccess?.password}`.includes("planted-password"));
  });

  it("take secret options, and show none: neither in plain, nor wrong, nor among those that are shown", () => {
    const secret = { secretKeys: new Set(["odoo:secretOptions"]) };
    const settings = read({ "odoo:secretOptions": '{"smtp_password": "planted-4711"}' }, secret);
    assert.equal(settings.odoo.secretOptions?.reveal(), '{"smtp_password":"planted-4711"}');
    assert.ok(!(inspect(settings, { depth: 9 }) + JSON.stringify(settings)).includes("planted-4711"));
    assert.equal(read({}).odoo.secretOptions, undefined);
    const refusals: [Record<string, string>, Partial<SettingsSource>, RegExp][] = [
      [{ "odoo:secretOptions": '{"smtp_password": "planted-4711"}' }, {}, /odoo:secretOptions: stands in plain/],
      [{ "odoo:secretOptions": '{"smtp_password": ["planted-4711"]}' }, secret, /odoo:secretOptions: \[secret\]: /],
      [{ "odoo:secretOptions": '{"workers": "planted-4711"}' }, secret, /odoo:secretOptions: workers: /],
      [{ "odoo:options": '{"smtp_password": "planted-4711"}' }, {}, /odoo:options: smtp_password: is a secret/],
      [
        { "odoo:options": '{"smtp_user": ["planted-4711"]}' },
        { secretKeys: new Set(["odoo:options"]) },
        /odoo:options: has a secret in it/,
      ],
    ];
    for (const [changes, source, expected] of refusals) {
      const { message } = refusal(changes, source);
      assert.match(message, expected);
      assert.ok(!message.includes("planted-4711"), message);
    }
  });

  it("read GitHub's registry from its own variable and host", () => {
    const settings = read({ "registry:kind": "ghcr", "registry:username": "u" }, { environment: { GHCR_TOKEN: "g" } });
    assert.equal(settings.registry.host, "ghcr.io");
    assert.equal(settings.registryAccess?.password.reveal(), "g");
  });

  it("refuse to create a registry that is not DigitalOcean's, or to use one without credentials", () => {
    const { message } = refusal({ "registry:kind": "ghcr", "registry:ownership": "create" }, { environment: {} });
    for (const part of [
      "3 problems",
      "only a DigitalOcean registry can be created",
      "GHCR_TOKEN",
      "registry:username",
    ]) {
      assert.ok(message.includes(part), message);
    }
  });

  it("send no password to a registry that it is not for", () => {
    const login = { "registry:username": "u" };
    assert.match(
      refusal({ ...login, "registry:kind": "generic" }, { environment: { REGISTRY_PASSWORD: "p" } }).message,
      /registry:host: "": is not the host/,
    );
    const mixed = { ...login, "registry:kind": "ghcr", "registry:host": "registry.digitalocean.com" };
    assert.match(refusal(mixed, { environment: { GHCR_TOKEN: "g" } }).message, /must not be sent there/);
  });

  it("let a sandbox, whose gates may leave something out, release into a registry of this machine alone", () => {
    const sandbox = { "odoo:environment": "sandbox" };
    for (const host of ["", "registry.digitalocean.com", "127.0.0.1.example.com"]) {
      assert.match(
        refusal({ ...sandbox, "registry:host": host }).message,
        /registry:host: .*: a sandbox releases/,
        host,
      );
    }
    for (const host of ["127.0.0.1:5055", "localhost:5000"]) {
      assert.equal(read({ ...sandbox, "registry:host": host }).environment, "sandbox");
    }
  });

  it("refuse an API over plain HTTP, wherever its address stands, except on this machine", () => {
    const token = { DIGITALOCEAN_TOKEN: "planted-token" };
    const { message } = refusal({}, { environment: { ...token, DIGITALOCEAN_API_URL: "http://api.example.com" } });
    assert.match(message, /digitalocean:apiEndpoint: "http:\/\/api\.example\.com": .* DIGITALOCEAN_API_URL/);
    assert.doesNotThrow(() => read({}, { environment: { ...token, DIGITALOCEAN_API_URL: "http://127.0.0.1:8080" } }));
  });

  describe("of what host and cluster pull with", () => {
    const push = { "registry:kind": "generic", "registry:host": "r.example.com", "registry:username": "pusher" };
    const pull = { "registry:pullUsername": "puller" };
    const production = { "odoo:environment": "production", "image:digest": digest };
    const variables = { REGISTRY_PASSWORD: "planted-push", REGISTRY_PULL_PASSWORD: "planted-pull" };

    it("take a login of its own", () => {
      const settings = read({ ...push, ...pull, ...production }, { environment: variables });
      assert.equal(settings.registryPull?.username, "puller");
      assert.equal(settings.registryPull.password.reveal(), "planted-pull");
      assert.deepEqual(pullLoginWarnings(settings), []);
      const configured = { ...push, ...pull, "registry:pullPassword": "planted-pull" };
      const { REGISTRY_PASSWORD } = variables;
      const same = read(configured, {
        secretKeys: new Set(["registry:pullPassword"]),
        environment: { REGISTRY_PASSWORD },
      });
      assert.equal(same.registryPull?.password.reveal(), "planted-pull");
      assert.ok(!inspect(same, { depth: 9 }).includes("planted"));
    });

    const shared: [what: string, changes: Record<string, string>, environment: Record<string, string>][] = [
      ["none is given", push, { REGISTRY_PASSWORD: "planted-push" }],
      [
        "it is the push login",
        { ...push, "registry:pullUsername": "pusher" },
        { ...variables, REGISTRY_PULL_PASSWORD: "planted-push" },
      ],
      [
        "it is GitHub's push token, whatever the user",
        { "registry:kind": "ghcr", "registry:username": "pusher", ...pull },
        { GHCR_TOKEN: "planted-push", REGISTRY_PULL_PASSWORD: "planted-push" },
      ],
    ];
    for (const [what, changes, environment] of shared) {
      it(`warn in staging and refuse in production when ${what}`, () => {
        const [warning, ...more] = pullLoginWarnings(read(changes, { environment }));
        assert.deepEqual(more, []);
        assert.match(
          warning ?? "",
          /^registry:pullPassword .* pulumi config set --secret registry:pullPassword .*REGISTRY_PULL_PASSWORD/,
        );
        assert.ok(!warning?.includes("\n") && !warning?.includes("planted"));
        const { code, message } = refusal({ ...changes, ...production }, { environment });
        assert.equal(code, "SETTINGS_INVALID");
        assert.match(
          message,
          /has 1 problem\n[^]*registry:pullPassword: is missing, or is the push login; .*--secret registry:pullPassword/,
        );
      });
    }

    const cluster = {
      "doks:mode": "adopt",
      "doks:kubeconfig": "planted-kubeconfig",
      "doks:domain": "erp.example.com",
    };
    const host = {
      "vps:mode": "adopt",
      "vps:host": "203.0.113.5",
      "vps:hostKey": `ssh-ed25519 AAAA${"A".repeat(60)}`,
      "vps:domain": "erp.example.com",
    };
    const ending = { ...variables, REGISTRY_PULL_PASSWORD: "ghs_planted", VPS_SSH_PRIVATE_KEY: "planted-key" };
    const inSecret = { secretKeys: new Set(["doks:kubeconfig"]), environment: ending };

    it("refuse a login that ends with a job where a cluster pulls with it, or production", () => {
      const refused: [object, Parameters<typeof refusal>[1], string][] = [
        [{ ...pull, ...cluster }, inSecret, "registry:pullPassword"],
        [{ ...pull, ...production }, { environment: ending }, "registry:pullPassword"],
        [cluster, { ...inSecret, environment: { REGISTRY_PASSWORD: "ghs_planted" } }, "registry:password"],
      ];
      for (const [changes, source, key] of refused) {
        const { message } = refusal({ ...push, ...changes }, source);
        assert.match(
          message,
          new RegExp(`has 1 problem\n[^]*${key}: \\[secret\\]: is a token of a GitHub Actions job`),
        );
        assert.match(message, /make a login that may only read, then: pulumi config set registry:pullUsername/);
        assert.ok(!message.includes("planted"));
      }
    });

    it("leave the pull secret that somebody else keeps in the cluster to them", () => {
      read({ ...push, ...pull, ...cluster, "doks:imagePullSecret": "theirs" }, inSecret);
    });

    it("warn of one that a host pulls with", () => {
      const [warning, ...more] = pullLoginWarnings(read({ ...push, ...pull, ...host }, { environment: ending }));
      assert.deepEqual(more, []);
      assert.match(
        warning ?? "",
        /^registry:pullPassword is a token of a GitHub Actions job .*, which ends with the job/,
      );
      assert.ok(!warning?.includes("planted"));
    });

    it("refuse a password without its user", () => {
      assert.match(
        refusal(push, { environment: variables }).message,
        /has 1 problem\n[^]*registry:pullUsername: is missing/,
      );
    });

    it("ask for none where DigitalOcean makes them", () => {
      assert.deepEqual(pullLoginWarnings(read(production)), []);
    });
  });

  it("refuse an API token that stands in plain", () => {
    const { message } = refusal({ "digitalocean:token": "planted-token" });
    assert.match(message, /digitalocean:token: stands in plain/);
    assert.ok(!message.includes("planted-token"));
  });

  it("read the API's address where the provider reads it", () => {
    assert.equal(
      read({ "digitalocean:apiEndpoint": "https://api.example.com" }).digitalocean.apiUrl,
      "https://api.example.com",
    );
  });

  it("refuse DigitalOcean without a token", () => {
    assert.match(refusal({}, { environment: {} }).message, /DIGITALOCEAN_TOKEN/);
  });

  it("refuse to build in production", () => {
    const { code } = refusal({ "odoo:environment": "production" });
    assert.equal(code, "PRODUCTION_BUILD_REFUSED");
    assert.equal(read({ "odoo:environment": "production", "image:digest": digest }).image.digest, digest);
  });

  it("leave the keys of Pulumi's providers to them", () => {
    assert.doesNotThrow(() =>
      read({ "docker:host": "unix:///run/docker.sock", "pulumi:disable-default-providers": "[]" }),
    );
  });
});

describe("the committed stack files", () => {
  it("are valid", () => {
    const environment = { DIGITALOCEAN_TOKEN: "t", VPS_SSH_PRIVATE_KEY: "k" };
    for (const stack of ["sandbox", "staging"]) {
      assert.doesNotThrow(() => readSettings({ config: stackFile(stack), secretKeys: new Set(), environment }), stack);
    }
    const prod = { ...stackFile("prod"), "image:digest": digest };
    assert.doesNotThrow(() => readSettings({ config: prod, secretKeys: new Set(), environment }));
  });

  it("have the same keys in the same order", () => {
    const keys = Object.keys(stackFile("staging"));
    assert.deepEqual(Object.keys(stackFile("prod")), keys);
    assert.deepEqual(Object.keys(stackFile("sandbox")), keys);
  });

  it("let one stack create the registry that production adopts", () => {
    assert.equal(stackFile("staging")["registry:ownership"], "create");
    assert.equal(stackFile("prod")["registry:ownership"], "adopt");
    assert.equal(stackFile("staging")["registry:repository"], stackFile("prod")["registry:repository"]);
  });
});
