/**
 * E-mail codes as an afternoon makes them, for the peers on grpc-js and Fastify: tables for tokens, users and events,
 * prepared statements, one durable transaction per call. It keeps a digest of the code, records that one was made, and
 * knows who may call; it has no limits, no audit of refusals, no outbox and no log.
 */
import Database from "better-sqlite3";
import { createHash, createHmac, randomBytes, randomInt } from "node:crypto";

export interface SentCode {
  readonly code: string;
  readonly sequence: number;
  readonly changedAtMs: number;
}

const CODE_LENGTH = 6;
const CODE_TTL_MS = 3_600_000;

export class PlainStore {
  readonly #secret = randomBytes(32);
  readonly #findToken;
  readonly #findUser;
  readonly #insertEvent;
  readonly #updateUser;
  readonly #send;

  /** @param users that are to be there, as `user0000000` and so on */
  constructor(path: string, users: number, token: string) {
    const database = new Database(path);
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.exec(`
      CREATE TABLE tokens (hash TEXT PRIMARY KEY);
      CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL, sequence INTEGER NOT NULL, code_mac TEXT,
        code_expires_at_ms INTEGER);
      CREATE TABLE events (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, type TEXT NOT NULL, sequence INTEGER NOT NULL,
        created_at_ms INTEGER NOT NULL);
    `);
    database.transaction(() => {
      database.prepare("INSERT INTO tokens VALUES (?)").run(digest(token));
      const insert = database.prepare("INSERT INTO users VALUES (?, ?, 0, NULL, NULL)");
      for (let user = 0; user < users; user++) {
        const id = `user${String(user).padStart(7, "0")}`;
        insert.run(id, `${id}@example.com`);
      }
    })();
    this.#findToken = database.prepare("SELECT 1 FROM tokens WHERE hash = ?");
    this.#findUser = database.prepare("SELECT sequence FROM users WHERE id = ?");
    this.#insertEvent = database.prepare(
      "INSERT INTO events (user_id, type, sequence, created_at_ms) VALUES (?, 'code.added', ?, ?)",
    );
    this.#updateUser = database.prepare(
      "UPDATE users SET sequence = ?, code_mac = ?, code_expires_at_ms = ? WHERE id = ?",
    );
    this.#send = database.transaction((userId: string) => this.#sendCode(userId));
  }

  /** @param authorization the header, such as `Bearer abc` */
  isAllowed(authorization: string | undefined): boolean {
    const token = authorization?.startsWith("Bearer ") === true ? authorization.slice(7) : "";
    return this.#findToken.get(digest(token)) !== undefined;
  }

  /** @returns undefined when there is no such user */
  sendCode(userId: string): SentCode | undefined {
    return this.#send.immediate(userId);
  }

  #sendCode(userId: string): SentCode | undefined {
    const user = this.#findUser.get(userId) as { sequence: number } | undefined;
    if (user === undefined) return undefined;
    const code = Array.from({ length: CODE_LENGTH }, () => randomInt(10)).join("");
    const mac = createHmac("sha256", this.#secret).update(`${userId}:${code}`).digest("base64");
    const sequence = user.sequence + 1;
    const nowMs = Date.now();
    this.#insertEvent.run(userId, sequence, nowMs);
    this.#updateUser.run(sequence, mac, nowMs + CODE_TTL_MS, userId);
    return { code, sequence, changedAtMs: nowMs };
  }
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
