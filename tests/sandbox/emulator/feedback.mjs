/**
 * Reactions (issues, comments, commit comments, releases) and commit statuses.
 */
import { actorOf, ask, findRepository, mayRead, mayWrite, resolveCommit } from "./access.mjs";
import { formatAccount } from "./shapes.mjs";
import { errorBody, nodeId, paginate } from "./state.mjs";

const CONTENTS = new Set(["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]);
const RELEASE_CONTENTS = new Set(["+1", "laugh", "heart", "hooray", "rocket", "eyes"]);
const STATES = new Set(["error", "failure", "pending", "success"]);

// What can be reacted to: its path, where it is stored, what an installation needs.
const SUBJECTS = [
  { path: "issues/:subject", find: findIssue, contents: CONTENTS, permissions: ["issues", "pull_requests"] },
  { path: "issues/comments/:subject", find: findComment, contents: CONTENTS, permissions: ["issues", "pull_requests"] },
  { path: "comments/:subject", find: findComment, contents: CONTENTS, permissions: ["contents"] },
  { path: "releases/:subject", find: findRelease, contents: RELEASE_CONTENTS, permissions: ["contents"] },
];

function findIssue(gh, repo, number) {
  return gh.issues.findBy("repo_id", repo.id).find((row) => row.number === number)?.id;
}

function findComment(gh, repo, id) {
  return gh.comments.findBy("repo_id", repo.id).find((row) => row.id === id)?.id;
}

function findRelease(gh, repo, id) {
  return gh.releases.findBy("repo_id", repo.id).find((row) => row.id === id)?.id;
}

export function registerFeedbackRoutes(context) {
  for (const subject of SUBJECTS) registerReactions(context, subject);
  registerStatuses(context);
}

const notFound = (c) => c.json(errorBody(404, "Not Found"), 404);

function registerReactions(context, subject) {
  const { app, gh, store } = context;
  const reactions = store.collection("sandbox.reactions", ["subject"]);
  const path = `/repos/:owner/:repo/${subject.path}/reactions`;
  const locate = (c) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    const id = repo && mayRead(gh, c.get("authUser"), repo) && subject.find(gh, repo, Number(c.req.param("subject")));
    return id ? { repo, key: `${subject.path}#${id}` } : null;
  };
  const format = (row) => ({
    id: row.id,
    node_id: nodeId("Reaction", row.id),
    user: formatAccount(context, gh.users.get(row.user_id)),
    content: row.content,
    created_at: row.created_at,
  });

  app.get(path, (c) => {
    const place = locate(c);
    if (place === null) return notFound(c);
    const wanted = c.req.query("content");
    const rows = reactions.findBy("subject", place.key).filter((row) => !wanted || row.content === wanted);
    return paginate(c, rows.map(format));
  });

  app.post(path, async (c) => {
    const place = locate(c);
    if (place === null) return notFound(c);
    const caller = c.get("authUser");
    if (!caller) return c.json(errorBody(401, "Requires authentication"), 401);
    if (caller.installation && !mayWrite(gh, caller, place.repo, subject.permissions)) {
      return c.json(errorBody(403, "Resource not accessible by integration"), 403);
    }
    const { content } = await c.req.json();
    if (!subject.contents.has(content)) return c.json(errorBody(422, "Validation Failed"), 422);
    const user = actorOf(gh, caller);
    const rows = reactions.findBy("subject", place.key);
    const existing = rows.find((row) => row.user_id === user.id && row.content === content);
    if (existing) return c.json(format(existing), 200);
    return c.json(format(reactions.insert({ subject: place.key, user_id: user.id, content })), 201);
  });

  app.delete(`${path}/:reaction`, (c) => {
    const place = locate(c);
    const row = place && reactions.get(Number(c.req.param("reaction")));
    if (!row || row.subject !== place.key || row.user_id !== actorOf(gh, c.get("authUser"))?.id) return notFound(c);
    reactions.delete(row.id);
    return c.body(null, 204);
  });
}

// -- statuses ------------------------------------------------------------------------------------------------------

function registerStatuses(context) {
  const { app, gh, store, baseUrl } = context;
  const statuses = store.collection("sandbox.statuses", ["repo_id"]);
  const locate = (c, name) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    const sha = repo && mayRead(gh, c.get("authUser"), repo) && resolveCommit(gh, repo, c.req.param(name));
    return sha ? { repo, sha } : null;
  };
  const list = ({ repo, sha }) =>
    statuses.findBy("repo_id", repo.id).filter((row) => row.sha === sha).reverse();
  const format = (repo, row) => ({
    url: `${baseUrl}/repos/${repo.full_name}/statuses/${row.sha}`,
    id: row.id,
    node_id: nodeId("StatusContext", row.id),
    avatar_url: null,
    state: row.state,
    description: row.description,
    target_url: row.target_url,
    context: row.context,
    created_at: row.created_at,
    updated_at: row.updated_at,
    creator: formatAccount(context, gh.users.get(row.user_id)),
  });

  app.post("/repos/:owner/:repo/statuses/:sha", async (c) => {
    const place = locate(c, "sha");
    if (place === null) return notFound(c);
    if (!mayWrite(gh, c.get("authUser"), place.repo, ["statuses"])) {
      return c.json(errorBody(403, "Resource not accessible by integration"), 403);
    }
    const body = await c.req.json();
    if (!STATES.has(body.state)) return c.json(errorBody(422, "Validation Failed"), 422);
    const row = statuses.insert({
      repo_id: place.repo.id,
      sha: place.sha,
      state: body.state,
      description: body.description ?? null,
      target_url: body.target_url ?? null,
      context: body.context ?? "default",
      user_id: actorOf(gh, c.get("authUser")).id,
    });
    return c.json(format(place.repo, row), 201);
  });

  const listStatuses = (c) => {
    const place = locate(c, "sha");
    if (place === null) return notFound(c);
    return paginate(c, list(place).map((row) => format(place.repo, row)));
  };
  app.get("/repos/:owner/:repo/commits/:sha/statuses", listStatuses);
  app.get("/repos/:owner/:repo/statuses/:sha", listStatuses); // the address in a repository's `statuses_url`

  app.get("/repos/:owner/:repo/commits/:sha/status", async (c) => {
    const place = locate(c, "sha");
    if (place === null) return notFound(c);
    const latest = [...new Map(list(place).reverse().map((row) => [row.context, row])).values()];
    return c.json({
      state: combine(latest.map((row) => row.state)),
      statuses: latest.map((row) => format(place.repo, row)),
      sha: place.sha,
      total_count: latest.length,
      repository: (await ask(context, place.repo, "")).body,
      commit_url: `${baseUrl}/repos/${place.repo.full_name}/commits/${place.sha}`,
      url: `${baseUrl}/repos/${place.repo.full_name}/commits/${place.sha}/status`,
    });
  });
}

function combine(states) {
  if (states.some((state) => state === "failure" || state === "error")) return "failure";
  return states.length > 0 && states.every((state) => state === "success") ? "success" : "pending";
}
