import { BroughtHost } from "../../support/trials/brought-host";
import { ofOca } from "../../support/trials/brought";
import { triesWhatPeopleBring } from "../../support/trials/brought-trial";

triesWhatPeopleBring("a host with what people bring", ofOca, (servers, modules) => BroughtHost.open(servers, modules));
