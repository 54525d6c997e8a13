/**
 * What needs real git: archives (302, then the bytes, as GitHub answers) and cloning over HTTP.
 *
 * The store's objects are real git objects; they are written as loose objects into a bare repository, and Debian's git
 * serves that.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { deflateSync, gunzipSync } from "node:zlib";

import { findRepository, mayRead, resolveCommit } from "./access.mjs";
import { errorBody } from "./state.mjs";

const OUTPUT_LIMIT_BYTES = 1 << 30;
const FORMATS = { tarball: ["tar.gz", "application/x-gzip"], zipball: ["zip", "application/zip"] };

function git(args, input) {
  const result = spawnSync("git", args, {
    input,
    maxBuffer: OUTPUT_LIMIT_BYTES,
    env: {
      PATH: process.env.PATH,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_SYSTEM: "/dev/null",
      HOME: "/nonexistent",
    },
  });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`git ${args.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

export function registerGitRoutes(context) {
  for (const kind of Object.keys(FORMATS)) registerArchive(context, kind);
  registerClone(context);
}

// -- archives ------------------------------------------------------------------------------------------------------

function registerArchive(context, kind) {
  const { app, gh, baseUrl } = context;
  const [format, type] = FORMATS[kind];
  const redirect = (c) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    const ref = c.req.param("ref") || repo?.default_branch;
    if (!repo || resolveCommit(gh, repo, ref) === undefined) return c.json(errorBody(404, "Not Found"), 404);
    const token = repo.private ? `?token=${context.state.generation}${repo.id}` : "";
    return c.redirect(`${baseUrl}/_codeload/${repo.full_name}/legacy.${format}/${ref}${token}`, 302);
  };
  app.get(`/repos/:owner/:repo/${kind}/:ref{.+}`, redirect);
  app.get(`/repos/:owner/:repo/${kind}`, redirect);
  app.get(`/_codeload/:owner/:repo/legacy.${format}/:ref{.+}`, (c) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    const sha = repo && resolveCommit(gh, repo, c.req.param("ref"));
    const mayHave = repo && (!repo.private || c.req.query("token") === `${context.state.generation}${repo.id}`);
    if (!sha || !mayHave) return c.json(errorBody(404, "Not Found"), 404);
    const prefix = `${repo.full_name.replace("/", "-")}-${sha.slice(0, 7)}/`;
    const folder = materialize(context, repo);
    const bytes = git(["-C", folder, "archive", `--format=${format}`, `--prefix=${prefix}`, sha]);
    const name = `${prefix.slice(0, -1)}.${format}`;
    return c.body(bytes, 200, { "Content-Type": type, "Content-Disposition": `attachment; filename=${name}` });
  });
}

// -- cloning -------------------------------------------------------------------------------------------------------

function registerClone(context) {
  const { app, gh, tokenMap } = context;
  const locate = (c) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    const basic = /^basic\s+(.+)$/i.exec(c.req.header("Authorization") ?? "");
    const password = basic ? Buffer.from(basic[1], "base64").toString("utf8").split(/:(.*)/s)[1] : undefined;
    return repo && mayRead(gh, tokenMap.get(password), repo) ? repo : undefined;
  };
  const refuse = (c) => {
    c.header("WWW-Authenticate", 'Basic realm="GitHub"');
    return c.text("Repository not found.", 401);
  };
  app.get("/:owner/:repo/info/refs", (c) => {
    const repo = locate(c);
    if (!repo) return refuse(c);
    const refs = git(["upload-pack", "--stateless-rpc", "--advertise-refs", materialize(context, repo)]);
    const line = "# service=git-upload-pack\n";
    const head = Buffer.from(`${(line.length + 4).toString(16).padStart(4, "0")}${line}0000`);
    return c.body(Buffer.concat([head, refs]), 200, { "Content-Type": "application/x-git-upload-pack-advertisement" });
  });
  app.post("/:owner/:repo/git-upload-pack", async (c) => {
    const repo = locate(c);
    if (!repo) return refuse(c);
    const raw = Buffer.from(await c.req.arrayBuffer());
    const body = c.req.header("Content-Encoding") === "gzip" ? gunzipSync(raw) : raw;
    const pack = git(["upload-pack", "--stateless-rpc", materialize(context, repo)], body);
    return c.body(pack, 200, { "Content-Type": "application/x-git-upload-pack-result" });
  });
}

// -- store to bare repository --------------------------------------------------------------------------------------

function materialize(context, repo) {
  const { gh, state } = context;
  const folder = `${state.config.git_folder}/${repo.id}.git`;
  if (!existsSync(folder)) git(["init", "--quiet", "--bare", folder]);
  if (!state.written.has(repo.id)) state.written.set(repo.id, new Set());
  const written = state.written.get(repo.id);
  const put = (kind, row, make) => {
    if (written.has(row.sha)) return;
    writeObject(folder, kind, make(row), row.sha);
    written.add(row.sha);
  };
  for (const row of gh.blobs.findBy("repo_id", repo.id)) put("blob", row, blobBytes);
  for (const row of gh.trees.findBy("repo_id", repo.id)) put("tree", row, treeBytes);
  for (const row of gh.commits.findBy("repo_id", repo.id)) put("commit", row, commitBytes);
  for (const row of gh.tags.findBy("repo_id", repo.id)) put("tag", row, tagBytes);
  const refs = gh.refs.findBy("repo_id", repo.id).filter((row) => written.has(row.sha));
  const stale = listRefs(folder).filter((ref) => !refs.some((row) => row.ref === ref));
  const lines = [...stale.map((ref) => `delete ${ref}\n`), ...refs.map((row) => `update ${row.ref} ${row.sha}\n`)];
  git(["-C", folder, "update-ref", "--stdin"], lines.join(""));
  git(["-C", folder, "symbolic-ref", "HEAD", `refs/heads/${repo.default_branch}`]);
  return folder;
}

function listRefs(folder) {
  return git(["-C", folder, "for-each-ref", "--format=%(refname)"]).toString().split("\n").filter(Boolean);
}

function makeObject(kind, bytes) {
  return Buffer.concat([Buffer.from(`${kind} ${bytes.length}\0`), bytes]);
}

export function objectSHA(kind, bytes) {
  return createHash("sha1").update(makeObject(kind, bytes)).digest("hex");
}

function writeObject(folder, kind, bytes, sha) {
  const object = makeObject(kind, bytes);
  const found = objectSHA(kind, bytes);
  if (found !== sha) throw new Error(`${kind} ${sha} of the store has other bytes than its name: ${found}`);
  mkdirSync(`${folder}/objects/${sha.slice(0, 2)}`, { recursive: true });
  writeFileSync(`${folder}/objects/${sha.slice(0, 2)}/${sha.slice(2)}`, deflateSync(object));
}

function blobBytes(row) {
  return Buffer.from(row.content, row.encoding === "base64" ? "base64" : "utf8");
}

function treeBytes(row) {
  const key = (entry) => Buffer.from(entry.type === "tree" ? `${entry.path}/` : entry.path);
  const sorted = [...row.tree].sort((left, right) => Buffer.compare(key(left), key(right)));
  const parts = sorted.flatMap((entry) => [
    Buffer.from(`${entry.mode.replace(/^0+/, "")} ${entry.path}\0`),
    Buffer.from(entry.sha, "hex"),
  ]);
  return Buffer.concat(parts);
}

function gitDate(date) {
  const zone = /([+-])(\d{2}):?(\d{2})$/.exec(date);
  return `${Math.floor(Date.parse(date) / 1000)} ${zone ? zone.slice(1).join("") : "+0000"}`;
}

function commitBytes(row) {
  const lines = [
    `tree ${row.tree_sha}`,
    ...row.parent_shas.map((sha) => `parent ${sha}`),
    `author ${row.author_name} <${row.author_email}> ${gitDate(row.author_date)}`,
    `committer ${row.committer_name} <${row.committer_email}> ${gitDate(row.committer_date)}`,
  ];
  const message = row.message.endsWith("\n") ? row.message : `${row.message}\n`;
  return Buffer.from(`${lines.join("\n")}\n\n${message}`);
}

/** The bytes of an annotated tag; the emulator itself invents names for these objects, see rules.mjs. */
export function tagBytes(row) {
  const tagger = `${row.tagger_name} <${row.tagger_email}> ${gitDate(row.tagger_date)}`;
  const message = row.message.endsWith("\n") ? row.message : `${row.message}\n`;
  return Buffer.from(
    `object ${row.object_sha}\ntype ${row.object_type}\ntag ${row.tag}\ntagger ${tagger}\n\n${message}`,
  );
}
