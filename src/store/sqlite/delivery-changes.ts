/** What people do to deliveries, as writes; a refusal writes nothing. */
import type { Database, Statement } from "better-sqlite3";
import { failure, type Failure, type FailureName } from "../../verification/failures.ts";
import { staleEnd } from "../../verification/user/stale-delivery.ts";
import type { UserState } from "../../verification/user/state.ts";
import { bounceWords, type DeliveryChange, type DeliveryKind, type DeliveryState } from "../deliveries.ts";
import type { CancelRequest } from "../store.ts";
import type { DeliveryLog } from "./delivery-log.ts";
import { cancelledBy, type Outbox } from "./outbox.ts";
import type { SuppressionTable } from "./suppression-table.ts";

interface Row {
  readonly row: number;
  readonly kind: DeliveryKind;
  readonly state: DeliveryState;
  readonly userId: string;
  readonly organizationId: string;
  readonly codeId: string;
  readonly recipient: string;
  readonly expiresAtMs: number;
  readonly problem: string | null;
  readonly cancelRequestedBy: string | null;
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
  readonly findUser: (userId: string) => UserState | undefined;
}

const PENDING: ReadonlySet<DeliveryState> = new Set(["queued", "sending", "retrying"]);

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
        return this.#onRow(change, (row) => this.#retry(row, change, nowMs));
      case "cancel":
        return this.#onRow(change, (row) => this.#cancelRow(row, change, nowMs));
      case "bounce":
        return this.#onRow(change, (row) => this.#noteBounce(row, change, nowMs));
      case "test":
        return this.#addTest(change, nowMs);
      case "unsuppress":
        return this.#options.suppressions.remove(change) ? {} : refused("SUPPRESSION_NOT_FOUND");
    }
  }

  #onRow({ deliveryId }: { readonly deliveryId: string }, act: (row: Row) => ChangeEffect): ChangeEffect {
    const row = this.#select.get(deliveryId) as Row | undefined;
    return row === undefined ? refused("DELIVERY_NOT_FOUND") : act(row);
  }

  #retry(row: Row, { by }: Change<"retry">, nowMs: number): ChangeEffect {
    if (!PENDING.has(row.state)) return ended(row);
    if (row.state === "sending") return {};
    const stale = this.#staleEnd(row, nowMs);
    if (stale !== undefined) {
      return { failure: failure("DELIVERY_STALE", { text: `The mail will not be sent: ${stale}` }) };
    }
    this.#makeDue.run({ row: row.row, nowMs });
    this.#options.log.add(row.row, nowMs, { kind: "retryRequested", by });
    return { queuedMail: true };
  }

  #staleEnd(row: Row, nowMs: number): string | undefined {
    if (row.kind !== "code") return row.expiresAtMs < nowMs ? "its time is over" : undefined;
    return staleEnd(this.#options.findUser(row.userId), row, nowMs)?.problem;
  }

  #cancelRow(row: Row, { deliveryId, by }: Change<"cancel">, nowMs: number): ChangeEffect {
    if (row.state === "cancelled") return {};
    if (!PENDING.has(row.state)) return ended(row);
    const { log } = this.#options;
    if (row.state === "sending") {
      if (row.cancelRequestedBy === null) {
        this.#requestCancel.run({ row: row.row, by });
        log.add(row.row, nowMs, { kind: "cancelRequested", by });
      }
      return { cancelRequest: { deliveryId, by } };
    }
    const problem = cancelledBy(by);
    this.#cancel.run({ row: row.row, problem, nowMs });
    log.add(row.row, nowMs, { kind: "ended", state: "cancelled", problem });
    return {};
  }

  #noteBounce(row: Row, { deliveryId, bounce, by }: Change<"bounce">, nowMs: number): ChangeEffect {
    const { log, suppressions } = this.#options;
    // Erased with its user: what the report says may name the address again.
    if (row.recipient === "") return refused("DELIVERY_NOT_FOUND");
    const isKnown = log
      .read(row.row)
      .some(
        ({ event }) =>
          event.kind === "bounce" && event.type === bounce.type && event.enhancedCode === bounce.enhancedCode,
      );
    if (isKnown) return {};
    log.add(row.row, nowMs, { kind: "bounce", ...bounce, by });
    const cameBack = bounce.type === "permanent" || bounce.type === "transient";
    if (cameBack && row.state === "sent") {
      const words = bounceWords(bounce);
      this.#bounce.run({ row: row.row, problem: `came back${words === "" ? "" : `: ${words}`}` });
    }
    if (bounce.suppresses) {
      const { organizationId, recipient: address, userId } = row;
      suppressions.add({ organizationId, address, ...bounce, deliveryId, createdAtMs: nowMs }, userId);
    }
    return {};
  }

  #addTest(change: Change<"test">, nowMs: number): ChangeEffect {
    const { outbox, suppressions } = this.#options;
    const { organizationId, recipient: address, allowsSuppressed } = change;
    if (!allowsSuppressed && suppressions.has({ organizationId, address }))
      return refused("ADDRESS_SUPPRESSED");
    outbox.addTest(change, nowMs);
    return { queuedMail: true };
  }
}

function refused(name: FailureName): ChangeEffect {
  return { failure: failure(name) };
}

const WITHOUT_CODE = "its code was erased";

function ended({ kind, state, problem }: Row): ChangeEffect {
  const why = problem === null ? "" : ` (${problem})`;
  const erased = kind === "notice" ? "" : `, and ${WITHOUT_CODE} with that`;
  const text = `The mail came to its end as ${state}${why}${erased}`;
  return { failure: failure("DELIVERY_ENDED", { text, metadata: { state } }) };
}
