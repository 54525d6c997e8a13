/**
 * Starts the GitHub of hublish's tests and demo: npm `emulate`, patched in process.
 *
 * Usage: node main.mjs CONFIG.json, where CONFIG holds `{app_id, slug, name, private_key_file, webhook_secret,
 * permissions, events, git_folder, address}`. Prints one line of JSON, `{"url": ...}`, once it answers. It ends when its
 * standard input closes, so that it never outlives the process that started it.
 *
 * The emulator has no public way to add routes to its GitHub, so its plugin is patched before the public
 * `createEmulator` is called. The plugin's file name holds a hash; it is found by content, and package.json pins the
 * exact version.
 */
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:net";

import { registerAppRoutes } from "./apps.mjs";
import { registerCheckRoutes } from "./checks.mjs";
import { registerDeliveryRoutes } from "./deliveries.mjs";
import { installGateway } from "./gateway.mjs";
import { registerGitRoutes } from "./git.mjs";
import { registerManifestRoutes } from "./manifests.mjs";
import { registerPermissionRoutes } from "./permissions.mjs";
import { registerPullRoutes } from "./pulls.mjs";
import { registerReactionRoutes } from "./reactions.mjs";
import { seedStore } from "./seed.mjs";
import { createState } from "./state.mjs";
import { registerStatusRoutes } from "./statuses.mjs";
import { installWebhooks } from "./webhooks.mjs";

async function loadPlugin() {
  const folder = new URL("../node_modules/emulate/dist/", import.meta.url);
  const name = readdirSync(folder).find(
    (file) => /^dist-.*\.js$/.test(file) && readFileSync(new URL(file, folder), "utf8").includes("githubPlugin,"),
  );
  if (name === undefined) throw new Error("emulate has no GitHub plugin where version 0.12.2 has it");
  return import(new URL(name, folder));
}

/** The emulator needs its final address before it listens, so a free port is taken and given back. */
function findFreePort(address) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, address, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function patchPlugin(plugin, state) {
  const register = plugin.githubPlugin.register;
  const seed = plugin.githubPlugin.seed;
  plugin.githubPlugin.register = function patchedRegister(app, store, webhooks, baseUrl, tokenMap) {
    const gh = plugin.getGitHubStore(store);
    const context = { app, store, gh, webhooks, baseUrl, tokenMap, state };
    state.context = context;
    installGateway(context);
    // The first route that matches wins, so ours come before the plugin's.
    registerAppRoutes(context);
    registerManifestRoutes(context);
    registerPermissionRoutes(context);
    registerPullRoutes(context);
    registerCheckRoutes(context);
    registerReactionRoutes(context);
    registerStatusRoutes(context);
    registerDeliveryRoutes(context);
    registerGitRoutes(context);
    register.call(plugin.githubPlugin, app, store, webhooks, baseUrl, tokenMap);
    installWebhooks(context);
  };
  plugin.githubPlugin.seed = (store, baseUrl) => {
    seed.call(plugin.githubPlugin, store, baseUrl);
    seedStore(state.context);
  };
}

async function main() {
  const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
  const state = createState(config);
  const plugin = await loadPlugin();
  patchPlugin(plugin, state);
  const { createEmulator } = await import("emulate");
  const port = await findFreePort(config.address);
  state.emulator = await createEmulator({
    service: "github",
    port,
    baseUrl: `http://${config.address}:${port}`,
    hostname: config.address,
    seed: { tokens: {} },
  });
  process.stdin.on("end", () => process.exit(0));
  process.stdin.resume();
  process.stdout.write(`${JSON.stringify({ url: state.emulator.url })}\n`);
}

await main();
