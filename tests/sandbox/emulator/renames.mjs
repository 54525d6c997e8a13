/**
 * Renamed and transferred repositories: the old name leads to the new one, as GitHub's redirects do, until somebody takes it.
 */
import { errorBody, jsonResponse } from "./state.mjs";

const BY_NAME = /^\/repos\/([^/]+\/[^/]+)(\/.*)?$/;
const BY_ID = /^\/repositories\/(\d+)(\/.*)?$/;

/** Control door: a person renames a repository. */
export function renameRepository({ gh, state }, { full_name: fullName, name }) {
  const repo = gh.repos.findOneBy("full_name", fullName);
  gh.repos.update(repo.id, { name, full_name: `${fullName.split("/")[0]}/${name}` });
  state.renames.set(fullName, repo.id);
  return {};
}

/** Control door: a person transfers a repository to another account, whose installation covers it from then on. */
export function transferRepository({ gh, state }, { full_name: fullName, account }) {
  const repo = gh.repos.findOneBy("full_name", fullName);
  const org = gh.orgs.findOneBy("login", account);
  const owner = org ?? gh.users.findOneBy("login", account);
  gh.repos.update(repo.id, {
    owner_id: owner.id,
    owner_type: org ? "Organization" : "User",
    full_name: `${account}/${repo.name}`,
  });
  state.renames.set(fullName, repo.id);
  return {};
}

/** A redirect for an old name, else null; an address by number becomes the one by name. */
export function redirect({ gh, state, baseUrl }, call) {
  const numbered = BY_ID.exec(call.path);
  if (numbered !== null) {
    const repo = gh.repos.get(Number(numbered[1]));
    call.path = `/repos/${repo.full_name}${numbered[2] ?? ""}`;
    call.url.pathname = call.path;
    return null;
  }
  const named = BY_NAME.exec(call.path);
  const id = named === null ? undefined : state.renames.get(named[1]);
  if (id === undefined || gh.repos.findOneBy("full_name", named[1])) return null;
  const status = call.method === "GET" ? 301 : 307;
  const location = `${baseUrl}/repositories/${id}${named[2] ?? ""}${call.url.search}`;
  const body = { ...errorBody(status, "Moved Permanently"), url: location };
  return { status, sent: jsonResponse(status, body, { Location: location }), kept: body };
}
