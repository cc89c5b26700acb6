/** Answers of calls with an Idempotency-Key, kept so that the same call gets the same answer. */
import type { Database, Statement } from "better-sqlite3";
import type { KeptReply, ReplyToKeep } from "../../verification/decider.ts";
import type { Details } from "../../verification/user/commands.ts";

/** So many are removed in one go, in a few milliseconds: calls wait for the transaction meanwhile. */
const PRUNED_AT_A_TIME = 1_000;

interface Row {
  readonly fingerprint: string;
  readonly userId: string;
  readonly details: string;
  readonly sealedCode: string | null;
}

export class ReplyTable {
  readonly #select: Statement;
  readonly #upsert: Statement;
  readonly #prune: Statement;

  constructor(database: Database) {
    this.#select = database.prepare(
      `SELECT fingerprint, user_id AS userId, details, sealed_code AS sealedCode
       FROM kept_replies WHERE scope = ? AND expires_at_ms > ?`,
    );
    this.#upsert = database.prepare(
      `INSERT INTO kept_replies (scope, fingerprint, user_id, details, sealed_code, expires_at_ms)
       VALUES (@scope, @fingerprint, @userId, @details, @sealedCode, @expiresAtMs)
       ON CONFLICT (scope) DO UPDATE SET fingerprint = excluded.fingerprint, user_id = excluded.user_id,
         details = excluded.details, sealed_code = excluded.sealed_code, expires_at_ms = excluded.expires_at_ms`,
    );
    this.#prune = database.prepare(
      `DELETE FROM kept_replies WHERE scope IN
         (SELECT scope FROM kept_replies WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ${PRUNED_AT_A_TIME})`,
    );
  }

  /** The answer under the scope, unless it is over. */
  find(scope: string, nowMs: number): KeptReply | undefined {
    const row = this.#select.get(scope, nowMs) as Row | undefined;
    return row && { ...row, details: JSON.parse(row.details) as Details };
  }

  /** Takes the place of one that is over. */
  keep(reply: ReplyToKeep): void {
    this.#upsert.run({ ...reply, details: JSON.stringify(reply.details) });
  }

  /** Removes some that are over. @returns whether there may be more */
  prune(nowMs: number): boolean {
    return this.#prune.run(nowMs).changes === PRUNED_AT_A_TIME;
  }
}
