/**
 * Pull requests that follow their branches: head, counts, files and commits are those of now; a second pull request
 * from the same branch is refused; a merge keeps what the base got meanwhile.
 */
import { ask, copyObjects, findRepository, mayRead, mayWrite, ownerLogin, resolveCommit, setRef } from "./access.mjs";
import { errorBody, errorResponse, paginate } from "./state.mjs";

export function registerPullRoutes(context) {
  const { app, gh } = context;
  app.use("*", async (c, next) => {
    const match = /^\/repos\/([^/]+)\/([^/]+)\/pulls(\/|$)/.exec(c.req.path);
    const repo = match && findRepository(gh, match[1], match[2]);
    if (repo) await refreshPulls(context, repo);
    await next();
  });
  const locate = (c) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    if (!repo || !mayRead(gh, c.get("authUser"), repo)) return {};
    return { repo, pull: findPull(gh, repo, Number(c.req.param("number"))) };
  };
  const listed = (key) => async (c) => {
    const { repo, pull } = locate(c);
    if (!pull) return c.json(errorBody(404, "Not Found"), 404);
    return paginate(c, (await compare(context, repo, pull))[key]);
  };
  app.get("/repos/:owner/:repo/pulls/:number/files", listed("files"));
  app.get("/repos/:owner/:repo/pulls/:number/commits", listed("commits"));
  app.use("*", (c, next) => showPullAsIssue(gh, c, next));
  app.put("/repos/:owner/:repo/pulls/:number/merge", async (c) => {
    const { repo, pull } = locate(c);
    if (!pull) return c.json(errorBody(404, "Not Found"), 404);
    if (!mayWrite(gh, c.get("authUser"), repo, ["contents"])) {
      return c.json(errorBody(403, "Resource not accessible by integration"), 403);
    }
    return merge(context, c, repo, pull);
  });
}

/** To GitHub a pull request is an issue too, which the emulator's calls for one issue deny. */
async function showPullAsIssue(gh, c, next) {
  const match = /^\/repos\/([^/]+)\/([^/]+)\/issues\/(\d+)$/.exec(c.req.path);
  const repo = match && findRepository(gh, match[1], match[2]);
  const issue = repo && gh.issues.findBy("repo_id", repo.id).find((row) => row.number === Number(match[3]));
  if (!issue?.is_pull_request) return next();
  issue.is_pull_request = false;
  try {
    return await next();
  } finally {
    gh.issues.get(issue.id).is_pull_request = true;
  }
}

function findPull(gh, repo, number) {
  return gh.pullRequests.findBy("repo_id", repo.id).find((row) => row.number === number);
}

async function compare(context, repo, pull) {
  const { body } = await ask(context, repo, `/compare/${pull.base_sha}...${pull.head_sha}`);
  // The emulator sorts as people do; git and GitHub sort by bytes.
  body?.files?.sort((left, right) => Buffer.compare(Buffer.from(left.filename), Buffer.from(right.filename)));
  return body;
}

/** Brings the open pull requests of a repository, and those from it to its parent, up to their branches. */
export async function refreshPulls(context, repo, { silent = false, sender = null } = {}) {
  const { gh } = context;
  const bases = [repo.id, repo.forked_from_id].filter((id) => id !== null && id !== undefined);
  const open = bases.flatMap((id) => gh.pullRequests.findBy("repo_id", id)).filter((row) => row.state === "open");
  for (const pull of open) await refresh(context, pull, { silent, sender });
}

async function refresh(context, pull, { silent, sender }) {
  const { gh } = context;
  const base = gh.repos.get(pull.base_repo_id);
  const head = gh.repos.get(pull.head_repo_id);
  const now = currentShas(gh, pull, base, head);
  const isCounted = pull.sandbox_counted === now.head_sha;
  if (isCounted && pull.head_sha === now.head_sha && pull.base_sha === now.base_sha) return;
  const before = pull.head_sha;
  const isMoved = before !== now.head_sha && pull.sandbox_counted !== undefined;
  if (head && head.id !== base.id) copyObjects(gh, head, base);
  // Stored before the comparison is awaited: another call must not see, and announce, the same move.
  gh.pullRequests.update(pull.id, { ...now, sandbox_counted: now.head_sha });
  setRef(gh, base, `refs/pull/${pull.number}/head`, now.head_sha);
  gh.pullRequests.update(pull.id, await countChanges(context, base, now));
  if (isMoved && !silent) await announceMove(context, base, pull, { before, after: now.head_sha, sender });
}

/** Where the branches are; a branch that is gone leaves its last commit. */
function currentShas(gh, pull, base, head) {
  return {
    head_sha: (head && resolveCommit(gh, head, `refs/heads/${pull.head_ref}`)) ?? pull.head_sha,
    base_sha: resolveCommit(gh, base, `refs/heads/${pull.base_ref}`) ?? pull.base_sha,
  };
}

async function countChanges(context, base, shas) {
  const { files = [], total_commits = 0 } = (await compare(context, base, shas)) ?? {};
  const sum = (key) => files.reduce((total, file) => total + file[key], 0);
  return {
    commits: total_commits,
    changed_files: files.length,
    additions: sum("additions"),
    deletions: sum("deletions"),
  };
}

async function announceMove(context, base, pull, { before, after, sender }) {
  const { body } = await ask(context, base, `/pulls/${pull.number}`);
  const {
    user,
    base: { repo: repository },
  } = body;
  const payload = { action: "synchronize", before, after, pull_request: body, repository, sender: sender ?? user };
  context.webhooks.dispatch("pull_request", "synchronize", payload, ownerLogin(context.gh, base), base.name);
}

// -- refusals ------------------------------------------------------------------------------------------------------

/** A Response when GitHub would not open this pull request, else null. */
export function refusePull(context, repo, body) {
  const { gh } = context;
  const [owner, branch] = splitHead(gh, repo, String(body.head ?? ""));
  const head = owner === ownerLogin(gh, repo) ? repo : gh.repos.all().find((row) => isForkOf(row, repo, owner));
  const sha = head && resolveCommit(gh, head, `refs/heads/${branch}`);
  if (sha === undefined) return refuse422({ code: "invalid", field: "head" });
  const baseSha = resolveCommit(gh, repo, `refs/heads/${body.base}`);
  if (baseSha === undefined) return refuse422({ code: "invalid", field: "base" });
  const isOpen = (row) => row.state === "open" && row.head_repo_id === head.id && row.head_ref === branch;
  if (gh.pullRequests.findBy("repo_id", repo.id).some((row) => isOpen(row) && row.base_ref === body.base)) {
    return refuse422({ code: "custom", message: `A pull request already exists for ${owner}:${branch}.` });
  }
  if (sha === baseSha) {
    return refuse422({ code: "custom", message: `No commits between ${body.base} and ${branch}` });
  }
  return null;
}

function splitHead(gh, repo, head) {
  const colon = head.indexOf(":");
  return colon < 0 ? [ownerLogin(gh, repo), head] : [head.slice(0, colon), head.slice(colon + 1)];
}

function isForkOf(row, repo, owner) {
  return row.forked_from_id === repo.id && row.full_name.startsWith(`${owner}/`);
}

function refuse422(error) {
  return errorResponse(422, "Validation Failed", { errors: [{ resource: "PullRequest", ...error }] });
}

/** Deleting a branch closes the pull requests from it. */
export function closePullsOf(context, repo, branch) {
  const { gh } = context;
  for (const pull of gh.pullRequests.all()) {
    if (pull.state !== "open" || pull.head_repo_id !== repo.id || pull.head_ref !== branch) continue;
    const closedAt = new Date().toISOString();
    gh.pullRequests.update(pull.id, { state: "closed", closed_at: closedAt });
    const issue = gh.issues.findBy("repo_id", pull.repo_id).find((row) => row.number === pull.number);
    gh.issues.update(issue.id, { state: "closed", closed_at: closedAt });
  }
}

// -- merging -------------------------------------------------------------------------------------------------------

async function merge(context, c, repo, pull) {
  const wanted = await c.req.json().catch(() => ({}));
  const isOpen = pull.state === "open" && !pull.draft;
  if (isOpen && wanted.sha && wanted.sha !== pull.head_sha) {
    return c.json(errorBody(409, "Head branch was modified. Review and try the merge again."), 409);
  }
  const tree = isOpen ? await mergeTrees(context, repo, pull) : null;
  if (tree === null) return c.json(errorBody(405, "Pull Request is not mergeable"), 405);
  const user = context.gh.users.findOneBy("login", c.get("authUser").login);
  const commit = makeMergeCommit(pull, wanted, tree, user);
  const { sha } = (await ask(context, repo, "/git/commits", { method: "POST", body: commit })).body;
  markMerged(context.gh, repo, pull, sha, user);
  const authorization = c.req.header("Authorization");
  await ask(context, repo, `/git/refs/heads/${pull.base_ref}`, { method: "PATCH", body: { sha }, authorization });
  await announceMerge(context, repo, pull);
  return c.json({ sha, merged: true, message: "Pull Request successfully merged" });
}

function makeMergeCommit(pull, wanted, tree, user) {
  const title = wanted.commit_title ?? `Merge pull request #${pull.number} from ${pull.head_ref}`;
  const message = wanted.commit_message ? `${title}\n\n${wanted.commit_message}` : title;
  const isMerge = (wanted.merge_method ?? "merge") === "merge";
  const parents = isMerge ? [pull.base_sha, pull.head_sha] : [pull.base_sha];
  const author = user && { name: user.login, email: `${user.id}+${user.login}@users.noreply.github.com` };
  return { message, tree, parents, author };
}

async function announceMerge(context, repo, pull) {
  const { body } = await ask(context, repo, `/pulls/${pull.number}`);
  const payload = {
    action: "closed",
    pull_request: body,
    repository: body.base.repo,
    sender: body.merged_by ?? body.user,
  };
  context.webhooks.dispatch("pull_request", "closed", payload, ownerLogin(context.gh, repo), repo.name);
}

/** The tree of the merge, or null on a conflict. Files are merged whole: GitHub merges lines, tests do not need it. */
async function mergeTrees(context, repo, pull) {
  const { gh } = context;
  const ours = await compare(context, repo, pull);
  const mergeBase = ours.merge_base_commit.sha;
  const theirs = await compare(context, repo, { base_sha: mergeBase, head_sha: pull.base_sha });
  const changed = new Set(theirs.files.flatMap((file) => [file.filename, file.previous_filename]));
  if (ours.files.some((file) => changed.has(file.filename))) return null;
  const commitOf = (sha) => gh.commits.findBy("repo_id", repo.id).find((row) => row.sha === sha);
  const headTree = await ask(context, repo, `/git/trees/${commitOf(pull.head_sha).tree_sha}?recursive=1`);
  const modes = new Map(headTree.body.tree.map((entry) => [entry.path, entry.mode]));
  const removed = ours.files.flatMap((file) =>
    file.status === "removed" ? [file.filename] : (file.previous_filename ?? []),
  );
  const entries = [
    ...removed.map((path) => ({ path, mode: "100644", type: "blob", sha: null })),
    ...ours.files
      .filter((file) => file.status !== "removed")
      .map((file) => ({ path: file.filename, mode: modes.get(file.filename), type: "blob", sha: file.sha })),
  ];
  const base_tree = commitOf(pull.base_sha).tree_sha;
  const { body } = await ask(context, repo, "/git/trees", { method: "POST", body: { base_tree, tree: entries } });
  return body.sha;
}

function markMerged(gh, repo, pull, sha, user) {
  const now = new Date().toISOString();
  gh.pullRequests.update(pull.id, {
    merged: true,
    merged_at: now,
    merged_by_id: user?.id ?? null,
    merge_commit_sha: sha,
    state: "closed",
    closed_at: now,
    mergeable: null,
    mergeable_state: "unknown",
  });
  const issue = gh.issues.findBy("repo_id", repo.id).find((row) => row.number === pull.number);
  gh.issues.update(issue.id, { state: "closed", closed_at: now, closed_by_id: user?.id ?? null });
}
