/**
 * Annotations of check runs: GitHub lists them as an array and appends those of an update.
 */
import { findRepository, mayRead } from "./access.mjs";
import { errorBody, paginate } from "./state.mjs";

const ANNOTATIONS_PER_CALL = 50;

export function registerCheckRoutes(context) {
  const { app, gh, baseUrl } = context;
  app.get("/repos/:owner/:repo/check-runs/:id/annotations", (c) => {
    const repo = findRepository(gh, c.req.param("owner"), c.req.param("repo"));
    const run = repo && mayRead(gh, c.get("authUser"), repo) && gh.checkRuns.get(Number(c.req.param("id")));
    if (!run || run.repo_id !== repo.id) return c.json(errorBody(404, "Not Found"), 404);
    const rows = run.output.annotations.map((item) => ({
      path: item.path,
      start_line: item.start_line,
      end_line: item.end_line,
      start_column: null,
      end_column: null,
      annotation_level: item.annotation_level,
      title: null,
      message: item.message,
      raw_details: null,
      blob_href: `${baseUrl}/${repo.full_name}/blob/${run.head_sha}/${item.path}`,
    }));
    return paginate(c, rows);
  });

  appendOnUpdate(gh);
}

/** The emulator replaces annotations on an update; its store is where the old ones are still known. */
function appendOnUpdate(gh) {
  const { checkRuns } = gh;
  const update = checkRuns.update.bind(checkRuns);
  checkRuns.update = (id, patch) => {
    if (patch.output === undefined) return update(id, patch);
    const annotations = [...(checkRuns.get(id)?.output.annotations ?? []), ...patch.output.annotations];
    const output = { ...patch.output, annotations, annotations_count: annotations.length };
    return update(id, { ...patch, output });
  };
}

/** A refusal GitHub makes and the emulator does not: more than 50 annotations in one call, or too long a summary or text. */
export function checkOutput(body) {
  const output = body?.output ?? {};
  if ((output.annotations ?? []).length > ANNOTATIONS_PER_CALL) return "No more than 50 annotations per request";
  for (const field of ["summary", "text"]) {
    if ((output[field] ?? "").length > 65_535) return `Only 65535 characters are allowed in output.${field}`;
  }
  return null;
}
