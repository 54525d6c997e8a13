/**
 * Reactions to issues, comments, commit comments and releases; the same one again is the one that is there.
 */
import { actorOf, findRepository, mayRead, mayWrite } from "./access.mjs";
import { formatAccount } from "./shapes.mjs";
import { errorBody, nodeId, paginate } from "./state.mjs";

const CONTENTS = new Set(["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"]);
const RELEASE_CONTENTS = new Set(["+1", "laugh", "heart", "hooray", "rocket", "eyes"]);

// What can be reacted to: its path, the rows it is among, the key its path names it by, what an installation needs.
const SUBJECTS = [
  { path: "issues/:subject", rows: "issues", key: "number", permissions: ["issues", "pull_requests"] },
  { path: "issues/comments/:subject", rows: "comments", key: "id", permissions: ["issues", "pull_requests"] },
  { path: "comments/:subject", rows: "comments", key: "id", permissions: ["contents"] },
  { path: "releases/:subject", rows: "releases", key: "id", permissions: ["contents"], contents: RELEASE_CONTENTS },
];

export function registerReactionRoutes(context) {
  const { app, store } = context;
  const reactions = store.collection("sandbox.reactions", ["subject"]);
  for (const subject of SUBJECTS) {
    const path = `/repos/:owner/:repo/${subject.path}/reactions`;
    const found = (answer) => (c) => {
      const place = locate(context, c, subject);
      return place === null ? c.json(errorBody(404, "Not Found"), 404) : answer(context, reactions, c, place);
    };
    app.get(path, found(list));
    app.post(path, found(react));
    app.delete(`${path}/:reaction`, found(remove));
  }
}

function locate({ gh }, c, subject) {
  const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
  if (!repo || !mayRead(gh, c.get("authUser"), repo)) return null;
  const wanted = Number(c.req.param("subject"));
  const row = gh[subject.rows].findBy("repo_id", repo.id).find((item) => item[subject.key] === wanted);
  return row ? { repo, subject, key: `${subject.path}#${row.id}` } : null;
}

function format(context, row) {
  return {
    id: row.id,
    node_id: nodeId("Reaction", row.id),
    user: formatAccount(context, context.gh.users.get(row.user_id)),
    content: row.content,
    created_at: row.created_at,
  };
}

function list(context, reactions, c, { key }) {
  const wanted = c.req.query("content");
  const rows = reactions.findBy("subject", key).filter((row) => !wanted || row.content === wanted);
  return paginate(
    c,
    rows.map((row) => format(context, row)),
  );
}

async function react(context, reactions, c, { repo, subject, key }) {
  const { gh } = context;
  const caller = c.get("authUser");
  if (!caller) return c.json(errorBody(401, "Requires authentication"), 401);
  if (caller.installation && !mayWrite(gh, caller, repo, subject.permissions)) {
    return c.json(errorBody(403, "Resource not accessible by integration"), 403);
  }
  const { content } = await c.req.json();
  if (!(subject.contents ?? CONTENTS).has(content)) return c.json(errorBody(422, "Validation Failed"), 422);
  const user = actorOf(gh, caller);
  const isSame = (row) => row.user_id === user.id && row.content === content;
  const existing = reactions.findBy("subject", key).find(isSame);
  if (existing) return c.json(format(context, existing), 200);
  return c.json(format(context, reactions.insert({ subject: key, user_id: user.id, content })), 201);
}

function remove({ gh }, reactions, c, { key }) {
  const row = reactions.get(Number(c.req.param("reaction")));
  const isTheirs = row?.subject === key && row.user_id === actorOf(gh, c.get("authUser"))?.id;
  if (!isTheirs) return c.json(errorBody(404, "Not Found"), 404);
  reactions.delete(row.id);
  return c.body(null, 204);
}
