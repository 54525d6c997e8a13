/**
 * Tokens as GitHub treats them: unknown and expired ones are 401, a JSON Web Token lives ten minutes at most and opens
 * the App's own endpoints only, a suspended installation is 403; and the primary rate limit, which a reset clears.
 */
import { errorResponse } from "./state.mjs";

const JWT_SECONDS = 600;
const CLOCK_DRIFT_SECONDS = 60;
const JWT_PATHS = [
  /^\/app(\/|$)/,
  /^\/repos\/[^/]+\/[^/]+\/installation$/,
  /^\/(orgs|users)\/[^/]+\/installation$/,
  /^\/apps\//,
];

/** Finds out who calls and refuses whom GitHub refuses; fills `call.caller`, returns a Response or null. */
export function checkCaller(context, call) {
  const header = call.headers.authorization ?? "";
  if (header === "") return null;
  const token = readToken(header);
  return token.startsWith("eyJ") ? checkJWT(call, token) : checkToken(context, call, token);
}

function readToken(header) {
  const [scheme, value = ""] = header.trim().split(/\s+/, 2);
  if (scheme.toLowerCase() !== "basic") return value;
  const [, password = ""] = Buffer.from(value, "base64").toString("utf8").split(/:(.*)/s);
  return password;
}

function checkJWT(call, token) {
  let claims;
  try {
    claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString("utf8"));
  } catch {
    return errorResponse(401, "A JSON web token could not be decoded");
  }
  call.caller = { kind: "app", login: String(claims.iss) };
  const now = Date.now() / 1000;
  if (!Number.isInteger(claims.exp) || claims.exp > now + JWT_SECONDS + CLOCK_DRIFT_SECONDS) {
    return errorResponse(401, "'Expiration time' claim ('exp') is too far in the future");
  }
  if (Number.isInteger(claims.iat) && claims.iat > now + CLOCK_DRIFT_SECONDS) {
    return errorResponse(401, "'Issued at' claim ('iat') must be an Integer representing a time in the past");
  }
  if (claims.exp <= now) {
    return errorResponse(401, "'Expiration time' claim ('exp') must be a numeric value representing the future");
  }
  if (!JWT_PATHS.some((pattern) => pattern.test(call.path))) return errorResponse(401, "Bad credentials");
  return null;
}

function checkToken(context, call, token) {
  const { gh, state, tokenMap } = context;
  const user = tokenMap.get(token);
  if (token.startsWith("internal-") || user === undefined) return errorResponse(401, "Bad credentials");
  const { installation } = user;
  call.caller = { kind: installation ? "installation" : "user", login: user.login };
  if (!installation) return null;
  const expiry = state.tokenExpiry.get(token);
  const row = gh.appInstallations.findOneBy("installation_id", installation.installationId);
  if (row === undefined || (expiry !== undefined && expiry <= Date.now())) return errorResponse(401, "Bad credentials");
  if (row.suspended_at !== null) return errorResponse(403, "This installation has been suspended");
  return null;
}

/** Remembers when a token that is being handed out expires; shortens its life to the sandbox's option. */
export function noteTokens(state, call, body) {
  if (call.method !== "POST" || !/^\/app\/installations\/\d+\/access_tokens$/.test(call.path)) return;
  const expiresAt = Date.now() + state.options.token_lifetime_seconds * 1000;
  body.expires_at = `${new Date(expiresAt).toISOString().slice(0, 19)}Z`;
  state.tokenExpiry.set(body.token, expiresAt);
}

/** Replaces the emulator's counter, which no reset can clear, by one with the same headers. */
export function replaceRateLimit(context) {
  const { app, state } = context;
  const last = app.middleware.at(-1);
  if (!String(last?.handlers[0]).includes("X-RateLimit-Limit")) {
    throw new Error("emulate does not count calls where version 0.12.2 does");
  }
  app.middleware.pop();
  app.use("*", async (c, next) => {
    const key = c.get("authToken") ?? c.get("authApp")?.slug ?? "anonymous";
    const now = Math.floor(Date.now() / 1000);
    let counter = state.rateCounters.get(key);
    if (counter === undefined || counter.resetAt <= now) counter = { used: 0, resetAt: now + 3600 };
    counter.used += 1;
    state.rateCounters.set(key, counter);
    const limit = state.options.rate_limit;
    c.header("X-RateLimit-Limit", String(limit));
    c.header("X-RateLimit-Used", String(counter.used));
    c.header("X-RateLimit-Remaining", String(Math.max(0, limit - counter.used)));
    c.header("X-RateLimit-Reset", String(counter.resetAt));
    c.header("X-RateLimit-Resource", "core");
    if (counter.used > limit) return c.json({ message: "API rate limit exceeded" }, 403);
    await next();
  });
}
