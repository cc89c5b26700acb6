/** The outbox rows. What their states mean stands in mail/dispatcher.ts; here are the statements that move them. */
import { randomUUID } from "node:crypto";
import type { Database, Statement } from "better-sqlite3";
import type { OutboxEntry } from "../../verification/decider.ts";
import type { DeliveryKind } from "../deliveries.ts";
import { cancelledBy, settlementEntries, type SettledRow as Settled } from "../delivery-rules.ts";
import type { ClaimedDelivery, Settlement } from "../store.ts";
import type { DeliveryLog } from "./delivery-log.ts";

interface SettledRow extends Settled {
  readonly row: number;
  readonly kind: DeliveryKind;
  readonly userId: string;
  readonly codeId: string;
}

/** A mail without a code. */
export interface TestMail {
  readonly deliveryId: string;
  readonly organizationId: string;
  readonly recipient: string;
  readonly expiresAtMs: number;
}

const SETTLED = "RETURNING id AS row, kind, user_id AS userId, code_id AS codeId, attempt, state, problem";

/** Whether a process that was killed had mails in hand: they wait for the end of their leases until releaseAll(). */
export function hasLeases(database: Database): boolean {
  return database.prepare(`SELECT 1 FROM outbox WHERE ${LEASED} LIMIT 1`).get() !== undefined;
}

const LEASED = "due_at_ms > 0 AND state = 'sending'";

export class Outbox {
  readonly #log: DeliveryLog;
  readonly #releaseAll: Statement;
  readonly #insert: Statement;
  readonly #claim: Statement;
  readonly #release: Statement;
  readonly #retry: Statement;
  readonly #end: Statement;
  readonly #endCancelled: Statement;

  constructor(database: Database, log: DeliveryLog) {
    this.#log = log;
    this.#releaseAll = database.prepare(`UPDATE outbox SET due_at_ms = 0 WHERE ${LEASED}`);
    this.#insert = database.prepare(
      `INSERT INTO outbox (delivery_id, kind, code_id, user_id, organization_id, recipient, url_template, sealed_code,
         accept_language, new_address, queued_at_ms, expires_at_ms, state, due_at_ms)
       VALUES (@deliveryId, @kind, @codeId, @userId, @organizationId, @recipient, @urlTemplate, @sealedCode,
         @acceptLanguage, @newAddress, @nowMs, @expiresAtMs, 'queued', @nowMs)`,
    );
    // The lease's text carries the row's id, so that settling finds the row without an index.
    // A row whose lease is over is due again: its process died, or lost the row to a stall.
    this.#claim = database.prepare(
      `UPDATE outbox SET state = 'sending', attempt = attempt + 1, lease_id = @leaseId, due_at_ms = @leaseUntilMs
       WHERE id IN (SELECT id FROM outbox WHERE due_at_ms <= @nowMs ORDER BY due_at_ms LIMIT @count)
       RETURNING delivery_id AS deliveryId, kind, code_id AS codeId, user_id AS userId,
         organization_id AS organizationId, recipient, url_template AS urlTemplate,
         coalesce(sealed_code, '') AS sealedCode, accept_language AS acceptLanguage, new_address AS newAddress,
         expires_at_ms AS expiresAtMs, id || ':' || lease_id AS leaseId, attempt,
         queued_at_ms AS queuedAtMs, cancel_requested_by AS cancelRequestedBy`,
    );
    this.#release = database.prepare(
      `UPDATE outbox SET state = CASE attempt WHEN 1 THEN 'queued' ELSE 'retrying' END, attempt = attempt - 1,
         due_at_ms = @nowMs, lease_id = NULL
       WHERE id = @id AND lease_id = @lease AND cancel_requested_by IS NULL ${SETTLED}`,
    );
    this.#retry = database.prepare(
      `UPDATE outbox SET state = 'retrying', due_at_ms = @retryAtMs, lease_id = NULL, problem = @problem,
         message_id = coalesce(message_id, @messageId)
       WHERE id = @id AND lease_id = @lease AND cancel_requested_by IS NULL ${SETTLED}`,
    );
    this.#end = database.prepare(
      `UPDATE outbox SET state = @state, due_at_ms = NULL, lease_id = NULL, sealed_code = NULL, problem = @problem,
         ended_at_ms = @nowMs, message_id = coalesce(message_id, @messageId)
       WHERE id = @id AND lease_id = @lease ${SETTLED}`,
    );
    this.#endCancelled = database.prepare(
      `UPDATE outbox SET state = 'cancelled', due_at_ms = NULL, lease_id = NULL, sealed_code = NULL,
         problem = '${cancelledBy("")}' || cancel_requested_by, ended_at_ms = @nowMs,
         message_id = coalesce(message_id, @messageId)
       WHERE id = @id AND lease_id = @lease AND cancel_requested_by IS NOT NULL ${SETTLED}`,
    );
  }

  /** Ends every lease: whoever opens the database for writing holds its lock, so the dispatchers of before are gone. */
  releaseAll(): void {
    this.#releaseAll.run();
  }

  add(entry: OutboxEntry, nowMs: number): void {
    const { kind = "code", sealedCode, newAddress = "" } = entry;
    this.#insert.run({
      ...entry,
      kind,
      sealedCode: sealedCode === "" ? null : sealedCode,
      newAddress,
      nowMs,
    });
  }

  addTest(mail: TestMail, nowMs: number): void {
    const noCode = {
      kind: "test",
      codeId: "",
      userId: "",
      urlTemplate: "",
      sealedCode: null,
      acceptLanguage: "",
      newAddress: "",
    };
    this.#insert.run({ ...mail, ...noCode, nowMs });
  }

  claim(count: number, nowMs: number, leaseUntilMs: number): ClaimedDelivery[] {
    return this.#claim.all({ count, nowMs, leaseUntilMs, leaseId: randomUUID() }) as ClaimedDelivery[];
  }

  /** @returns the row, or undefined when the lease is no longer the row's */
  settle(settlement: Settlement, nowMs: number): SettledRow | undefined {
    const settled = this.#move(settlement, nowMs);
    if (settled === undefined) return undefined;
    for (const entry of settlementEntries(settled, settlement)) this.#log.add(settled.row, nowMs, entry);
    return settled;
  }

  #move({ leaseId, outcome, tried }: Settlement, nowMs: number): SettledRow | undefined {
    const [id, lease] = leaseId.split(":");
    const messageId = tried?.messageId ?? null;
    const problem = "problem" in outcome ? outcome.problem : null;
    switch (outcome.state) {
      case "released":
        return (this.#release.get({ id, lease, nowMs }) ??
          this.#endCancelled.get({ id, lease, nowMs, messageId })) as SettledRow | undefined;
      case "retrying": {
        const { retryAtMs } = outcome;
        return (this.#retry.get({ id, lease, retryAtMs, problem, messageId }) ??
          this.#endCancelled.get({ id, lease, nowMs, messageId })) as SettledRow | undefined;
      }
      default: {
        const { state } = outcome;
        return this.#end.get({ id, lease, state, problem, nowMs, messageId }) as SettledRow | undefined;
      }
    }
  }
}
