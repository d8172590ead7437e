// Checks the signatures of the contract vectors with nothing but node:crypto.
// Run it with `node --test hooks/contract`.
import assert from "node:assert/strict";
import { createHmac, timingSafeEqual } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const TOLERANCE_S = 300;
const folder = dirname(fileURLToPath(import.meta.url));
const vectors = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));

function sign(secret, id, timestamp, body) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`, "utf8");
  return `v1,${digest.digest("base64")}`;
}

function isEqual(one, other) {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Returns the header at fault, or null if the message is the tenant's own and timely. */
function faultOf({ at, headers, body }, secrets) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (!id) return "webhook-id";
  if (!/^\d+$/.test(timestamp ?? "")) return "webhook-timestamp";
  if (Math.abs(at - Number(timestamp)) > TOLERANCE_S) return "webhook-timestamp";
  const given = (headers["webhook-signature"] ?? "").split(" ");
  const wanted = secrets.map((secret) => sign(secret, id, timestamp, body));
  const holds = wanted.some((one) => given.some((other) => isEqual(one, other)));
  return holds ? null : "webhook-signature";
}

test("there are vectors to check", () => {
  assert.ok(vectors.length > 40);
});

for (const { name, claim, tenants, messages } of vectors) {
  test(`${name}: ${claim}`, () => {
    for (const message of messages) {
      const tenant = tenants[message.path.replace("/hooks/", "")];
      if (tenant === undefined) {
        assert.equal(message.expect.status, 404);
        continue;
      }
      const { status, problem } = message.expect;
      assert.equal(faultOf(message, tenant.secrets), status === 401 ? problem.field : null);
    }
  });
}
