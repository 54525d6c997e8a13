/**
 * The App and its installations: the repositories they cover, and installations that are made, suspended, changed or
 * removed, with the events GitHub sends for it.
 */
import { ask, installationCovers } from "./access.mjs";
import { addInstallation } from "./seed.mjs";
import { formatAccount, formatApp } from "./shapes.mjs";
import { errorBody, nodeId, paginate } from "./state.mjs";
import { sendToInstallation } from "./webhooks.mjs";

export function registerAppRoutes(context) {
  registerInstallations(context);
  const { app, gh, tokenMap } = context;
  app.get("/apps/:slug", (c) => {
    const row = gh.apps.findOneBy("slug", c.req.param("slug"));
    return row ? c.json(formatApp(context, row)) : c.json(errorBody(404, "Not Found"), 404);
  });
  app.get("/app", (c) => {
    const row = findApp(context, c);
    if (!row) return refuseJWT(c);
    return c.json({
      ...formatApp(context, row),
      installations_count: gh.appInstallations.findBy("app_id", row.app_id).length,
    });
  });
  app.delete("/installation/token", (c) => {
    if (!c.get("authUser")?.installation) return c.json(errorBody(401, "Requires authentication"), 401);
    tokenMap.delete(c.get("authToken"));
    return c.body(null, 204);
  });
}

export function findApp(context, c) {
  const { appId } = c.get("authApp") ?? {};
  return appId === undefined ? undefined : context.gh.apps.findOneBy("app_id", appId);
}

export function refuseJWT(c) {
  return c.json(errorBody(401, "A JSON web token could not be decoded"), 401);
}

// -- installations -------------------------------------------------------------------------------------------------

function registerInstallations(context) {
  const { app, gh } = context;
  const change = (act) => (c) => {
    if (!findApp(context, c)) return refuseJWT(c);
    const row = gh.appInstallations.findOneBy("installation_id", Number(c.req.param("id")));
    if (!row) return c.json(errorBody(404, "Not Found"), 404);
    act(row);
    return c.body(null, 204);
  };
  app.get("/installation/repositories", (c) => listRepositories(context, c));
  app.put(
    "/app/installations/:id/suspended",
    change((row) => suspend(context, row, true)),
  );
  app.delete(
    "/app/installations/:id/suspended",
    change((row) => suspend(context, row, false)),
  );
  app.delete(
    "/app/installations/:id",
    change((row) => uninstall(context, row)),
  );
}

async function listRepositories(context, c) {
  const { installation } = c.get("authUser") ?? {};
  if (!installation) return c.json(errorBody(401, "Requires authentication"), 401);
  const covered = context.gh.repos.all().filter((row) => installationCovers(installation, row));
  const bodies = await Promise.all(covered.map(async (row) => (await ask(context, row, "")).body));
  return paginate(c, bodies, (page) => ({
    total_count: bodies.length,
    repository_selection: installation.repositorySelection,
    repositories: page,
  }));
}

function suspend(context, row, isSuspended) {
  const { gh } = context;
  gh.appInstallations.update(row.id, { suspended_at: isSuspended ? new Date().toISOString() : null });
  announce(context, gh.appInstallations.get(row.id), isSuspended ? "suspend" : "unsuspend");
}

function uninstall(context, row) {
  announce(context, row, "deleted");
  context.gh.appInstallations.delete(row.id);
}

function announce(context, row, action, extra = {}) {
  const { gh } = context;
  const account = gh.users.findOneBy("login", row.account_login) ?? gh.orgs.findOneBy("login", row.account_login);
  const repos = gh.repos
    .all()
    .filter((repo) => repo.owner_id === row.account_id && repo.owner_type === row.account_type);
  const covered = repos.filter((repo) => row.repository_selection === "all" || row.repository_ids.includes(repo.id));
  const sender = formatAccount(context, account);
  const payload = {
    action,
    installation: formatInstallation(row, sender),
    repositories: covered.map(formatBriefRepository),
    requester: null,
    sender,
    ...extra,
  };
  sendToInstallation(context, row, extra.event ?? "installation", action, payload);
}

function formatInstallation(row, account) {
  return {
    id: row.installation_id,
    account,
    repository_selection: row.repository_selection,
    app_id: row.app_id,
    target_id: row.account_id,
    target_type: row.account_type,
    permissions: row.permissions,
    events: row.events,
    created_at: row.created_at,
    updated_at: row.updated_at,
    suspended_at: row.suspended_at,
    suspended_by: null,
  };
}

function formatBriefRepository(repo) {
  const { id, name, full_name, private: isPrivate } = repo;
  return { id, node_id: nodeId("Repository", id), name, full_name, private: isPrivate };
}

/** Control door: a person installs the App, or changes which repositories it sees; the event is sent. */
export function installationRepositoriesEvent(context, { account, added = [], removed = [], install = false }) {
  const { gh } = context;
  if (install) addInstallation(context, { account });
  const row = gh.appInstallations.findOneBy("account_login", account);
  if (install) return announce(context, row, "created");
  const find = (name) => gh.repos.findOneBy("full_name", name);
  const removedIds = new Set(removed.map((name) => find(name).id));
  const ids = row.repository_ids.filter((id) => !removedIds.has(id));
  gh.appInstallations.update(row.id, {
    repository_selection: "selected",
    repository_ids: [...new Set([...ids, ...added.map((name) => find(name).id)])],
  });
  return announce(context, gh.appInstallations.get(row.id), removed.length > 0 ? "removed" : "added", {
    event: "installation_repositories",
    repository_selection: "selected",
    repositories_added: added.map((name) => formatBriefRepository(find(name))),
    repositories_removed: removed.map((name) => formatBriefRepository(find(name))),
    repositories: undefined,
  });
}

/** Control door: suspend or lift the suspension of an account's installation. */
export function setSuspended(context, { account, suspended }) {
  suspend(context, context.gh.appInstallations.findOneBy("account_login", account), suspended);
}

/** Control door: a person removes the App from an account. */
export function removeInstallation(context, { account }) {
  uninstall(context, context.gh.appInstallations.findOneBy("account_login", account));
  return {};
}
