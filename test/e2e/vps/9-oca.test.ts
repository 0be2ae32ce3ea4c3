import { sample } from "../../support/sample";
import { BroughtHost } from "../../support/trials/brought-host";
import { light, ofOca } from "../../support/trials/brought";
import { triesWhatPeopleBring } from "../../support/trials/brought-trial";

triesWhatPeopleBring("a host with what people bring", sample(ofOca, light), (servers, modules) =>
  BroughtHost.open(servers, modules),
);
