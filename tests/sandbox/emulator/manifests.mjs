/**
 * The App manifest flow: the form a browser posts, the code it is sent back with, and the conversion of the code.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";

import { addBot } from "./seed.mjs";
import { formatApp } from "./shapes.mjs";
import { errorBody } from "./state.mjs";

export function registerManifestRoutes(context) {
  const { app, state } = context;
  const create = async (c) => {
    const form = await c.req.parseBody();
    const manifest = JSON.parse(form.manifest);
    const url = new URL(manifest.redirect_url);
    url.searchParams.set("code", addManifest(context, { manifest }).code);
    const given = c.req.query("state");
    if (given) url.searchParams.set("state", given);
    return c.redirect(url.toString(), 302);
  };
  app.post("/settings/apps/new", create);
  app.post("/organizations/:org/settings/apps/new", create);
  app.post("/app-manifests/:code/conversions", (c) => {
    const code = c.req.param("code");
    const manifest = state.manifests.get(code);
    if (manifest === undefined) return c.json(errorBody(404, "Not Found"), 404);
    state.manifests.delete(code); // GitHub's codes work once
    return c.json(convert(context, manifest), 201);
  });
}

export function addManifest(context, { manifest }) {
  const code = randomBytes(20).toString("hex");
  context.state.manifests.set(code, manifest);
  return { code };
}

function convert(context, manifest) {
  const { gh, state } = context;
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const slug = manifest.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  const secret = randomBytes(20).toString("hex");
  const appId = state.config.app_id + gh.apps.all().length;
  const row = gh.apps.insert({
    app_id: appId,
    slug,
    name: manifest.name,
    private_key: privateKey,
    permissions: manifest.default_permissions ?? {},
    events: manifest.default_events ?? [],
    webhook_url: null,
    webhook_secret: null,
    description: manifest.description ?? null,
  });
  addBot(gh, slug);
  const url = manifest.hook_attributes?.url ?? null;
  state.hooks.set(appId, { url, secret, content_type: "json", insecure_ssl: "0" });
  return {
    ...formatApp(context, row),
    client_secret: randomBytes(20).toString("hex"),
    webhook_secret: secret,
    pem: privateKey,
  };
}
