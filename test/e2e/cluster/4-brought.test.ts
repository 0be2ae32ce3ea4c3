import { sample } from "../../support/sample";
import { light, ofOca } from "../../support/trials/brought";
import { BroughtCluster } from "../../support/trials/brought-cluster";
import { triesWhatPeopleBring } from "../../support/trials/brought-trial";

triesWhatPeopleBring("a cluster with what people bring", sample(ofOca, light), (_, modules, first) =>
  BroughtCluster.open(modules, first.image),
);
