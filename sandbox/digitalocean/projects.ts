import { randomUUID } from "node:crypto";
import { z } from "zod";
import { conflict, notFound, preconditionFailed } from "./errors";
import { page } from "./pages";
import type { Call, Context, Reply, Route } from "./router";
import type { Project, State } from "./state";

const knownPurposes = [
  "Just trying out DigitalOcean",
  "Class project / Educational purposes",
  "Website or blog",
  "Web Application",
  "Service or API",
  "Mobile Application",
  "Machine learning / AI / Data processing",
  "IoT",
  "Operational / Developer tooling",
];
const environments = ["Development", "Staging", "Production"];

const name = z.string().trim().min(1, "cannot be blank").max(175, "is too long (maximum is 175 characters)");
const text = z.string().max(255, "is too long (maximum is 255 characters)");
const purpose = text.min(1, "cannot be blank").transform((given) => {
  return knownPurposes.includes(given) || given.startsWith("Other: ") ? given : `Other: ${given}`;
});
const environment = z.string().transform((given, refusal) => {
  const found = environments.find((known) => known.toLowerCase() === given.toLowerCase());
  if (found === undefined && given !== "") {
    refusal.addIssue({ code: "custom", message: `must be one of ${environments.join(", ")}` });
  }
  return found ?? "";
});

const createBody = z.object({ name, purpose, description: text.default(""), environment: environment.default("") });
const putBody = z.object({ name, purpose, description: text, environment, is_default: z.boolean() });
/** The official client sends `null` for what is to stay. */
const patchBody = z.object({
  name: name.nullish(),
  purpose: purpose.nullish(),
  description: text.nullish(),
  environment: environment.nullish(),
  is_default: z.boolean().nullish(),
});
const urn = z.string().regex(/^do:[a-z]+:[^:\s]+$/, "must be a URN such as do:droplet:13457723");
const assignBody = z.object({ resources: z.array(urn) });

/** Projects, the default project under the id `default`, and which resources they hold. */
export function projectRoutes({ store }: Context): readonly Route[] {
  const update = (call: Call, change: z.infer<typeof patchBody>): Reply => {
    const project = store.update((draft) => changeProject(draft, call.param("id"), change));
    return { status: 200, body: { project } };
  };
  return [
    { method: "GET", path: "/v2/projects", handle: (call) => page(call, "projects", store.state.projects) },
    {
      method: "POST",
      path: "/v2/projects",
      handle: (call) => ({
        status: 201,
        body: { project: store.update((draft) => create(draft, call.body(createBody))) },
      }),
    },
    {
      method: "GET",
      path: "/v2/projects/:id",
      handle: (call) => ({ status: 200, body: { project: find(store.state, call.param("id")) } }),
    },
    { method: "PUT", path: "/v2/projects/:id", handle: (call) => update(call, call.body(putBody)) },
    { method: "PATCH", path: "/v2/projects/:id", handle: (call) => update(call, call.body(patchBody)) },
    {
      method: "DELETE",
      path: "/v2/projects/:id",
      handle: (call) => {
        store.update((draft) => remove(draft, call.param("id")));
        return { status: 204 };
      },
    },
    {
      method: "GET",
      path: "/v2/projects/:id/resources",
      handle: (call) =>
        page(call, "resources", resourcesOf(store.state, find(store.state, call.param("id")), call.url.origin)),
    },
    {
      method: "POST",
      path: "/v2/projects/:id/resources",
      handle: (call) => {
        const resources = store.update((draft) =>
          assign(draft, call.param("id"), call.body(assignBody).resources, call.url.origin),
        );
        return { status: 200, body: { resources } };
      },
    },
  ];
}

function find(state: Readonly<State>, id: string): Project {
  const found = state.projects.find((project) => (id === "default" ? project.is_default : project.id === id));
  if (found === undefined) {
    throw notFound();
  }
  return found;
}

function refuseTakenName(state: State, wanted: string, self?: string): void {
  if (state.projects.some((project) => project.name === wanted && project.id !== self)) {
    throw conflict("name is already in use");
  }
}

function create(state: State, wanted: z.infer<typeof createBody>): Project {
  refuseTakenName(state, wanted.name);
  const now = new Date().toISOString();
  const owner = { owner_uuid: state.account.uuid, owner_id: state.account.owner_id };
  const project: Project = {
    id: randomUUID(),
    ...owner,
    ...wanted,
    is_default: false,
    created_at: now,
    updated_at: now,
  };
  state.projects.push(project);
  return project;
}

function changeProject(state: State, id: string, change: z.infer<typeof patchBody>): Project {
  const project = find(state, id);
  refuseTakenName(state, change.name ?? project.name, project.id);
  if (change.is_default === true) {
    state.projects.forEach((other) => (other.is_default = other === project));
  } else if (change.is_default === false && project.is_default) {
    throw preconditionFailed("the default project can only be replaced by another default project");
  }
  project.name = change.name ?? project.name;
  project.purpose = change.purpose ?? project.purpose;
  project.description = change.description ?? project.description;
  project.environment = change.environment ?? project.environment;
  project.updated_at = new Date().toISOString();
  return project;
}

function remove(state: State, id: string): void {
  const project = find(state, id);
  if (project.is_default) {
    throw preconditionFailed("cannot delete the default project");
  }
  if (Object.values(state.assignments).some((assignment) => assignment.project === project.id)) {
    throw preconditionFailed("cannot delete a project with resources. move or remove the resources first");
  }
  state.projects = state.projects.filter((other) => other !== project);
}

/** Any well-formed URN counts as an existing resource: the resources themselves are other files' business. */
function assign(state: State, id: string, urns: readonly string[], origin: string): readonly unknown[] {
  const project = find(state, id);
  return urns.map((wanted) => {
    const before = state.assignments[wanted];
    const already = before?.project === project.id;
    const assigned_at = already ? before.assigned_at : new Date().toISOString();
    state.assignments[wanted] = { project: project.id, assigned_at };
    return resource(wanted, assigned_at, already ? "already_assigned" : "assigned", origin);
  });
}

/** Where a new resource belongs until someone says otherwise. */
export function joinDefaultProject(draft: State, urn: string): void {
  draft.assignments[urn] = { project: find(draft, "default").id, assigned_at: new Date().toISOString() };
}

/** A resource that is gone is in no project. */
export function leaveProjects(draft: State, urn: string): void {
  draft.assignments = Object.fromEntries(Object.entries(draft.assignments).filter(([assigned]) => assigned !== urn));
}

function resourcesOf(state: Readonly<State>, project: Project, origin: string): readonly unknown[] {
  return Object.entries(state.assignments)
    .filter(([, assignment]) => assignment.project === project.id)
    .map(([assigned, { assigned_at }]) => resource(assigned, assigned_at, "ok", origin));
}

function resource(assigned: string, assigned_at: string, status: string, origin: string): unknown {
  const [, kind = "", id = ""] = assigned.split(":");
  return { urn: assigned, assigned_at, links: { self: `${origin}/v2/${kind}s/${id}` }, status };
}
