import { stringify } from "yaml";

import type { TrialMachine } from "../test/support/trials/machine";
import type { TrialRelease } from "../test/support/trials/releases";
import type { Deployed } from "./own-stack";
import { copyDatabase, database, pull, variables, workersOf } from "./plain-odoo";
import { plainPort } from "./trial-host";

const folder = "/root/by-hand";
const files = "by-hand-filestore";

/**
 * Odoo on the same host as somebody runs it with a Compose file and no program: a published port, as many workers, a
 * copy of the host's database and files. It has no proxy, no limits and no hardening.
 */
export class ComposeByHand {
  private constructor(private readonly machine: TrialMachine) {}

  static async start(machine: TrialMachine, release: TrialRelease): Promise<ComposeByHand> {
    const project = composeFile(release.image, await workersOf(machine));
    await copyDatabase(machine);
    // Not the host's own volume: the program refuses a host where somebody else uses that.
    await machine.sh(`
      docker volume create ${files} > /dev/null
      from=$(docker volume inspect -f '{{.Mountpoint}}' odoo-filestore)
      to=$(docker volume inspect -f '{{.Mountpoint}}' ${files})
      cp -a $from/. $to/
      mv $to/filestore/odoo $to/filestore/${database}
      mkdir -p ${folder}`);
    await machine.sh(`cat > ${folder}/docker-compose.yml && cd ${folder} && docker compose up -d`, project);
    return new ComposeByHand(machine);
  }

  deployed(): Deployed {
    const { privateHost: host, password } = this.machine;
    return { address: { host, port: plainPort }, password, database };
  }

  /** Pull, `odoo -u` of these modules while the old container serves, the digest in the file, `docker compose up -d`. */
  async upgrade(release: TrialRelease, modules: readonly string[]): Promise<void> {
    await this.machine.sh(`${pull(release)}
      cd ${folder} && ${edit(release)}
      docker compose run --rm -T odoo odoo -d ${database} -u ${modules.join(",")} --stop-after-init --no-http > /tmp/by-hand.log 2>&1 || { tail /tmp/by-hand.log >&2; exit 1; }
      docker compose up -d`);
  }

  /** The digest in the file, `docker compose up -d`: the data stay as they are. */
  async exchange(release: TrialRelease): Promise<void> {
    await this.machine.sh(`cd ${folder} && ${edit(release)} && docker compose up -d`);
  }
}

/** Lines of a shell that put the release's digest into the file. */
export function edit({ image }: Pick<TrialRelease, "image">): string {
  return `sed -i 's#image: .*#image: ${image}#' docker-compose.yml`;
}

/** The file that somebody edits by hand. */
export function composeFile(image: string, workers: readonly string[]): string {
  const odoo = {
    image,
    environment: variables(workers),
    volumes: [`${files}:/var/lib/odoo`, "/run/plain:/run/plain:ro"],
    ports: [`${plainPort}:8069`],
    // The first one publishes the port: that of PostgreSQL has no way out.
    networks: { edge: { priority: 1000 }, backend: {} },
    stop_grace_period: "60s",
  };
  const outer = (name: string) => ({ external: true, name });
  return stringify(
    {
      name: "by-hand",
      services: { odoo },
      networks: { edge: outer("odoo_edge"), backend: outer("odoo_backend") },
      volumes: { [files]: outer(files) },
    },
    { lineWidth: 0 },
  );
}
