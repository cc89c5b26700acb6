/** What people may do to a delivery, and what it then means: rules without a database. */
import { failure, type Failure, type FailureName } from "../verification/failures.ts";
import { staleEnd } from "../verification/user/stale-delivery.ts";
import type { UserState } from "../verification/user/state.ts";
import {
  bounceWords,
  type DeliveryChange,
  type DeliveryKind,
  type DeliveryState,
  type Suppression,
  type TimelineEntry,
  type TimelineEvent,
} from "./deliveries.ts";
import type { CancelRequest, Settlement } from "./store.ts";

/** The outbox row, as far as the rules look at it. */
export interface ChangedRow {
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

/** What is to be written, if anything, and what others are told. */
export interface RowEffect {
  readonly failure?: Failure;
  readonly row?:
    | { readonly kind: "makeDue" }
    | { readonly kind: "cancel"; readonly problem: string }
    | { readonly kind: "requestCancel"; readonly by: string }
    | { readonly kind: "bounce"; readonly problem: string };
  readonly entry?: TimelineEvent;
  readonly suppression?: Suppression;
  readonly queuedMail?: boolean;
  readonly cancelRequest?: CancelRequest;
}

/** The changes that are about a row. */
export type RowChange = Extract<DeliveryChange, { kind: "retry" | "cancel" | "bounce" }>;

const PENDING: ReadonlySet<DeliveryState> = new Set(["queued", "sending", "retrying"]);
const WITHOUT_CODE = "its code was erased";

/** Why a delivery that somebody cancelled ended. */
export function cancelledBy(by: string): string {
  return `cancelled by ${by}`;
}

export function refusedChange(name: FailureName): { readonly failure: Failure } {
  return { failure: failure(name) };
}

export interface RowFacts {
  /** Looked at by a retry of a mail with a code. */
  readonly user: UserState | undefined;
  /** Looked at by a bounce. */
  readonly timeline: readonly TimelineEntry[];
}

export function effectOf(change: RowChange, row: ChangedRow, facts: RowFacts, nowMs: number): RowEffect {
  switch (change.kind) {
    case "retry":
      return retried(change, row, facts, nowMs);
    case "cancel":
      return cancelled(change, row);
    case "bounce":
      return bounced(change, row, facts, nowMs);
  }
}

function retried(
  { by }: Extract<RowChange, { kind: "retry" }>,
  row: ChangedRow,
  { user }: RowFacts,
  nowMs: number,
): RowEffect {
  if (!PENDING.has(row.state)) return ended(row);
  if (row.state === "sending") return {};
  const stale = staleProblem(row, user, nowMs);
  if (stale !== undefined) {
    return { failure: failure("DELIVERY_STALE", { text: `The mail will not be sent: ${stale}` }) };
  }
  return { row: { kind: "makeDue" }, entry: { kind: "retryRequested", by }, queuedMail: true };
}

function staleProblem(row: ChangedRow, user: UserState | undefined, nowMs: number): string | undefined {
  if (row.kind !== "code") return row.expiresAtMs < nowMs ? "its time is over" : undefined;
  return staleEnd(user, row, nowMs)?.problem;
}

function cancelled({ deliveryId, by }: Extract<RowChange, { kind: "cancel" }>, row: ChangedRow): RowEffect {
  if (row.state === "cancelled") return {};
  if (!PENDING.has(row.state)) return ended(row);
  if (row.state === "sending") {
    const isNews = row.cancelRequestedBy === null;
    return {
      ...(isNews && { row: { kind: "requestCancel", by }, entry: { kind: "cancelRequested", by } }),
      cancelRequest: { deliveryId, by },
    };
  }
  const problem = cancelledBy(by);
  return { row: { kind: "cancel", problem }, entry: { kind: "ended", state: "cancelled", problem } };
}

function bounced(
  { deliveryId, bounce, by }: Extract<RowChange, { kind: "bounce" }>,
  row: ChangedRow,
  { timeline }: RowFacts,
  nowMs: number,
): RowEffect {
  // Erased with its user: what the report says may name the address again.
  if (row.recipient === "") return refusedChange("DELIVERY_NOT_FOUND");
  const isKnown = timeline.some(
    ({ event }) =>
      event.kind === "bounce" && event.type === bounce.type && event.enhancedCode === bounce.enhancedCode,
  );
  if (isKnown) return {};
  const cameBack = bounce.type === "permanent" || bounce.type === "transient";
  const words = bounceWords(bounce);
  const { organizationId, recipient: address } = row;
  return {
    entry: { kind: "bounce", ...bounce, by },
    ...(cameBack &&
      row.state === "sent" && {
        row: { kind: "bounce", problem: `came back${words === "" ? "" : `: ${words}`}` },
      }),
    ...(bounce.suppresses && {
      suppression: { organizationId, address, ...bounce, deliveryId, createdAtMs: nowMs },
    }),
  };
}

function ended({ kind, state, problem }: ChangedRow): RowEffect {
  const why = problem === null ? "" : ` (${problem})`;
  const erased = kind === "notice" ? "" : `, and ${WITHOUT_CODE} with that`;
  const text = `The mail came to its end as ${state}${why}${erased}`;
  return { failure: failure("DELIVERY_ENDED", { text, metadata: { state } }) };
}

/** Where a settlement left its row. */
export interface SettledRow {
  readonly attempt: number;
  readonly state: DeliveryState;
  readonly problem: string | null;
}

/** What the timeline says of a settlement. */
export function settlementEntries(
  { attempt: number, state, problem }: SettledRow,
  { outcome, tried }: Settlement,
): readonly TimelineEvent[] {
  const entries: TimelineEvent[] = [];
  if (tried !== undefined && outcome.state !== "released") {
    const { startedAtMs, tries } = tried;
    entries.push({
      kind: "attempt",
      number,
      startedAtMs,
      state: outcome.state,
      ...("problem" in outcome && { problem: outcome.problem }),
      ...(outcome.state === "retrying" && state === "retrying" && { retryAtMs: outcome.retryAtMs }),
      tries,
    });
    if (state === outcome.state) return entries;
  }
  if (state !== "queued" && state !== "retrying") {
    entries.push({ kind: "ended", state, ...(problem !== null && { problem }) });
  }
  return entries;
}
