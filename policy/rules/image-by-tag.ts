import { isPinned } from "../../components/registry/reference";
import { at, type Declared, entriesAt, listAt, type Rule, textAt, unknown } from "../declared";
import { containersOf } from "../workloads";

/** Refuses images that a name alone chooses. */
export const imageByTag: Rule = {
  name: "image-by-tag",
  refuses: "An image that is not named by its digest.",
  because: "a tag may name something else tomorrow, which nobody has tried, and which a stolen login can put there",
  remedy: "name it as repository@sha256:…; `docker buildx imagetools inspect <image>:<tag>` shows the digest",
  check: (resource) =>
    imagesOf(resource)
      .filter(([, image]) => image !== unknown && (typeof image !== "string" || !isPinned(image)))
      .map(([place, image]) => `${place}: ${typeof image === "string" ? image : "no image"}`),
};

/** Images that a resource runs or builds upon; the name that a build is pushed by is a tag by nature. */
function imagesOf(resource: Declared): [place: string, image: unknown][] {
  const { type, props } = resource;
  const of = (path: readonly string[], name: RegExp) =>
    entriesAt(props, ...path)
      .filter(([key]) => name.test(key))
      .map(([key]): [string, unknown] => [[...path, key].join("."), at(props, ...path, key)]);
  return [
    ...containersOf(resource).map(({ place, image }): [string, unknown] => [place, image]),
    // What docker.Image builds upon, and what a command is told to deploy.
    ...of(["build", "args"], /^([A-Z]+_)?IMAGE$/),
    ...(type.startsWith("command:") ? of(["environment"], /^([A-Z]+_)?IMAGE$/) : []),
    ...(type === "digitalocean:index/app:App" ? appImages(props) : []),
    ...(/^docker:index\/(container:Container|remoteImage:RemoteImage)$/.test(type) ? of([], /^(image|name)$/) : []),
  ];
}

/** App Platform takes a digest in a field of its own. */
function appImages(props: Declared["props"]): [place: string, image: unknown][] {
  return ["services", "workers", "jobs"].flatMap((list) =>
    listAt(props, "spec", list)
      .filter((part) => at(part, "image") !== undefined)
      .map((part): [string, unknown] => {
        const digest = at(part, "image", "digest");
        const named = `${textAt(part, "image", "repository")}${typeof digest === "string" ? `@${digest}` : ""}`;
        return [`spec.${list} ${textAt(part, "name")}`, digest === unknown ? unknown : named];
      }),
  );
}
