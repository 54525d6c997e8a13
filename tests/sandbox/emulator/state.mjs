/**
 * What the sandbox knows beside the emulator's own store: options, faults, recorded calls and deliveries.
 */
import { readFileSync } from "node:fs";

/** @param config the JSON document described in main.mjs */
export function createState(config) {
  const state = {
    config: { ...config, private_key: readFileSync(config.private_key_file, "utf8") },
    context: null, // set when the plugin registers
    emulator: null, // set when it listens
    generation: 0, // counts resets; ids of different generations never meet
  };
  clearState(state);
  return state;
}

/** Back to the options of a fresh start; the running emulator stays. */
export function clearState(state) {
  state.options = { reorder_webhooks: false, token_lifetime_seconds: 3600, rate_limit: 5000 };
  state.hooks = new Map(); // app id -> {url, secret, content_type, insecure_ssl}
  state.faults = [];
  state.webhookFaults = { drop: 0, duplicate: 0 };
  state.calls = [];
  state.deliveries = [];
  state.queues = new Map(); // queue key -> promise of its last delivery
  state.held = []; // deliveries waiting to be sent out of order
  state.tokenExpiry = new Map(); // token -> ms since the epoch
  state.rateCounters = new Map(); // token -> {used, resetAt}
  state.renames = new Map(); // old full name -> repository id
  state.manifests = new Map(); // code -> manifest
  state.written = new Map(); // repository id -> Set of object SHAs in its bare repository
  state.nextDeliveryId = 12_000_000_000 + state.generation * 1_000_000;
  state.nextInstallationId = 50_000_000 + state.generation * 1_000;
}

const DOCUMENTATION_URL = "https://docs.github.com/rest";

export function errorBody(status, message, extra = {}) {
  return {
    ...extra,
    message,
    documentation_url: extra.documentation_url?.startsWith("https://docs.github.com/")
      ? extra.documentation_url
      : DOCUMENTATION_URL,
    status: String(status),
  };
}

export function jsonResponse(status, body, headers = {}) {
  return new Response(body === null ? null : JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/json; charset=utf-8", ...headers },
  });
}

export function errorResponse(status, message, extra = {}) {
  return jsonResponse(status, errorBody(status, message, extra));
}

/** One page of `items` by the request's `page` and `per_page`, with GitHub's Link header. */
export function paginate(c, items, wrap = (page) => page) {
  const perPage = Math.min(Math.max(Number(c.req.query("per_page") ?? 30) || 30, 1), 100);
  const page = Math.max(Number(c.req.query("page") ?? 1) || 1, 1);
  const last = Math.max(Math.ceil(items.length / perPage), 1);
  const link = (number, rel) => {
    const url = new URL(c.req.url);
    url.searchParams.set("page", String(number));
    return `<${url}>; rel="${rel}"`;
  };
  const links = [];
  if (page < last) links.push(link(page + 1, "next"), link(last, "last"));
  if (page > 1) links.push(link(1, "first"), link(page - 1, "prev"));
  if (links.length > 0) c.header("Link", links.join(", "));
  return c.json(wrap(items.slice((page - 1) * perPage, page * perPage)));
}

export function nodeId(kind, id) {
  return Buffer.from(`0:${kind}${id}`).toString("base64").replace(/=+$/, "");
}
