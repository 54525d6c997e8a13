/**
 * The App's own endpoints: deliveries and their repetition, the hook's configuration, the repositories of an
 * installation, and installations that are suspended, changed or removed, with the events GitHub sends for it.
 */
import { addInstallation } from "./seed.mjs";
import { formatApp } from "./shapes.mjs";
import { errorBody, nodeId, paginate } from "./state.mjs";
import { redeliver, sendToInstallation } from "./webhooks.mjs";

export function registerAppRoutes(context) {
  registerDeliveries(context);
  registerHook(context);
  registerInstallations(context);
  const { app, gh, tokenMap } = context;
  app.get("/apps/:slug", (c) => {
    const row = gh.apps.findOneBy("slug", c.req.param("slug"));
    return row ? c.json(formatApp(context, row)) : c.json(errorBody(404, "Not Found"), 404);
  });
  app.get("/app", (c) => {
    const row = findApp(context, c);
    if (!row) return refuseJWT(c);
    return c.json({ ...formatApp(context, row), installations_count: gh.appInstallations.findBy("app_id", row.app_id).length });
  });
  app.delete("/installation/token", (c) => {
    if (!c.get("authUser")?.installation) return c.json(errorBody(401, "Requires authentication"), 401);
    tokenMap.delete(c.get("authToken"));
    return c.body(null, 204);
  });
}

function findApp(context, c) {
  const { appId } = c.get("authApp") ?? {};
  return appId === undefined ? undefined : context.gh.apps.findOneBy("app_id", appId);
}

function refuseJWT(c) {
  return c.json(errorBody(401, "A JSON web token could not be decoded"), 401);
}

// -- deliveries ----------------------------------------------------------------------------------------------------

function registerDeliveries(context) {
  const { app, state } = context;
  const mine = (c) => state.deliveries.filter((item) => item.app_id === findApp(context, c)?.app_id);

  app.get("/app/hook/deliveries", (c) => {
    if (!findApp(context, c)) return refuseJWT(c);
    const perPage = Math.min(Number(c.req.query("per_page") ?? 30) || 30, 100);
    const cursor = Number(c.req.query("cursor") ?? Infinity);
    const older = mine(c)
      .filter((item) => item.id < cursor)
      .sort((left, right) => right.id - left.id);
    const page = older.slice(0, perPage);
    if (older.length > perPage) {
      const url = new URL(c.req.url);
      url.searchParams.set("cursor", String(page.at(-1).id));
      c.header("Link", `<${url}>; rel="next"`);
    }
    return c.json(page.map(formatBrief));
  });

  app.get("/app/hook/deliveries/:id", (c) => {
    if (!findApp(context, c)) return refuseJWT(c);
    const item = mine(c).find((row) => row.id === Number(c.req.param("id")));
    if (!item) return c.json(errorBody(404, "Not Found"), 404);
    const { request, response } = item;
    return c.json({ ...formatBrief(item), url: state.hooks.get(item.app_id).url ?? "", request, response: response ?? { headers: null, payload: null } });
  });

  app.post("/app/hook/deliveries/:id/attempts", (c) => {
    if (!findApp(context, c)) return refuseJWT(c);
    const item = mine(c).find((row) => row.id === Number(c.req.param("id")));
    if (!item) return c.json(errorBody(404, "Not Found"), 404);
    redeliver(context, item.id);
    return c.json({}, 202);
  });
}

function formatBrief({ payload, request, response, app_id, ...brief }) {
  return brief;
}

// -- the hook ------------------------------------------------------------------------------------------------------

function registerHook(context) {
  const { app, state } = context;
  const format = ({ url, secret, content_type, insecure_ssl }) => ({
    content_type,
    insecure_ssl,
    ...(secret ? { secret: "********" } : {}),
    ...(url ? { url } : {}),
  });
  app.get("/app/hook/config", (c) => {
    const row = findApp(context, c);
    return row ? c.json(format(state.hooks.get(row.app_id))) : refuseJWT(c);
  });
  app.patch("/app/hook/config", async (c) => {
    const row = findApp(context, c);
    if (!row) return refuseJWT(c);
    const hook = state.hooks.get(row.app_id);
    const body = await c.req.json();
    for (const key of ["url", "secret", "content_type", "insecure_ssl"]) if (body[key] !== undefined) hook[key] = body[key];
    return c.json(format(hook));
  });
}

// -- installations -------------------------------------------------------------------------------------------------

function registerInstallations(context) {
  const { app, gh, baseUrl } = context;
  app.get("/installation/repositories", async (c) => {
    const { installation } = c.get("authUser") ?? {};
    if (!installation) return c.json(errorBody(401, "Requires authentication"), 401);
    const repos = gh.repos.all().filter((row) => row.owner_id === installation.accountId && row.owner_type === installation.accountType);
    const covered = repos.filter((row) => installation.repositorySelection === "all" || installation.repositoryIds.includes(row.id));
    const authorization = c.req.header("Authorization");
    const bodies = await Promise.all(covered.map((row) => fetchRepository(context, row, authorization)));
    return paginate(c, bodies, (page) => ({
      total_count: bodies.length,
      repository_selection: installation.repositorySelection,
      repositories: page,
    }));
  });
  const change = (act) => (c) => {
    const row = findInstallation(gh, Number(c.req.param("id")));
    if (!findApp(context, c)) return refuseJWT(c);
    if (!row) return c.json(errorBody(404, "Not Found"), 404);
    act(row);
    return c.body(null, 204);
  };
  app.put("/app/installations/:id/suspended", change((row) => suspend(context, row, true)));
  app.delete("/app/installations/:id/suspended", change((row) => suspend(context, row, false)));
  app.delete("/app/installations/:id", change((row) => uninstall(context, row)));

  async function fetchRepository(_context, row, authorization) {
    const url = `${baseUrl}/repos/${row.full_name}`;
    const response = await context.inner(new Request(url, { headers: { Authorization: authorization } }));
    return response.json();
  }
}

function findInstallation(gh, id) {
  return gh.appInstallations.findOneBy("installation_id", id);
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
  const repos = gh.repos.all().filter((repo) => repo.owner_id === row.account_id && repo.owner_type === row.account_type);
  const covered = repos.filter((repo) => row.repository_selection === "all" || row.repository_ids.includes(repo.id));
  const sender = { login: account.login, id: account.id, node_id: account.node_id, type: account.type ?? "Organization" };
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
