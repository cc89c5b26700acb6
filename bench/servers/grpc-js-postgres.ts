/**
 * SendEmailCode with grpc-js and pg, written plainly: a transaction per call over a pool, prepared statements, the user's row
 * locked, the event and the user written, committed durably. `node grpc-js-postgres.ts <url> <users> <token>`.
 */
import { status } from "@grpc/grpc-js";
import { createHash, createHmac, randomBytes, randomInt } from "node:crypto";
import { Pool } from "pg";
import { serveGrpcJs } from "./grpc-js.ts";
import { PEER } from "./peer-arguments.ts";

const CODE_LENGTH = 6;
const CODE_TTL_MS = 3_600_000;
/** As many as the service has by default. */
const POOL_SIZE = 10;

const pool = new Pool({ connectionString: PEER.path, max: POOL_SIZE });
const secret = randomBytes(32);

await pool.query(`
  CREATE TABLE tokens (hash TEXT PRIMARY KEY);
  CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL, sequence BIGINT NOT NULL, code_mac TEXT,
    code_expires_at_ms BIGINT);
  CREATE TABLE events (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id TEXT NOT NULL, type TEXT NOT NULL,
    sequence BIGINT NOT NULL, created_at_ms BIGINT NOT NULL);
`);
await pool.query("INSERT INTO tokens VALUES ($1)", [digest(PEER.token)]);
await pool.query(
  `INSERT INTO users SELECT 'user' || lpad(n::text, 4, '0'), 'user' || n || '@example.com', 0
   FROM generate_series(0, $1::int - 1) AS n`,
  [PEER.users],
);

async function isAllowed(authorization: string): Promise<boolean> {
  const token = authorization.startsWith("Bearer ") ? authorization.slice(7) : "";
  const text = "SELECT 1 FROM tokens WHERE hash = $1";
  return (await pool.query({ name: "token", text, values: [digest(token)] })).rowCount === 1;
}

async function sendCode(userId: string) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const found = await client.query<{ sequence: string }>({
      name: "user",
      text: "SELECT sequence FROM users WHERE id = $1 FOR UPDATE",
      values: [userId],
    });
    const [user] = found.rows;
    if (user === undefined) {
      await client.query("ROLLBACK");
      return undefined;
    }
    const code = Array.from({ length: CODE_LENGTH }, () => randomInt(10)).join("");
    const mac = createHmac("sha256", secret).update(`${userId}:${code}`).digest("base64");
    const sequence = Number(user.sequence) + 1;
    const nowMs = Date.now();
    await client.query({
      name: "event",
      text: "INSERT INTO events (user_id, type, sequence, created_at_ms) VALUES ($1, 'code.added', $2, $3)",
      values: [userId, sequence, nowMs],
    });
    await client.query({
      name: "code",
      text: "UPDATE users SET sequence = $1, code_mac = $2, code_expires_at_ms = $3 WHERE id = $4",
      values: [sequence, mac, nowMs + CODE_TTL_MS, userId],
    });
    await client.query("COMMIT");
    return { code, sequence, changedAtMs: nowMs };
  } finally {
    client.release();
  }
}

serveGrpcJs(({ metadata, request }, answer) => {
  const [authorization = ""] = metadata.get("authorization");
  isAllowed(authorization.toString())
    .then(async (allowed) => {
      if (!allowed) return answer({ code: status.UNAUTHENTICATED, details: "unknown token" });
      const sent = await sendCode(request.userId);
      if (sent === undefined) return answer({ code: status.NOT_FOUND, details: "no such user" });
      const { sequence, changedAtMs, code } = sent;
      const changeDate = { seconds: Math.floor(changedAtMs / 1_000), nanos: (changedAtMs % 1_000) * 1e6 };
      return answer(null, {
        details: { sequence, changeDate, resourceOwner: "default" },
        verificationCode: code,
      });
    })
    .catch((error: Error) => answer({ code: status.INTERNAL, details: error.message }));
});

function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
