/**
 * The door in front of the emulator: the control door, faults, strict tokens, GitHub's own refusals, ETags, and a
 * recording of every request with its answer.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { checkCaller, noteTokens, replaceRateLimit } from "./auth.mjs";
import { handleControl } from "./control.mjs";
import { redirect } from "./renames.mjs";
import { adjustBody, refuse, settle } from "./rules.mjs";
import { completeBody } from "./shapes.mjs";
import { errorBody, jsonResponse } from "./state.mjs";

const CALLS_KEPT = 20_000;
const BODYLESS = new Set(["GET", "HEAD"]);

export function installGateway(context) {
  const { app } = context;
  context.inner = app.fetch;
  replaceRateLimit(context);
  app.fetch = async (request) => {
    const url = new URL(request.url);
    if (url.pathname.startsWith("/_sandbox/")) return handleControl(context, request, url);
    const call = await readCall(request, url);
    const fault = takeFault(context.state, call);
    if (fault?.delay_seconds) await sleep(fault.delay_seconds * 1000);
    let response;
    if (fault !== undefined && !fault.after && hasAnswer(fault)) response = faultResponse(fault);
    else {
      response = await answer(context, call);
      if (fault !== undefined && hasAnswer(fault)) response = faultResponse(fault);
    }
    record(context.state, call, response, fault);
    return response.sent;
  };
}

async function readCall(request, url) {
  const raw = BODYLESS.has(request.method) ? null : Buffer.from(await request.arrayBuffer());
  return {
    method: request.method,
    path: url.pathname,
    query: url.search.slice(1),
    headers: Object.fromEntries(request.headers),
    raw,
    body: parseJSON(raw),
    url,
    started: Date.now(),
    caller: { kind: "anonymous", login: null },
  };
}

function parseJSON(raw) {
  if (raw === null || raw.length === 0) return null;
  try {
    return JSON.parse(raw.toString("utf8"));
  } catch {
    return null;
  }
}

/** Everything between the door and the answer: `{status, sent, kept}`, where `kept` is the JSON that was sent. */
async function answer(context, call) {
  const moved = redirect(context, call);
  if (moved !== null) return moved;
  const refusal = checkCaller(context, call) ?? (await refuse(context, call));
  if (refusal) return finish(context, call, refusal);
  const body = adjustBody(call);
  const request = new Request(call.url, { method: call.method, headers: call.headers, body });
  const response = await context.inner(request);
  return finish(context, call, response);
}

async function finish(context, call, response) {
  const type = response.headers.get("content-type") ?? "";
  if (!type.includes("json")) {
    await settle(context, call, response.status, null);
    return { status: response.status, sent: response, kept: null };
  }
  const text = await response.text();
  let body = text === "" ? null : JSON.parse(text);
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  if (response.status >= 400) body = errorBody(response.status, body?.message ?? "Error", body ?? {});
  else body = await settle(context, call, response.status, body);
  if (response.status < 300) {
    body = completeBody(context, body, call.path);
    noteTokens(context.state, call, body);
  }
  return withETag(call, response.status, body, headers);
}

function withETag(call, status, body, headers) {
  const text = body === null ? null : JSON.stringify(body);
  if (call.method === "GET" && status === 200) {
    const etag = `W/"${createHash("sha256").update(text).digest("hex")}"`;
    headers.set("ETag", etag);
    headers.set("Cache-Control", "private, max-age=60, s-maxage=60");
    if (call.headers["if-none-match"] === etag) {
      headers.delete("content-type");
      return { status: 304, sent: new Response(null, { status: 304, headers }), kept: null };
    }
  }
  const empty = status === 204 || text === null;
  return { status, sent: new Response(empty ? null : text, { status, headers }), kept: body };
}

// -- faults ------------------------------------------------------------------------------------------------------

function takeFault(state, call) {
  const fault = state.faults.find(
    (item) =>
      item.times > 0 &&
      (item.method === null || item.method === call.method) &&
      new RegExp(item.path_regex).test(call.path),
  );
  if (fault !== undefined) fault.times -= 1;
  return fault;
}

function hasAnswer(fault) {
  return fault.drop || fault.status !== null;
}

function faultResponse(fault) {
  if (fault.drop) {
    // An error before the first byte makes the server close the connection without an answer.
    const stream = new ReadableStream({ pull: (controller) => controller.error(new Error("dropped")) });
    return { status: 0, sent: new Response(stream), kept: null };
  }
  const headers = fault.retry_after === null ? {} : { "Retry-After": String(fault.retry_after) };
  const body = fault.body ?? errorBody(fault.status, "Server Error");
  if (typeof body === "string") {
    return { status: fault.status, sent: new Response(body, { status: fault.status, headers }), kept: null };
  }
  return { status: fault.status, sent: jsonResponse(fault.status, body, headers), kept: body };
}

// -- recording ---------------------------------------------------------------------------------------------------

function record(state, call, response, fault) {
  if (state.calls.length >= CALLS_KEPT) state.calls.shift();
  state.calls.push({
    at: new Date(call.started).toISOString(),
    duration_ms: Date.now() - call.started,
    method: call.method,
    path: call.path,
    query: call.query,
    caller: call.caller.kind,
    login: call.caller.login,
    request_body: call.body,
    status: fault?.drop ? null : response.status,
    response_body: response.kept,
    faulted: fault !== undefined && hasAnswer(fault),
    user_agent: call.headers["user-agent"] ?? null,
  });
}
