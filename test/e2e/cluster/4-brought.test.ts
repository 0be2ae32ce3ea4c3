import { BroughtCluster } from "../../support/trials/brought-cluster";
import { triesWhatPeopleBring } from "../../support/trials/brought-trial";
import { closeTrial } from "../../support/trials/opened";

triesWhatPeopleBring("a cluster with what people bring", async (_, modules, first) => {
  // The cluster of the tests before has the same name, and makes room for this one.
  await closeTrial();
  return BroughtCluster.open(modules, first.image);
});
