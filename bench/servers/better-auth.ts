/**
 * better-auth with its e-mail OTP on SQLite, WAL and FULL: its own rate limit off, the sender does nothing, everything
 * else as it comes. Users are there before, verified by nobody.
 */
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { emailOTP } from "better-auth/plugins";
import Database from "better-sqlite3";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PEER } from "./peer-arguments.ts";
import { announce } from "./serve.ts";

const database = new Database(PEER.path);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
const options = {
  database,
  secret: "a secret of the benchmark, 32 characters or more",
  baseURL: "http://127.0.0.1",
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [emailOTP({ sendVerificationOTP: () => Promise.resolve() })],
};
await (await getMigrations(options)).runMigrations();
const insert = database.prepare(
  `INSERT INTO user (id, name, email, emailVerified, createdAt, updatedAt) VALUES (?, ?, ?, 0, ?, ?)`,
);
database.transaction(() => {
  const now = new Date().toISOString();
  for (let user = 0; user < PEER.users; user++) {
    const id = `user${String(user).padStart(7, "0")}`;
    insert.run(id, id, `${id}@example.com`, now, now);
  }
})();

const server = createServer(toNodeHandler(betterAuth(options)));
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
