import { RecordedClusters } from "../../sandbox/test/helpers/recorded-clusters";
import type { PaperApiserver } from "../../sandbox/test/helpers/paper-apiserver";

/** Clusters whose apiserver is one on paper. */
export class PaperClusters extends RecordedClusters {
  constructor(private readonly apiserver: PaperApiserver) {
    super();
  }

  override async clusterCredentials(id: string) {
    return { ...(await super.clusterCredentials(id)), server: this.apiserver.url, token: "planted-token" };
  }
}
