/** The outbox rows. What their states mean stands in mail/dispatcher.ts; here are the statements that move them. */
import { randomUUID } from "node:crypto";
import type { Database, Statement } from "better-sqlite3";
import type { OutboxEntry } from "../../verification/decider.ts";
import type { ClaimedDelivery, Settlement } from "../store.ts";

interface SettledRow {
  readonly userId: string;
  readonly codeId: string;
}

export class Outbox {
  readonly #releaseAll: Statement;
  readonly #insert: Statement;
  readonly #claim: Statement;
  readonly #release: Statement;
  readonly #retry: Statement;
  readonly #end: Statement;

  constructor(database: Database) {
    this.#releaseAll = database.prepare(
      "UPDATE outbox SET due_at_ms = 0 WHERE due_at_ms > 0 AND state = 'sending'",
    );
    this.#insert = database.prepare(
      `INSERT INTO outbox (delivery_id, code_id, user_id, organization_id, recipient, url_template, sealed_code,
         queued_at_ms, expires_at_ms, state, due_at_ms)
       VALUES (@deliveryId, @codeId, @userId, @organizationId, @recipient, @urlTemplate, @sealedCode,
         @nowMs, @expiresAtMs, 'queued', @nowMs)`,
    );
    // The lease's text carries the row's id, so that settling finds the row without an index.
    // A row whose lease is over is due again: its process died, or lost the row to a stall.
    this.#claim = database.prepare(
      `UPDATE outbox SET state = 'sending', attempt = attempt + 1, lease_id = @leaseId, due_at_ms = @leaseUntilMs
       WHERE id IN (SELECT id FROM outbox WHERE due_at_ms <= @nowMs ORDER BY due_at_ms LIMIT @count)
       RETURNING delivery_id AS deliveryId, code_id AS codeId, user_id AS userId, organization_id AS organizationId,
         recipient, url_template AS urlTemplate, sealed_code AS sealedCode, expires_at_ms AS expiresAtMs,
         id || ':' || lease_id AS leaseId, attempt, queued_at_ms AS queuedAtMs`,
    );
    this.#release = database.prepare(
      `UPDATE outbox SET state = CASE attempt WHEN 1 THEN 'queued' ELSE 'retrying' END, attempt = attempt - 1,
         due_at_ms = @nowMs, lease_id = NULL
       WHERE id = @id AND lease_id = @lease
       RETURNING user_id AS userId, code_id AS codeId`,
    );
    this.#retry = database.prepare(
      `UPDATE outbox SET state = 'retrying', due_at_ms = @retryAtMs, lease_id = NULL, problem = @problem
       WHERE id = @id AND lease_id = @lease
       RETURNING user_id AS userId, code_id AS codeId`,
    );
    this.#end = database.prepare(
      `UPDATE outbox SET state = @state, due_at_ms = NULL, lease_id = NULL, sealed_code = NULL, problem = @problem,
         ended_at_ms = @nowMs
       WHERE id = @id AND lease_id = @lease
       RETURNING user_id AS userId, code_id AS codeId`,
    );
  }

  /** Ends every lease: whoever opens the database for writing holds its lock, so the dispatchers of before are gone. */
  releaseAll(): void {
    this.#releaseAll.run();
  }

  add(entry: OutboxEntry, nowMs: number): void {
    this.#insert.run({ ...entry, nowMs });
  }

  claim(count: number, nowMs: number, leaseUntilMs: number): ClaimedDelivery[] {
    return this.#claim.all({ count, nowMs, leaseUntilMs, leaseId: randomUUID() }) as ClaimedDelivery[];
  }

  /** @returns the row, or undefined when the lease is no longer the row's */
  settle({ leaseId, outcome }: Settlement, nowMs: number): SettledRow | undefined {
    const [id, lease] = leaseId.split(":");
    if (outcome.state === "released") {
      return this.#release.get({ id, lease, nowMs }) as SettledRow | undefined;
    }
    if (outcome.state === "retrying") {
      const { retryAtMs, problem } = outcome;
      return this.#retry.get({ id, lease, retryAtMs, problem }) as SettledRow | undefined;
    }
    const problem = "problem" in outcome ? outcome.problem : null;
    return this.#end.get({ id, lease, state: outcome.state, problem, nowMs }) as SettledRow | undefined;
  }
}
