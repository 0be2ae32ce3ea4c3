import assert from "node:assert/strict";

import { sshKeyPair } from "../../../sandbox/support/ssh-key";
import type { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { buildingStack } from "../../support/building-stack";
import { runningSandbox } from "../../support/running-sandbox";
import { TrialMachine } from "../../support/trials/machine";
import { adopting } from "../../support/trials/trial-stack";

const image = "planted-by-others";

/** Somebody else's things on a host: what puts them there, what takes them away, and what the update has to name. */
interface Occupied {
  readonly by: string;
  readonly begin: string;
  readonly end: string;
  readonly named: readonly RegExp[];
}

const compose = (folder: string, services: Record<string, string>) => `
  install -d ${folder}; cd ${folder}
  echo 'DB_PASSWORD=planted-by-others' > .env
  printf 'services:\\n' > docker-compose.yml
  ${Object.entries(services)
    .map(
      ([name, more]) =>
        `printf '  ${name}:\\n    image: ${image}\\n    command: [sleep, infinity]\\n${more}' >> docker-compose.yml`,
    )
    .join("\n  ")}
  docker compose --progress quiet up -d`;
const downIn = (folder: string) => `cd ${folder}; docker compose --progress quiet down -t 0 -v; cd /; rm -r ${folder}`;

const rows: readonly Occupied[] = [
  {
    by: "another project whose containers have our names",
    begin: compose("/srv/erp", {
      db: "    container_name: odoo-db\\n",
      web: "    container_name: odoo-ce\\n",
    }),
    end: downIn("/srv/erp"),
    named: [/container odoo-db \(project erp in \/srv\/erp\)/, /container odoo-ce \(project erp in \/srv\/erp\)/],
  },
  {
    by: "a project of our name in our folder",
    begin: compose("/opt/odoo", { db: "", odoo: "" }),
    end: downIn("/opt/odoo"),
    named: [
      /container odoo-db-1 \(project odoo in \/opt\/odoo\)/,
      /container odoo-odoo-1 \(project odoo in \/opt\/odoo\)/,
      /files in \/opt\/odoo/,
    ],
  },
  {
    by: "a stopped container without Compose, with a volume of our name",
    begin: `docker volume create odoo-db-data
      docker run --rm -v odoo-db-data:/books ${image} sh -c 'echo books > /books/books'
      docker create --name books -v odoo-db-data:/books ${image} sleep infinity`,
    end: "docker rm -f books; docker volume rm odoo-db-data",
    named: [/container books \(volume odoo-db-data\)/],
  },
  {
    by: "files in our folder, of which nothing runs",
    begin: "install -d /opt/odoo; echo 'DB_PASSWORD=planted-by-others' > /opt/odoo/.env",
    end: "rm -r /opt/odoo",
    named: [/: files in \/opt\/odoo$/m],
  },
];

/** All that a release could have touched there: containers as they run, volumes, networks, images, files with their content. */
const everything = `
  docker ps -aq --no-trunc | sort | xargs -r docker inspect --format '{{.Id}} {{.Name}} {{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}'
  docker volume ls -q | sort
  docker network ls -q --no-trunc | sort
  docker images -aq --no-trunc | sort
  ls -d /opt/* /srv/* /etc/systemd/system/* /usr/local/bin/* /usr/local/sbin/* /var/lib/odoo* 2> /dev/null || true
  find /opt/odoo /srv/erp -type f -exec sha256sum {} + 2> /dev/null | sort || true`;

describe("a host that runs something else with our names", () => {
  let machine: TrialMachine;
  let stack: TestStack;

  before(async () => {
    const servers = await runningSandbox();
    machine = await TrialMachine.create();
    const key = sshKeyPair();
    await machine.sh("install -d -m 700 /root/.ssh; cat > /root/.ssh/authorized_keys", key.publicKey);
    // All that their containers need: a shell and something that waits.
    await machine.sh(
      `tar -ch -C / bin/sh bin/sleep $(ldd /bin/sh /bin/sleep | grep -o '/[^ ]*\\.so[^ ]*' | sort -u | cut -c2-) | docker import - ${image}`,
    );
    stack = await buildingStack(servers, await adopting(machine));
    stack.setVariable("VPS_SSH_PRIVATE_KEY", key.privateKey);
  });
  after(async () => {
    stack.remove();
    await machine.remove();
  });

  for (const { by, begin, end, named } of rows) {
    it(`is refused, and stays as it is, with ${by}`, async () => {
      await machine.sh(begin);
      try {
        const before = await machine.sh(everything);
        for (const run of [() => stack.preview(), () => stack.up()]) {
          const { status, output } = await run();
          assert.notEqual(status, 0, output);
          assert.match(output, /HOST_UNFIT: /);
          for (const one of named) assert.match(output, one);
          assert.match(output, /nothing there was changed/);
          assert.doesNotMatch(output, /planted-by-others/);
        }
        assert.doesNotMatch(stack.storedText(), /docker:index\/image:Image/);
        assert.equal(await machine.sh(everything), before);
      } finally {
        await machine.sh(end);
      }
    });
  }

  it("is taken once nothing of that is left, also where its login shell greets with some lines", async () => {
    await machine.sh(`printf '%s\\n' 'echo "Welcome to $(hostname)"' 'echo "{}" >&2' > /root/.bashrc`);
    const before = await machine.sh(everything);
    const { status, output } = await stack.preview();
    assert.equal(status, 0, output);
    assert.equal(await machine.sh(everything), before);
  });
});
