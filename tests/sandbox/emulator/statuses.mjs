/**
 * Commit statuses, listed and combined.
 */
import { actorOf, ask, findRepository, mayRead, mayWrite, resolveCommit } from "./access.mjs";
import { formatAccount } from "./shapes.mjs";
import { errorBody, nodeId, paginate } from "./state.mjs";

const STATES = new Set(["error", "failure", "pending", "success"]);

export function registerStatusRoutes(context) {
  const { app, gh, store } = context;
  const statuses = store.collection("sandbox.statuses", ["repo_id"]);
  const found = (answer) => (c) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    const sha = repo && mayRead(gh, c.get("authUser"), repo) && resolveCommit(gh, repo, c.req.param("sha"));
    return sha ? answer(context, statuses, c, { repo, sha }) : c.json(errorBody(404, "Not Found"), 404);
  };
  app.post("/repos/:owner/:repo/statuses/:sha", found(create));
  app.get("/repos/:owner/:repo/commits/:sha/statuses", found(list));
  app.get("/repos/:owner/:repo/statuses/:sha", found(list)); // the address in a repository's `statuses_url`
  app.get("/repos/:owner/:repo/commits/:sha/status", found(combine));
}

function newestFirst(statuses, { repo, sha }) {
  const rows = statuses.findBy("repo_id", repo.id).filter((row) => row.sha === sha);
  return rows.reverse();
}

function format(context, repo, row) {
  return {
    url: `${context.baseUrl}/repos/${repo.full_name}/statuses/${row.sha}`,
    id: row.id,
    node_id: nodeId("StatusContext", row.id),
    avatar_url: null,
    state: row.state,
    description: row.description,
    target_url: row.target_url,
    context: row.context,
    created_at: row.created_at,
    updated_at: row.updated_at,
    creator: formatAccount(context, context.gh.users.get(row.user_id)),
  };
}

async function create(context, statuses, c, { repo, sha }) {
  const { gh } = context;
  if (!mayWrite(gh, c.get("authUser"), repo, ["statuses"])) {
    return c.json(errorBody(403, "Resource not accessible by integration"), 403);
  }
  const body = await c.req.json();
  if (!STATES.has(body.state)) return c.json(errorBody(422, "Validation Failed"), 422);
  const row = statuses.insert({
    repo_id: repo.id,
    sha,
    state: body.state,
    description: body.description ?? null,
    target_url: body.target_url ?? null,
    context: body.context ?? "default",
    user_id: actorOf(gh, c.get("authUser")).id,
  });
  return c.json(format(context, repo, row), 201);
}

function list(context, statuses, c, place) {
  return paginate(
    c,
    newestFirst(statuses, place).map((row) => format(context, place.repo, row)),
  );
}

async function combine(context, statuses, c, { repo, sha }) {
  const oldestFirst = newestFirst(statuses, { repo, sha }).reverse();
  const latest = [...new Map(oldestFirst.map((row) => [row.context, row])).values()];
  const url = `${context.baseUrl}/repos/${repo.full_name}/commits/${sha}`;
  return c.json({
    state: combineStates(latest.map((row) => row.state)),
    statuses: latest.map((row) => format(context, repo, row)),
    sha,
    total_count: latest.length,
    repository: (await ask(context, repo, "")).body,
    commit_url: url,
    url: `${url}/status`,
  });
}

function combineStates(states) {
  if (states.some((state) => state === "failure" || state === "error")) return "failure";
  return states.length > 0 && states.every((state) => state === "success") ? "success" : "pending";
}
