/** What people do to deliveries, as writes; a refusal writes nothing. */
import type { Database, Statement } from "better-sqlite3";
import type { Failure } from "../../verification/failures.ts";
import type { UserState } from "../../verification/user/state.ts";
import type { DeliveryChange } from "../deliveries.ts";
import {
  effectOf,
  refusedChange,
  type ChangedRow,
  type RowChange,
  type RowEffect,
} from "../delivery-rules.ts";
import type { CancelRequest } from "../store.ts";
import { checkTestMails, testMailBucket, testMailDebit } from "../test-mail-limit.ts";
import type { BucketTable } from "./bucket-table.ts";
import type { DeliveryLog } from "./delivery-log.ts";
import type { Outbox } from "./outbox.ts";
import type { SuppressionTable } from "./suppression-table.ts";

interface Row extends ChangedRow {
  readonly row: number;
}

/** What a change means to others. */
export interface ChangeEffect {
  readonly failure?: Failure;
  readonly queuedMail?: boolean;
  readonly cancelRequest?: CancelRequest;
}

type Change<Kind extends DeliveryChange["kind"]> = Extract<DeliveryChange, { kind: Kind }>;

export interface DeliveryChangesOptions {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly log: DeliveryLog;
  readonly suppressions: SuppressionTable;
  readonly buckets: BucketTable;
  readonly findUser: (userId: string) => UserState | undefined;
}

export class DeliveryChanges {
  readonly #options: DeliveryChangesOptions;
  readonly #select: Statement;
  readonly #makeDue: Statement;
  readonly #cancel: Statement;
  readonly #requestCancel: Statement;
  readonly #bounce: Statement;

  constructor(options: DeliveryChangesOptions) {
    const { database } = options;
    this.#options = options;
    this.#select = database.prepare(
      `SELECT id AS row, kind, state, user_id AS userId, organization_id AS organizationId, code_id AS codeId, recipient,
         expires_at_ms AS expiresAtMs, problem, cancel_requested_by AS cancelRequestedBy
       FROM outbox WHERE delivery_id = ?`,
    );
    this.#makeDue = database.prepare("UPDATE outbox SET due_at_ms = min(due_at_ms, @nowMs) WHERE id = @row");
    this.#cancel = database.prepare(
      `UPDATE outbox SET state = 'cancelled', due_at_ms = NULL, sealed_code = NULL, problem = @problem,
         ended_at_ms = @nowMs
       WHERE id = @row`,
    );
    this.#requestCancel = database.prepare("UPDATE outbox SET cancel_requested_by = @by WHERE id = @row");
    this.#bounce = database.prepare(
      "UPDATE outbox SET state = 'bounced', problem = @problem WHERE id = @row",
    );
  }

  apply(change: DeliveryChange, nowMs: number): ChangeEffect {
    switch (change.kind) {
      case "retry":
      case "cancel":
      case "bounce":
        return this.#changeRow(change, nowMs);
      case "test":
        return this.#addTest(change, nowMs);
      case "unsuppress":
        return this.#options.suppressions.remove(change) ? {} : refusedChange("SUPPRESSION_NOT_FOUND");
    }
  }

  #changeRow(change: RowChange, nowMs: number): ChangeEffect {
    const found = this.#select.get(change.deliveryId) as Row | undefined;
    if (found === undefined) return refusedChange("DELIVERY_NOT_FOUND");
    const { log, suppressions, findUser } = this.#options;
    const { row: id } = found;
    const facts = {
      user: change.kind === "retry" && found.kind === "code" ? findUser(found.userId) : undefined,
      timeline: change.kind === "bounce" ? log.read(id) : [],
    };
    const { row, entry, suppression, ...effect } = effectOf(change, found, facts, nowMs);
    if (row !== undefined) this.#write(id, row, nowMs);
    if (entry !== undefined) log.add(id, nowMs, entry);
    if (suppression !== undefined) suppressions.add(suppression, found.userId);
    return effect;
  }

  #write(row: number, write: NonNullable<RowEffect["row"]>, nowMs: number): void {
    switch (write.kind) {
      case "makeDue":
        this.#makeDue.run({ row, nowMs });
        return;
      case "cancel":
        this.#cancel.run({ row, problem: write.problem, nowMs });
        return;
      case "requestCancel":
        this.#requestCancel.run({ row, by: write.by });
        return;
      case "bounce":
        this.#bounce.run({ row, problem: write.problem });
    }
  }

  #addTest(change: Change<"test">, nowMs: number): ChangeEffect {
    const { outbox, suppressions, buckets } = this.#options;
    const { organizationId, recipient: address, allowsSuppressed, maxPerHour } = change;
    if (!allowsSuppressed && suppressions.has({ organizationId, address }))
      return refusedChange("ADDRESS_SUPPRESSED");
    const use = buckets.find(testMailBucket(organizationId), nowMs);
    const exhausted = checkTestMails(use, maxPerHour, nowMs);
    if (exhausted !== undefined) return { failure: exhausted };
    buckets.debit(testMailDebit(organizationId, nowMs), nowMs);
    outbox.addTest(change, nowMs);
    return { queuedMail: true };
  }
}
