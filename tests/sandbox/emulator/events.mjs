/**
 * What GitHub sends for one thing that happened: the emulator's single event becomes GitHub's series, with the fields
 * GitHub fills. A release without a tag gets its tag here, before anyone hears of it.
 */
import { ask, findRef, resolveCommit, setRef } from "./access.mjs";
import { refreshPulls } from "./pulls.mjs";

const NO_SHA = "0".repeat(40);

/**
 * @returns list of `{event, action, payload, prepare}`; `prepare` resolves to late fields of the payload.
 */
export function expandEvent(context, happened) {
  const { event, action, payload, owner, repo: name } = happened;
  const repo = name && context.gh.repos.findOneBy("full_name", `${owner}/${name}`);
  if (event === "release" && action === "published") return expandRelease(context, repo, payload);
  if (event === "push") return expandPush(context, repo, payload);
  if (event === "create") return expandCreate(context, repo, payload);
  if (event === "delete") return [{ event, action, payload, prepare: () => prepareRepository(context, repo) }];
  if (event === "pull_request") return [{ event, action, payload, prepare: () => preparePull(context, repo, payload) }];
  if (event === "fork") return [{ event, action: undefined, payload }];
  return [{ event, action, payload }];
}

function expandRelease(context, repo, payload) {
  const { gh } = context;
  const { release } = payload;
  const ref = `refs/tags/${release.tag_name}`;
  const series = [];
  if (findRef(gh, repo, ref) === undefined) {
    setRef(gh, repo, ref, resolveCommit(gh, repo, release.target_commitish || repo.default_branch));
    series.push(...expandCreate(context, repo, { ...payload, ref, ref_type: "tag", release: undefined }));
  }
  for (const action of ["created", "published", release.prerelease ? "prereleased" : "released"]) {
    series.push({ event: "release", action, payload: { ...payload, action } });
  }
  return series;
}

function shared(repo, payload) {
  return { repository: payload.repository, sender: payload.sender, master_branch: repo.default_branch };
}

/** A new ref: `create` with the short name, then `push` from nothing. */
function expandCreate(context, repo, payload) {
  const sha = resolveCommit(context.gh, repo, payload.ref);
  const { repository, sender, master_branch } = shared(repo, payload);
  const name = payload.ref.replace(/^refs\/(heads|tags)\//, "");
  const create = {
    ref: name,
    ref_type: payload.ref_type,
    master_branch,
    description: repo.description,
    pusher_type: "user",
    repository,
    sender,
  };
  const push = makePush(context, repo, { ...payload, before: NO_SHA, after: sha });
  return [
    { event: "create", action: undefined, payload: create },
    { event: "push", action: undefined, payload: push },
  ];
}

function expandPush(context, repo, payload) {
  refreshPulls(context, repo, { sender: payload.sender });
  const before = payload.before ?? NO_SHA;
  const after = payload.after ?? resolveCommit(context.gh, repo, payload.ref);
  const push = makePush(context, repo, { ...payload, before, after });
  return [{ event: "push", action: undefined, payload: push }];
}

function makePush(context, repo, { ref, before, after, repository, sender }) {
  const { gh, baseUrl } = context;
  const commit = gh.commits.findBy("repo_id", repo.id).find((row) => row.sha === after);
  const head = commit ? formatPushed(context, repo, commit) : null;
  const htmlUrl = `${baseUrl}/${repo.full_name}`;
  return {
    ref,
    before,
    after,
    base_ref: null,
    created: before === NO_SHA,
    deleted: after === NO_SHA,
    forced: false,
    compare: `${htmlUrl}/compare/${before.slice(0, 12)}...${after.slice(0, 12)}`,
    commits: head === null || ref.startsWith("refs/tags/") ? [] : [head],
    head_commit: head,
    pusher: { name: sender?.login, email: null },
    repository: repository && {
      ...repository,
      pushed_at: Math.floor(Date.now() / 1000),
      master_branch: repo.default_branch,
    },
    sender,
  };
}

function formatPushed(context, repo, commit) {
  return {
    id: commit.sha,
    tree_id: commit.tree_sha,
    distinct: true,
    message: commit.message,
    timestamp: commit.committer_date,
    url: `${context.baseUrl}/${repo.full_name}/commit/${commit.sha}`,
    author: { name: commit.author_name, email: commit.author_email, username: commit.author_name },
    committer: { name: commit.committer_name, email: commit.committer_email, username: commit.committer_name },
    added: [],
    removed: [],
    modified: [],
  };
}

async function prepareRepository(context, repo) {
  return { repository: (await ask(context, repo, "")).body };
}

async function preparePull(context, repo, payload) {
  await refreshPulls(context, repo, { silent: true });
  const { number } = payload.pull_request;
  const { status, body } = await ask(context, repo, `/pulls/${number}`);
  return { number, pull_request: status === 200 ? body : payload.pull_request };
}
