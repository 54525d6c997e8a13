/**
 * Fields GitHub always sends and the emulator leaves out, added to answers and webhook payloads alike.
 *
 * Values are recognised by the keys they have, as GitHub's bodies nest the same few kinds everywhere.
 */
import { nodeId } from "./state.mjs";

/** @param place path of the request, or "webhook" */
export function completeBody(context, body, place) {
  if (body === null || typeof body !== "object") return body;
  if (Array.isArray(body)) return body.map((item) => completeBody(context, item, place));
  for (const [key, value] of Object.entries(body)) body[key] = completeBody(context, value, place);
  for (const [matches, complete] of KINDS) if (matches(body)) complete(context, body, place);
  return body;
}

const has =
  (...keys) =>
  (value) =>
    keys.every((key) => key in value);

const KINDS = [
  [has("ref", "object"), completeRef],
  [has("author_association", "user", "body"), completeAuthored],
  [has("timeline_url", "repository_url"), completeIssue],
  [has("check_suite", "head_sha", "output"), completeCheckRun],
  [has("tag_name", "target_commitish"), completeRelease],
  [has("head", "base", "merge_commit_sha"), completePull],
  [has("full_name", "owner", "default_branch"), completeRepository],
  [has("repository_selection", "target_type"), completeInstallation],
  [has("commit", "parents", "sha"), completeCommit],
  [has("login", "id", "avatar_url"), completeAccount],
];

/** PyGithub edits a ref at its `url`, which the emulator gives for reading only. */
function completeRef(_context, ref) {
  ref.url = ref.url?.replace("/git/ref/", "/git/refs/");
}

function completeAuthored(context, value) {
  const { login } = value.user ?? {};
  const app = login?.endsWith("[bot]") ? context.gh.apps.findOneBy("slug", login.slice(0, -"[bot]".length)) : undefined;
  value.performed_via_github_app = app ? formatApp(context, app) : null;
}

/** A pull request shown as an issue says so: the only way a comment's webhook tells one from the other. */
function completeIssue({ gh, baseUrl }, issue) {
  if (!gh.issues.get(issue.id)?.is_pull_request) return;
  const place = issue.repository_url.slice(`${baseUrl}/repos/`.length);
  const html = `${baseUrl}/${place}/pull/${issue.number}`;
  const pull = gh.pullRequests
    .all()
    .find((row) => row.number === issue.number && row.repo_id === gh.issues.get(issue.id).repo_id);
  issue.html_url = html;
  issue.draft = pull?.draft ?? false;
  issue.pull_request = {
    url: `${issue.repository_url}/pulls/${issue.number}`,
    html_url: html,
    diff_url: `${html}.diff`,
    patch_url: `${html}.patch`,
    merged_at: pull?.merged_at ?? null,
  };
}

function completeCheckRun(context, run) {
  const app = context.gh.apps.findOneBy("app_id", context.state.config.app_id);
  run.app = formatApp(context, app);
  run.pull_requests ??= [];
  run.details_url ??= run.app.external_url;
  run.started_at ??= context.gh.checkRuns.get(run.id)?.created_at ?? null;
  run.check_suite = run.check_suite && { id: run.check_suite.id, ...run.check_suite };
  run.output = { ...run.output, annotations_url: `${run.url}/annotations` };
  delete run.output.annotations;
}

function completeRelease(_context, release) {
  release.immutable ??= false;
  release.updated_at ??= release.created_at;
  release.author ??= null;
}

function completePull(_context, pull) {
  pull.active_lock_reason ??= null;
  pull.merged_by ??= null;
  pull.auto_merge ??= null;
  pull.maintainer_can_modify ??= false;
  pull.rebaseable ??= pull.mergeable ?? null;
}

function completeRepository(context, repo) {
  const url = repo.url?.startsWith("http") ? repo.url : `${context.baseUrl}/repos/${repo.full_name}`;
  repo.url = url;
  repo.hooks_url ??= `${url}/hooks`;
  repo.web_commit_signoff_required ??= false;
  repo.custom_properties ??= {};
  repo.network_count ??= repo.forks_count ?? 0;
  repo.subscribers_count ??= 0;
}

function completeInstallation({ baseUrl, gh }, installation) {
  fill(installation, {
    app_slug: gh.apps.findOneBy("app_id", installation.app_id).slug,
    access_tokens_url: `${baseUrl}/app/installations/${installation.id}/access_tokens`,
    repositories_url: `${baseUrl}/installation/repositories`,
    html_url: `${baseUrl}/settings/installations/${installation.id}`,
    target_id: installation.account?.id ?? 0,
    single_file_name: null,
    single_file_paths: [],
    client_id: `Iv23li${installation.app_id}`,
  });
}

function completeCommit(_context, commit) {
  commit.comments_url ??= `${commit.url}/comments`;
  commit.node_id ??= nodeId("Commit", commit.sha);
}

function completeAccount(context, account) {
  fill(account, formatAccount(context, account));
}

function fill(target, defaults) {
  for (const [key, value] of Object.entries(defaults)) target[key] ??= value;
}

export function formatApp(context, app) {
  const { baseUrl } = context;
  const created = "2026-01-01T00:00:00Z";
  const owner = formatAccount(context, context.gh.users.findOneBy("login", "admin"));
  return {
    id: app.app_id,
    slug: app.slug,
    client_id: `Iv23li${app.app_id}`,
    node_id: nodeId("App", app.app_id),
    owner,
    name: app.name,
    description: app.description,
    external_url: `${baseUrl}/apps/${app.slug}`,
    html_url: `${baseUrl}/apps/${app.slug}`,
    created_at: created,
    updated_at: created,
    permissions: app.permissions,
    events: app.events.filter((event) => event !== "*"),
  };
}

/** A user or organization as GitHub nests it. */
export function formatAccount(context, account) {
  const { baseUrl } = context;
  const url = `${baseUrl}/users/${account.login}`;
  return {
    login: account.login,
    id: account.id,
    node_id: account.node_id || nodeId("User", account.id),
    avatar_url: `${baseUrl}/avatars/u/${account.login}`,
    gravatar_id: "",
    url,
    html_url: `${baseUrl}/${account.login}`,
    followers_url: `${url}/followers`,
    following_url: `${url}/following{/other_user}`,
    gists_url: `${url}/gists{/gist_id}`,
    starred_url: `${url}/starred{/owner}{/repo}`,
    subscriptions_url: `${url}/subscriptions`,
    organizations_url: `${url}/orgs`,
    repos_url: `${url}/repos`,
    events_url: `${url}/events{/privacy}`,
    received_events_url: `${url}/received_events`,
    type: account.type ?? "Organization",
    site_admin: false,
    user_view_type: "public",
  };
}
