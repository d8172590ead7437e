// A better-auth with users whose Google tokens are fresh, in its fastest setting that keeps tokens
// encrypted: sessions from the signed cookie, accounts from SQLite in WAL mode, no rate limit.
//
//     node server.js PORT DATABASE USERS FILE
//
// writes each user's Cookie header and account into FILE, as a JSON list, and serves until told to
// stop.

import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";

import Database from "better-sqlite3";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { setTokenUtil } from "better-auth/oauth2";

const [port, path, users, file] = process.argv.slice(2);
const HOUR_MS = 3_600_000;

const database = new Database(path);
database.pragma("journal_mode = WAL");

const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: randomBytes(32).toString("base64"),
  database,
  account: { encryptOAuthTokens: true },
  session: { cookieCache: { enabled: true, maxAge: HOUR_MS / 1000 } },
  // Nobody signs in while it is measured; a slow hash would only make filling slow.
  emailAndPassword: {
    enabled: true,
    password: { hash: async (password) => password, verify: async () => false },
  },
  socialProviders: { google: { clientId: "benchmark", clientSecret: "benchmark" } },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
});

async function signedUp(number) {
  const { headers, response } = await auth.api.signUpEmail({
    body: { name: `User ${number}`, email: `user${number}@example.com`, password: "made-up-password" },
    returnHeaders: true,
  });
  const context = await auth.$context;
  const { id } = await context.internalAdapter.createAccount({
    userId: response.user.id,
    providerId: "google",
    accountId: String(number).padStart(21, "1"),
    accessToken: await setTokenUtil(`ya29.${randomBytes(161).toString("base64url")}`, context),
    refreshToken: await setTokenUtil(`1//0${randomBytes(74).toString("base64url")}`, context),
    accessTokenExpiresAt: new Date(Date.now() + HOUR_MS),
    scope: "openid,https://www.googleapis.com/auth/calendar",
  });
  const cookie = headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
  return { cookie, account: id };
}

const { runMigrations } = await getMigrations(auth.options);
await runMigrations();
const made = [];
for (let number = 0; number < Number(users); number += 1) made.push(await signedUp(number));
writeFileSync(`${file}.part`, JSON.stringify(made));
renameSync(`${file}.part`, file);
createServer(toNodeHandler(auth)).listen(Number(port), "127.0.0.1");
