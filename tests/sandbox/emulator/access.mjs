/**
 * Who may do what, and where a name leads: questions several routes ask of the emulator's store.
 */
const ROLES = {
  pull: "read",
  read: "read",
  triage: "triage",
  push: "write",
  write: "write",
  maintain: "maintain",
  admin: "admin",
};

export function findRepository(gh, owner, name) {
  return gh.repos.findOneBy("full_name", `${owner}/${name.replace(/\.git$/, "")}`);
}

export function ownerLogin(gh, repo) {
  return repo.full_name.split("/")[0];
}

/** The role of a user in a repository by GitHub's names: admin, maintain, write, triage, read or none. */
export function roleOf(gh, user, repo) {
  if (repo.owner_type === "User" && repo.owner_id === user.id) return "admin";
  const collaborator = gh.collaborators.findBy("repo_id", repo.id).find((row) => row.user_id === user.id);
  if (collaborator) return ROLES[collaborator.permission] ?? "read";
  return memberRole(gh, user, repo) ?? (repo.private ? "none" : "read");
}

function memberRole(gh, user, repo) {
  if (repo.owner_type !== "Organization") return null;
  const isOfOwner = (row) => gh.teams.get(row.team_id)?.org_id === repo.owner_id;
  const membership = gh.teamMembers.findBy("user_id", user.id).find(isOfOwner);
  if (membership === undefined) return null;
  // The emulator shows an organization's administrators as maintainers of its members team.
  if (membership.role === "maintainer") return "admin";
  return ROLES[gh.orgs.get(repo.owner_id).default_repository_permission] ?? "none";
}

export function installationCovers(installation, repo) {
  if (repo.owner_id !== installation.accountId || repo.owner_type !== installation.accountType) return false;
  return installation.repositorySelection === "all" || installation.repositoryIds.includes(repo.id);
}

/** Whether the caller may write: one of `permissions` for an installation, the write role for a person. */
export function mayWrite(gh, authUser, repo, permissions) {
  if (!authUser) return false;
  const { installation } = authUser;
  if (installation) {
    return (
      installationCovers(installation, repo) && permissions.some((name) => installation.permissions[name] === "write")
    );
  }
  const user = gh.users.findOneBy("login", authUser.login);
  return user !== undefined && ["admin", "maintain", "write"].includes(roleOf(gh, user, repo));
}

export function mayRead(gh, authUser, repo) {
  if (!repo.private) return true;
  if (!authUser) return false;
  if (authUser.installation) return installationCovers(authUser.installation, repo);
  const user = gh.users.findOneBy("login", authUser.login);
  return user !== undefined && roleOf(gh, user, repo) !== "none";
}

/** The account an API call acts as: the person, or the bot of the App. */
export function actorOf(gh, authUser) {
  if (!authUser?.installation) return gh.users.findOneBy("login", authUser?.login ?? "");
  const app = gh.apps.findOneBy("app_id", authUser.installation.appId);
  return gh.users.findOneBy("login", `${app.slug}[bot]`);
}

export function findRef(gh, repo, ref) {
  return gh.refs.findBy("repo_id", repo.id).find((row) => row.ref === ref);
}

function peel(gh, repo, sha) {
  const tag = gh.tags.findBy("repo_id", repo.id).find((row) => row.sha === sha);
  return tag ? peel(gh, repo, tag.object_sha) : sha;
}

/** The commit a branch, tag, full ref or SHA leads to; undefined when it leads nowhere. */
export function resolveCommit(gh, repo, name) {
  const text = name === "HEAD" || name === "" ? repo.default_branch : name;
  const found = [text, `refs/${text}`, `refs/heads/${text}`, `refs/tags/${text}`]
    .map((ref) => findRef(gh, repo, ref))
    .find((row) => row !== undefined);
  if (found) return peel(gh, repo, found.sha);
  if (!/^[0-9a-f]{7,40}$/.test(text)) return undefined;
  return gh.commits.findBy("repo_id", repo.id).find((row) => row.sha.startsWith(text))?.sha;
}

export function setRef(gh, repo, ref, sha) {
  const row = findRef(gh, repo, ref);
  if (row) gh.refs.update(row.id, { sha });
  else gh.refs.insert({ repo_id: repo.id, ref, sha, node_id: Buffer.from(`REF:${repo.id}:${ref}`).toString("base64") });
  if (!ref.startsWith("refs/heads/")) return;
  const name = ref.slice("refs/heads/".length);
  const branch = gh.branches.findBy("repo_id", repo.id).find((item) => item.name === name);
  if (branch) gh.branches.update(branch.id, { sha });
  else gh.branches.insert({ repo_id: repo.id, name, sha, protected: false });
}

/** Copies git objects between repositories, as GitHub shares them within a fork network. */
export function copyObjects(gh, from, to) {
  for (const kind of ["blobs", "trees", "commits", "tags"]) {
    const known = new Set(gh[kind].findBy("repo_id", to.id).map((row) => row.sha));
    for (const row of gh[kind].findBy("repo_id", from.id)) {
      if (!known.has(row.sha)) gh[kind].insert({ ...row, id: undefined, repo_id: to.id });
    }
  }
}

/**
 * Asks the emulator itself, past the gateway: as the caller whose `authorization` is given, else as an all-powerful
 * installation of the repository's owner.
 */
export async function ask(context, repo, path, { method = "GET", body = null, authorization = null } = {}) {
  const headers = {
    Authorization: authorization ?? `token ${makeInternalToken(context, repo)}`,
    "Content-Type": "application/json",
  };
  const url = `${context.baseUrl}/repos/${repo.full_name}${path}`;
  const payload = body === null ? undefined : JSON.stringify(body);
  const response = await context.inner(new Request(url, { method, headers, body: payload }));
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

function makeInternalToken(context, repo) {
  const { tokenMap, state } = context;
  const token = `internal-${repo.owner_type}-${repo.owner_id}`;
  const permissions = Object.fromEntries(
    ["contents", "issues", "pull_requests", "checks", "metadata", "administration"].map((name) => [name, "write"]),
  );
  tokenMap.set(token, {
    login: ownerLogin(context.gh, repo),
    id: repo.owner_id,
    scopes: [],
    installation: {
      installationId: 0,
      appId: state.config.app_id,
      accountId: repo.owner_id,
      accountType: repo.owner_type,
      permissions,
      repositoryIds: [],
      repositorySelection: "all",
    },
  });
  state.rateCounters.delete(token);
  return token;
}
