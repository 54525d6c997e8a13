/**
 * The collaborator-permission call as GitHub answers it: outside collaborators of a public repository have "read", an
 * unknown login is 404, and the old `permission` field knows four levels while `role_name` is exact.
 */
import { findRepository, mayRead, roleOf } from "./access.mjs";
import { formatAccount } from "./shapes.mjs";
import { errorBody } from "./state.mjs";

const FOUR_LEVELS = { admin: "admin", maintain: "write", write: "write", triage: "read", read: "read", none: "none" };
const ORDER = ["none", "read", "triage", "write", "maintain", "admin"];

export function registerPermissionRoutes(context) {
  const { app, gh } = context;
  app.get("/repos/:owner/:repo/collaborators/:username/permission", (c) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    const user = gh.users.findOneBy("login", c.req.param("username"));
    const caller = c.get("authUser");
    if (repo === undefined || user === undefined) return c.json(errorBody(404, "Not Found"), 404);
    if (!caller || !mayRead(gh, caller, repo)) return c.json(errorBody(404, "Not Found"), 404);
    if (!mayAsk(gh, caller, repo)) {
      return c.json(errorBody(403, "Must have push access to view collaborator permission."), 403);
    }
    return c.json(formatPermission(context, user, roleOf(gh, user, repo)));
  });
}

function mayAsk(gh, caller, repo) {
  if (caller.installation) return caller.installation.permissions.metadata !== undefined;
  return ORDER.indexOf(roleOf(gh, gh.users.findOneBy("login", caller.login), repo)) >= ORDER.indexOf("write");
}

function formatPermission(context, user, role) {
  const level = ORDER.indexOf(role);
  const permissions = {
    admin: level >= 5,
    maintain: level >= 4,
    push: level >= 3,
    triage: level >= 2,
    pull: level >= 1,
  };
  return {
    permission: FOUR_LEVELS[role],
    role_name: role,
    user: { ...formatAccount(context, user), permissions, role_name: role },
  };
}
