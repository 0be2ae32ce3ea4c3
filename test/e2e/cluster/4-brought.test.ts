import { BroughtCluster } from "../../support/trials/brought-cluster";
import { triesWhatPeopleBring } from "../../support/trials/brought-trial";

triesWhatPeopleBring("a cluster with what people bring", (_, modules, first) =>
  BroughtCluster.open(modules, first.image),
);
