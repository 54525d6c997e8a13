/**
 * The App's deliveries as it can list, read and repeat them, and the configuration of its hook.
 */
import { findApp, refuseJWT } from "./apps.mjs";
import { errorBody } from "./state.mjs";
import { redeliver } from "./webhooks.mjs";

const BRIEF_KEYS = [
  "id",
  "guid",
  "delivered_at",
  "redelivery",
  "duration",
  "status",
  "status_code",
  "event",
  "action",
  "installation_id",
  "repository_id",
  "throttled_at",
];

export function registerDeliveryRoutes(context) {
  const { app } = context;
  const asApp = (answer) => (c) => {
    const row = findApp(context, c);
    return row ? answer(context, c, row) : refuseJWT(c);
  };
  app.get("/app/hook/deliveries", asApp(list));
  app.get("/app/hook/deliveries/:id", asApp(read));
  app.post("/app/hook/deliveries/:id/attempts", asApp(repeat));
  app.get("/app/hook/config", asApp(readHook));
  app.patch("/app/hook/config", asApp(changeHook));
}

function deliveriesOf({ state }, row) {
  return state.deliveries.filter((item) => item.app_id === row.app_id);
}

function formatBrief(item) {
  return Object.fromEntries(BRIEF_KEYS.map((key) => [key, item[key]]));
}

function list(context, c, row) {
  const perPage = Math.min(Number(c.req.query("per_page") ?? 30) || 30, 100);
  const cursor = Number(c.req.query("cursor") ?? Infinity);
  const older = deliveriesOf(context, row)
    .filter((item) => item.id < cursor)
    .sort((left, right) => right.id - left.id);
  const page = older.slice(0, perPage);
  if (older.length > perPage) {
    const url = new URL(c.req.url);
    url.searchParams.set("cursor", String(page.at(-1).id));
    c.header("Link", `<${url}>; rel="next"`);
  }
  return c.json(page.map(formatBrief));
}

function find(context, c, row) {
  return deliveriesOf(context, row).find((item) => item.id === Number(c.req.param("id")));
}

function read(context, c, row) {
  const item = find(context, c, row);
  if (!item) return c.json(errorBody(404, "Not Found"), 404);
  const url = context.state.hooks.get(row.app_id).url ?? "";
  const response = item.response ?? { headers: null, payload: null };
  return c.json({ ...formatBrief(item), url, request: item.request, response });
}

function repeat(context, c, row) {
  const item = find(context, c, row);
  if (!item) return c.json(errorBody(404, "Not Found"), 404);
  redeliver(context, item.id);
  return c.json({}, 202);
}

// -- the hook ------------------------------------------------------------------------------------------------------

function formatHook({ url, secret, content_type, insecure_ssl }) {
  return { content_type, insecure_ssl, ...(secret ? { secret: "********" } : {}), ...(url ? { url } : {}) };
}

function readHook({ state }, c, row) {
  return c.json(formatHook(state.hooks.get(row.app_id)));
}

async function changeHook({ state }, c, row) {
  const hook = state.hooks.get(row.app_id);
  const body = await c.req.json();
  for (const key of ["url", "secret", "content_type", "insecure_ssl"]) {
    if (body[key] !== undefined) hook[key] = body[key];
  }
  return c.json(formatHook(hook));
}
