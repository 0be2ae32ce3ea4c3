import { settingsKeys } from "../../components/settings/table";
import { at, type Rule, unknown } from "../declared";

const setting = "registry:pushSeconds";

/** Refuses logins to the registry that may push and outlive the update that they are made for. */
export const pushCredentials: Rule = {
  name: "push-credentials",
  refuses: "Credentials that may push images and do not expire within a day.",
  because: "they end in a log or on a laptop one day, and whoever finds them can put an image into the registry",
  remedy: "set expirySeconds to what the longest build needs (the setting registry:pushSeconds), or write to false",
  check: ({ type, props }) => {
    if (!/:ContainerRegistr(y|ies)DockerCredentials$/.test(type)) {
      return [];
    }
    const [writes, seconds] = [at(props, "write"), at(props, "expirySeconds")];
    if (writes === false || writes === undefined || writes === unknown || seconds === unknown) {
      return [];
    }
    return settingsKeys[setting].schema.safeParse(seconds ?? 0).success
      ? []
      : [`write with expirySeconds ${seconds === undefined ? "not set, which is decades" : JSON.stringify(seconds)}`];
  },
};
