import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { describeWhole } from "../../support/sample";
import { notes } from "../../support/trials/addons";
import { Trial } from "../../support/trials/host-trial";

const script = path.join(__dirname, "..", "..", "..", "scripts", "simple_deploy.sh");
const file = "docker-compose.prod.yml";

describeWhole("what people type on a host", () => {
  let trial: Trial;

  before(async () => {
    trial = await Trial.open();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") console.error(await trial.machine.story());
  });

  /** Exit status, then all that was printed. */
  const type = async (command: string) => {
    const output = await trial.machine.sh(
      `status=0; (${command}) > /tmp/typed 2>&1 || status=$?; echo $status; cat /tmp/typed`,
    );
    const [status, ...lines] = output.split("\n");
    return { status: Number(status), lines, output: lines.join("\n") };
  };
  const odoo = () => trial.machine.sh("docker inspect --format '{{.Id}} {{.State.StartedAt}}' odoo-ce");

  it("pulls and starts what was released in the project's folder, and changes nothing", async () => {
    const before = await odoo();
    const compose = `docker compose -f ${file}`;
    const { status, output } = await type(`cd /opt/odoo && ${compose} pull odoo && ${compose} up -d`);
    assert.equal(status, 0, output);
    assert.equal(await odoo(), before);
  });

  it("is told in ~/odoo-prod where the project is", async () => {
    const { status, lines } = await type(`cd ~/odoo-prod && docker compose -f ${file} pull odoo`);
    assert.notEqual(status, 0);
    assert.match(lines.join("\n"), /type: cd \/opt\/odoo, then the same command again$/);
    assert.equal(lines.length, 1);
  });

  it("finds Odoo, its shell, its database and its log in the container", async () => {
    const inside = (command: string) => type(`docker exec -i odoo-ce ${command}`);
    const updated = await inside(`odoo -d odoo -u ${notes} --stop-after-init`);
    assert.equal(updated.status, 0, updated.output);
    assert.match(updated.output, new RegExp(`Module ${notes} loaded`));
    assert.equal((await inside("odoo-bin -c /etc/odoo.conf -d odoo --stop-after-init")).status, 0);
    assert.equal((await inside("odoo --list-db")).status, 64);
    assert.deepEqual(await inside("psql -Atc 'SELECT 6 * 7'"), { status: 0, lines: ["42"], output: "42" });
    assert.match((await inside("cat /var/log/odoo/odoo.log")).output, /docker logs -f odoo-ce/);
    await trial.machine.waitForLogin();
    assert.deepEqual(await trial.wrongRelease(), []);
  });

  it("is told why no release runs with `./oca:/mnt/oca-addons`", async () => {
    await trial.machine.sh("mkdir -p /tmp/oca/theirs && echo '{}' > /tmp/oca/theirs/__manifest__.py");
    const compose = `docker compose -f ${file} run --rm --no-deps -v /tmp/oca:/mnt/oca-addons:ro odoo`;
    const { status, output } = await type(`cd /opt/odoo && ${compose} odoo --stop-after-init --no-http`);
    assert.notEqual(status, 0, output);
    assert.match(output, /^RELEASE_MISMATCH: [^\n]*\/mnt\/oca-addons/m);
    assert.deepEqual(await trial.wrongRelease(), []);
  });

  it("is told of a tag in the Compose file, with the digest to write, and by odoo-ship that a tag is none", async () => {
    const tagged = `${trial.live.image.split("@")[0] ?? ""}:latest`;
    await trial.machine.sh(
      `cp /opt/odoo/${file} /tmp/released; sed -i 's#image: ${trial.live.image}#image: ${tagged}#' /opt/odoo/${file}`,
    );
    try {
      const { output } = await type("odoo-ship doctor");
      assert.match(output, new RegExp(`look +Compose files: .*\\n.*${trial.live.image}`));
    } finally {
      await trial.machine.sh(`cp /tmp/released /opt/odoo/${file}`);
    }
    assert.doesNotMatch((await type("odoo-ship doctor")).output, /look +Compose files/);
    const { status, output } = await type(`odoo-ship deploy --image ${tagged}`);
    assert.notEqual(status, 0);
    assert.match(output, /^IMAGE_NOT_FOUND: an image is deployed by its digest$/m);
  });

  it("is told by simple_deploy.sh without arguments what serves, and what to type", async () => {
    await trial.machine.exec(["sh", "-c", "cat > /tmp/simple_deploy.sh"], fs.readFileSync(script, "utf8"));
    const { status, output } = await type("sh /tmp/simple_deploy.sh");
    assert.equal(status, 64);
    assert.match(output, new RegExp(`^live +${trial.live.image} [^]*^usage: simple_deploy.sh`, "m"));
  });
});
