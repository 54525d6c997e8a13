/**
 * The control door, `/_sandbox/...`: what the Python harness does that GitHub has no call for. JSON in, JSON out.
 */
import { installationRepositoriesEvent, removeInstallation, setSuspended } from "./apps.mjs";
import { addManifest } from "./manifests.mjs";
import { renameRepository, transferRepository } from "./renames.mjs";
import { addInstallation, addOrganization, addUser, setPermissions } from "./seed.mjs";
import { clearState, jsonResponse } from "./state.mjs";
import { awaitIdle, redeliver } from "./webhooks.mjs";

const HANDLERS = {
  reset: (context) => reset(context),
  options: (context, body) => Object.assign(context.state.options, body),
  hook: (context, body) => Object.assign(context.state.hooks.get(context.state.config.app_id), body),
  users: addUser,
  organizations: addOrganization,
  installations: addInstallation,
  "installation-repositories": installationRepositoriesEvent,
  suspend: setSuspended,
  uninstall: removeInstallation,
  permissions: setPermissions,
  rename: renameRepository,
  transfer: transferRepository,
  manifests: addManifest,
  faults: (context, body) => addFault(context, body),
  "clear-faults": (context) => clearFaults(context),
  "webhook-faults": (context, body) => Object.assign(context.state.webhookFaults, body),
  calls: (context) => context.state.calls,
  "clear-calls": (context) => {
    context.state.calls = [];
    return {};
  },
  deliveries: (context) => context.state.deliveries,
  "clear-deliveries": (context) => {
    context.state.deliveries = [];
    return {};
  },
  "age-deliveries": ageDeliveries,
  redeliver: (context, body) => ({ id: redeliver(context, body.id).id }),
  idle: async (context) => {
    await awaitIdle(context.state);
    return {};
  },
};

export async function handleControl(context, request, url) {
  const handler = HANDLERS[url.pathname.slice("/_sandbox/".length)];
  if (handler === undefined) return jsonResponse(404, { message: `no control door ${url.pathname}` });
  try {
    const text = await request.text();
    return jsonResponse(200, (await handler(context, text === "" ? {} : JSON.parse(text))) ?? {});
  } catch (error) {
    return jsonResponse(500, { message: `${url.pathname}: ${error.message}` });
  }
}

/** Lets every delivery so far have been made that much earlier. */
function ageDeliveries(context, { seconds }) {
  for (const item of context.state.deliveries) {
    item.delivered_at = new Date(Date.parse(item.delivered_at) - seconds * 1000).toISOString();
  }
  return {};
}

function reset(context) {
  const { state, tokenMap } = context;
  state.generation += 1;
  clearState(state);
  tokenMap.clear();
  state.emulator.reset();
  return {};
}

const NO_FAULT = {
  method: null,
  path_regex: ".*",
  status: null,
  body: null,
  delay_seconds: 0,
  drop: false,
  after: false,
  retry_after: null,
  times: 1,
};

function addFault(context, body) {
  context.state.faults.push({ ...NO_FAULT, ...body });
  return {};
}

function clearFaults(context) {
  context.state.faults = [];
  context.state.webhookFaults = { drop: 0, duplicate: 0 };
  return {};
}
