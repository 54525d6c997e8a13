/**
 * Deliveries as GitHub makes them: a GUID each, signed, kept with request and answer, listed, sent again on request;
 * in order per repository, or out of order when the sandbox is asked to.
 */
import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { expandEvent } from "./events.mjs";
import { completeBody } from "./shapes.mjs";
import { nodeId } from "./state.mjs";

const ANSWER_SECONDS = 10;
const HOLD_MILLISECONDS = 150;
const ALWAYS_SENT = new Set(["installation", "installation_repositories", "ping"]);

export function installWebhooks(context) {
  context.webhooks.dispatch = async (event, action, payload, owner, repo) => {
    const { generation } = context.state;
    const series = expandEvent(context, { event, action, payload, owner, repo });
    for (const item of series) send(context, item, owner, repo, generation);
  };
}

/** Sends an event that concerns one installation only (not a repository). */
export function sendToInstallation(context, installation, event, action, payload) {
  const account = installation.account_login;
  enqueue(context, { event, action, payload, installation, repositoryId: null, key: account });
}

function send(context, item, owner, repoName, generation) {
  const { gh, state } = context;
  if (generation !== state.generation) return;
  const repo = repoName && gh.repos.findOneBy("full_name", `${owner}/${repoName}`);
  const repositoryId = repo?.id ?? null;
  const hears = (row) => row.account_login === owner && row.suspended_at === null && covers(row, repositoryId);
  for (const installation of gh.appInstallations.all().filter(hears)) {
    enqueue(context, { ...item, installation, repositoryId, key: `${owner}/${repoName}` });
  }
}

function covers(row, repositoryId) {
  return row.repository_selection === "all" || repositoryId === null || row.repository_ids.includes(repositoryId);
}

function enqueue(context, { event, action, payload, prepare, installation, repositoryId, key }) {
  const { gh, state } = context;
  const app = gh.apps.findOneBy("app_id", installation.app_id);
  if (!app.events.includes("*") && !app.events.includes(event) && !ALWAYS_SENT.has(event)) return;
  const delivery = {
    id: state.nextDeliveryId++,
    guid: randomUUID(),
    delivered_at: new Date().toISOString(),
    redelivery: false,
    duration: 0,
    status: "pending",
    status_code: 0,
    event,
    action: action ?? null,
    installation_id: installation.installation_id,
    repository_id: repositoryId,
    throttled_at: null,
    app_id: app.app_id,
    payload: structuredClone({ ...payload, installation: payload.installation ?? makeStub(installation) }),
    request: null,
    response: null,
  };
  schedule(context, delivery, prepare, key);
}

function makeStub(installation) {
  const id = installation.installation_id;
  return { id, node_id: nodeId("IntegrationInstallation", id) };
}

function schedule(context, delivery, prepare, key) {
  const { state } = context;
  const job = async () => {
    if (prepare) Object.assign(delivery.payload, await prepare());
    delivery.payload = completeBody(context, delivery.payload, "webhook");
    state.deliveries.push(delivery);
    await deliver(context, delivery);
  };
  if (state.options.reorder_webhooks) holdBack(state, job);
  else chain(state, key, job);
}

function chain(state, key, job) {
  const previous = state.queues.get(key) ?? Promise.resolve();
  const next = previous.then(job).catch((error) => process.stderr.write(`delivery failed: ${error.stack}\n`));
  state.queues.set(key, next);
}

/** Collects what happens within a short time and sends it last first. */
function holdBack(state, job) {
  state.held.push(job);
  if (state.held.length > 1) return;
  chain(state, "held", async () => {
    await sleep(HOLD_MILLISECONDS);
    const jobs = state.held.reverse();
    state.held = [];
    for (const next of jobs) await next();
  });
}

export async function awaitIdle(state) {
  let seen;
  do {
    seen = [...state.queues.values()];
    await Promise.all(seen);
  } while (seen.length !== state.queues.size || [...state.queues.values()].some((item, index) => item !== seen[index]));
}

export function redeliver(context, id) {
  const { state } = context;
  const first = state.deliveries.find((item) => item.id === Number(id));
  if (first === undefined) throw new Error(`no delivery ${id}`);
  const again = { ...first, id: state.nextDeliveryId++, redelivery: true, delivered_at: new Date().toISOString() };
  state.deliveries.push(again);
  chain(state, "redelivery", () => deliver(context, again));
  return again;
}

// -- one attempt ---------------------------------------------------------------------------------------------------

async function deliver(context, delivery) {
  const { state } = context;
  const hook = state.hooks.get(delivery.app_id);
  const body = JSON.stringify(delivery.payload);
  const headers = makeHeaders(delivery, hook, body);
  delivery.request = { headers, payload: delivery.payload };
  if (!hook.url) return finish(delivery, 0, "no hook URL", null);
  if (state.webhookFaults.drop > 0) {
    state.webhookFaults.drop -= 1;
    return finish(delivery, 0, "failed to connect to host", null);
  }
  const times = state.webhookFaults.duplicate > 0 ? 2 : 1;
  state.webhookFaults.duplicate = Math.max(0, state.webhookFaults.duplicate - 1);
  for (let count = 0; count < times; count += 1) await post(delivery, hook.url, headers, body);
  return undefined;
}

function makeHeaders(delivery, hook, body) {
  const headers = {
    Accept: "*/*",
    "Content-Type": "application/json",
    "User-Agent": "GitHub-Hookshot/5a0f2a1",
    "X-GitHub-Delivery": delivery.guid,
    "X-GitHub-Event": delivery.event,
    "X-GitHub-Hook-ID": String(400_000_000 + delivery.app_id),
    "X-GitHub-Hook-Installation-Target-ID": String(delivery.app_id),
    "X-GitHub-Hook-Installation-Target-Type": "integration",
  };
  if (!hook.secret) return headers;
  headers["X-Hub-Signature"] = `sha1=${createHmac("sha1", hook.secret).update(body).digest("hex")}`;
  headers["X-Hub-Signature-256"] = `sha256=${createHmac("sha256", hook.secret).update(body).digest("hex")}`;
  return headers;
}

async function post(delivery, url, headers, body) {
  const started = Date.now();
  try {
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      signal: AbortSignal.timeout(ANSWER_SECONDS * 1000),
    });
    const payload = await response.text();
    delivery.duration = (Date.now() - started) / 1000;
    const status = response.ok ? "OK" : `Invalid HTTP Response: ${response.status}`;
    finish(delivery, response.status, status, { headers: Object.fromEntries(response.headers), payload });
  } catch (error) {
    delivery.duration = (Date.now() - started) / 1000;
    finish(delivery, 0, error.name === "TimeoutError" ? "timed out" : "failed to connect to host", null);
  }
}

function finish(delivery, code, status, response) {
  delivery.status_code = code;
  delivery.status = status;
  delivery.response = response;
}
