/**
 * GitHub's own refusals that the emulator lacks, and what must be put right after a call the emulator answered.
 */
import {
  actorOf,
  ask,
  copyObjects,
  findRepository,
  mayRead,
  mayWrite,
  ownerLogin,
  resolveCommit,
  setRef,
} from "./access.mjs";
import { checkOutput } from "./checks.mjs";
import { objectSHA, tagBytes } from "./git.mjs";
import { closePullsOf, refreshPulls, refusePull } from "./pulls.mjs";
import { formatAccount } from "./shapes.mjs";
import { errorResponse, jsonResponse } from "./state.mjs";

const REPOSITORY = /^\/repos\/([^/]+)\/([^/]+)(\/.*)?$/;

function target(context, call) {
  const match = REPOSITORY.exec(call.path);
  if (match === null) return null;
  const repo = findRepository(context.gh, match[1], match[2]);
  return repo === undefined ? null : { repo, rest: match[3] ?? "" };
}

function authUserOf(context, call) {
  const token = (call.headers.authorization ?? "").replace(/^\S+\s+/, "");
  return context.tokenMap.get(token);
}

// What is looked at before a call, and put right after it: method, rest of the path, what to do.
const REFUSALS = [
  ["POST", /^\/releases$/, refuseRelease],
  ["POST", /^\/pulls$/, (context, { repo, body }) => refusePull(context, repo, body)],
  ["POST", /^\/forks$/, repeatFork],
  ["POST", /^\/check-runs$/, refuseCheck],
  ["PATCH", /^\/check-runs\/\d+$/, refuseCheck],
];
const SETTLEMENTS = [
  ["POST", /^\/forks$/, settleFork],
  ["POST", /^\/pulls$/, settlePull],
  ["POST", /^\/git\/tags$/, settleTag],
  ["GET", /^\/branches\/./, settleBranch],
  ["DELETE", /^\/git\/refs\/./, settleDeletedRef],
];

function choose(table, call, rest) {
  return table.find(([method, pattern]) => method === call.method && pattern.test(rest))?.[2];
}

/** A Response for a call GitHub would refuse, else null. */
export async function refuse(context, call) {
  const place = target(context, call);
  if (place === null) return null;
  const user = authUserOf(context, call);
  // GitHub hides what one may not see: 404, never 403.
  const isHidden = place.rest !== "/installation" && !mayRead(context.gh, user, place.repo);
  if (isHidden) return errorResponse(404, "Not Found");
  if (place.repo.archived && place.rest !== "" && !["GET", "HEAD"].includes(call.method))
    return errorResponse(403, "Repository was archived so is read-only.");
  const rule = choose(REFUSALS, call, place.rest);
  return rule === undefined ? null : rule(context, { ...place, user, body: call.body ?? {} });
}

function refuseCheck(_context, { body }) {
  const fault = checkOutput(body);
  return fault === null ? null : errorResponse(422, fault);
}

function refuseRelease(context, { repo, user, body }) {
  if (!mayWrite(context.gh, user, repo, ["contents"]))
    return errorResponse(403, "Resource not accessible by integration");
  const known = [`refs/tags/${body.tag_name}`, body.target_commitish ?? repo.default_branch];
  if (body.draft || known.some((name) => resolveCommit(context.gh, repo, name) !== undefined)) return null;
  return errorResponse(422, "Validation Failed", {
    errors: [{ resource: "Release", code: "invalid", field: "target_commitish" }],
  });
}

/** A second fork answers with the first. */
async function repeatFork(context, { repo: parent, user, body }) {
  const owner = body.organization ?? user?.login;
  const name = body.name ?? parent.name;
  const existing = context.gh.repos.findOneBy("full_name", `${owner}/${name}`);
  if (existing === undefined || existing.forked_from_id !== parent.id) return null;
  return jsonResponse(202, (await ask(context, existing, "")).body);
}

/** The body to send on: GitHub reads empty `permissions` as all of the installation's. */
export function adjustBody(call) {
  if (call.raw === null || call.raw.length === 0) return undefined;
  const { permissions } = call.body ?? {};
  const isEmpty = permissions !== null && typeof permissions === "object" && Object.keys(permissions).length === 0;
  if (!isEmpty || !call.path.endsWith("/access_tokens")) return call.raw;
  delete call.headers["content-length"];
  return JSON.stringify({ ...call.body, permissions: undefined });
}

/** Puts right what the emulator left undone, and returns the body to answer with. */
export async function settle(context, call, status, body) {
  if (status >= 300) return body;
  if (Array.isArray(body?.repositories)) body.repositories = await expandRepositories(context, body);
  const place = target(context, call);
  const rule = place && choose(SETTLEMENTS, call, place.rest);
  return rule ? rule(context, { ...place, call, body }) : body;
}

/** The emulator names the repositories of a token briefly; GitHub gives them whole. */
function expandRepositories(context, { repositories }) {
  const expand = async ({ id }) => (await ask(context, context.gh.repos.get(id), "")).body;
  return Promise.all(repositories.map(expand));
}

/** The emulator starts a fork with a README of its own; GitHub starts it with the parent's branches and tags. */
function settleFork(context, { repo: parent, body }) {
  const { gh, baseUrl } = context;
  const fork = gh.repos.findOneBy("full_name", body.full_name);
  copyObjects(gh, parent, fork);
  for (const row of gh.refs.findBy("repo_id", parent.id)) {
    if (!row.ref.startsWith("refs/pull/")) setRef(gh, fork, row.ref, row.sha);
  }
  const forkee = { id: parent.id, full_name: parent.full_name, url: `${baseUrl}/repos/${parent.full_name}` };
  return { ...body, fork: true, parent: forkee, source: forkee };
}

/** The emulator answers before the changes are counted. */
async function settlePull(context, { repo, body }) {
  await refreshPulls(context, repo, { silent: true });
  return (await ask(context, repo, `/pulls/${body.number}`)).body;
}

async function settleBranch(context, { repo, body }) {
  if (body.commit?.sha === undefined) return body; // the protection of a branch, not the branch
  const url = `${context.baseUrl}/repos/${repo.full_name}/branches/${body.name}`;
  return {
    ...body,
    commit: (await ask(context, repo, `/commits/${body.commit.sha}`)).body,
    _links: { self: url, html: `${context.baseUrl}/${repo.full_name}/tree/${body.name}` },
    protection: { enabled: false, required_status_checks: { enforcement_level: "off", contexts: [], checks: [] } },
  };
}

/** The emulator invents the name of an annotated tag; git computes it from the bytes. */
function settleTag({ gh }, { repo, body }) {
  const row = gh.tags.findBy("repo_id", repo.id).find((tag) => tag.sha === body.sha);
  const sha = objectSHA("tag", tagBytes(row));
  gh.tags.update(row.id, { sha });
  return { ...body, sha, url: body.url.replace(body.sha, sha) };
}

function settleDeletedRef(context, { repo, rest, call }) {
  const ref = decodeURIComponent(rest.slice("/git/refs/".length));
  const isBranch = ref.startsWith("heads/");
  const name = ref.replace(/^(heads|tags)\//, "");
  if (isBranch) closePullsOf(context, repo, name);
  const actor = actorOf(context.gh, authUserOf(context, call));
  const payload = {
    ref: name,
    ref_type: isBranch ? "branch" : "tag",
    pusher_type: "user",
    sender: formatAccount(context, actor),
  };
  context.webhooks.dispatch("delete", undefined, payload, ownerLogin(context.gh, repo), repo.name);
}
