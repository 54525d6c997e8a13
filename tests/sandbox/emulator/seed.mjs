/**
 * What exists before a test adds anything: the App and its bot. Also how accounts, repositories and installations are
 * added, for the control door.
 */
import { nodeId } from "./state.mjs";

// Ids of one kind are far from those of another and grow with each reset: a number taken for an id, or an id kept from
// an earlier test, meets nothing.
const ID_BASES = {
  users: 1_000_000,
  orgs: 4_000_000,
  repos: 700_000_000,
  issues: 2_100_000_000,
  pullRequests: 1_900_000_000,
  comments: 3_000_000_000,
  releases: 150_000_000,
  checkRuns: 30_000_000_000,
  checkSuites: 31_000_000_000,
};

export function seedStore(context) {
  const { gh, state } = context;
  for (const [name, base] of Object.entries(ID_BASES)) {
    const probe = gh[name].insert({ id: base + state.generation * 10_000 });
    gh[name].delete(probe.id);
  }
  const { config } = state;
  gh.apps.insert({
    app_id: config.app_id,
    slug: config.slug,
    name: config.name,
    private_key: config.private_key,
    permissions: config.permissions,
    events: config.events,
    webhook_url: null, // deliveries are ours, see webhooks.mjs
    webhook_secret: null,
    description: null,
  });
  state.hooks.set(config.app_id, { url: null, secret: config.webhook_secret, content_type: "json", insecure_ssl: "0" });
  addBot(gh, config.slug);
}

export function addBot(gh, slug) {
  const login = `${slug}[bot]`;
  const bot = insertUser(gh, login, "Bot");
  gh.users.update(bot.id, { name: login, email: `${bot.id}+${login}@users.noreply.github.com` });
}

function insertUser(gh, login, type) {
  const user = gh.users.insert({
    login,
    node_id: "",
    avatar_url: "",
    gravatar_id: "",
    type,
    site_admin: false,
    name: null,
    company: null,
    blog: "",
    location: null,
    email: null,
    hireable: null,
    bio: null,
    twitter_username: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
  });
  gh.users.update(user.id, { node_id: nodeId("User", user.id) });
  return gh.users.get(user.id);
}

/** Adds a user and a token for it; the token is `user-<login>-<generation>`. */
export function addUser(context, { login }) {
  const { gh, tokenMap, state } = context;
  const user = insertUser(gh, login, "User");
  const token = `user-${login}-${state.generation}`;
  tokenMap.set(token, { login, id: user.id, scopes: ["repo", "user", "admin:org", "admin:repo_hook"] });
  return { login, id: user.id, token };
}

export function addOrganization(context, { login, admin }) {
  const { gh } = context;
  const org = gh.orgs.insert({
    login,
    node_id: "",
    description: null,
    name: null,
    company: null,
    blog: "",
    location: null,
    email: null,
    twitter_username: null,
    is_verified: false,
    has_organization_projects: true,
    has_repository_projects: true,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    members_can_create_repositories: true,
    default_repository_permission: "read",
    billing_email: null,
  });
  gh.orgs.update(org.id, { node_id: nodeId("Organization", org.id) });
  addAdministrator(gh, org, gh.users.findOneBy("login", admin));
  return { login, id: org.id };
}

/** The emulator shows an organization's administrators as maintainers of its members team. */
function addAdministrator(gh, org, user) {
  const team = gh.teams.insert({
    org_id: org.id,
    slug: "members",
    name: "members",
    node_id: nodeId("Team", org.id),
    description: null,
    privacy: "closed",
    permission: "pull",
    members_count: 1,
    repos_count: 0,
    parent_id: null,
  });
  gh.teamMembers.insert({ team_id: team.id, user_id: user.id, role: "maintainer" });
}

/** Installs an App on an account; `repositories` null means all of them. */
export function addInstallation(context, { account, repositories = null, app_id = null }) {
  const { gh, state } = context;
  const app = gh.apps.findOneBy("app_id", app_id ?? state.config.app_id);
  const user = gh.users.findOneBy("login", account);
  const owner = user ?? gh.orgs.findOneBy("login", account);
  const row = gh.appInstallations.insert({
    installation_id: state.nextInstallationId++,
    app_id: app.app_id,
    account_type: user ? "User" : "Organization",
    account_id: owner.id,
    account_login: account,
    repository_selection: repositories === null ? "all" : "selected",
    repository_ids: (repositories ?? []).map((name) => gh.repos.findOneBy("full_name", name).id),
    permissions: { ...app.permissions },
    events: [...app.events],
    suspended_at: null,
  });
  return { id: row.installation_id };
}

const STORED_LEVEL = { read: "pull", triage: "triage", write: "push", maintain: "maintain", admin: "admin" };

/** Sets what people may do in a repository; "none" removes them. */
export function setPermissions(context, { full_name, permissions }) {
  const { gh } = context;
  const repo = gh.repos.findOneBy("full_name", full_name);
  for (const [login, level] of Object.entries(permissions)) {
    const user = gh.users.findOneBy("login", login);
    const existing = gh.collaborators.findBy("repo_id", repo.id).find((row) => row.user_id === user.id);
    if (existing) gh.collaborators.delete(existing.id);
    if (level === "none") continue;
    if (STORED_LEVEL[level] === undefined) throw new Error(`unknown permission ${level}`);
    gh.collaborators.insert({ repo_id: repo.id, user_id: user.id, permission: STORED_LEVEL[level] });
  }
  return {};
}
