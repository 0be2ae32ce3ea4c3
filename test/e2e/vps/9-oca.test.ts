import { BroughtHost } from "../../support/trials/brought-host";
import { triesWhatPeopleBring } from "../../support/trials/brought-trial";

triesWhatPeopleBring("a host with what people bring", (servers, modules) => BroughtHost.open(servers, modules));
