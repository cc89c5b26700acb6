/** Mails as people look at them: what became of each, who changed what, and which addresses take none. */

export type DeliveryState =
  | "queued"
  | "sending"
  | "sent"
  | "retrying"
  | "failed"
  | "cancelled"
  | "expired"
  | "bounced";

export type PendingState = "queued" | "sending" | "retrying";

/**
 * A "code" is what most mails carry. A "notice" tells an old address that there is a new one, and has no code. "test"
 * mails have no code either, and belong to no user.
 */
export type DeliveryKind = "code" | "notice" | "test";

export interface DeliveryRecord {
  readonly deliveryId: string;
  readonly kind: DeliveryKind;
  readonly state: DeliveryState;
  /** "" for test mails. */
  readonly userId: string;
  readonly organizationId: string;
  readonly recipient: string;
  /** "" for notices and test mails. */
  readonly codeId: string;
  /** In angle brackets; null before the first attempt. */
  readonly messageId: string | null;
  readonly queuedAtMs: number;
  readonly expiresAtMs: number;
  /** Null while it is being sent, and after its end. */
  readonly dueAtMs: number | null;
  readonly endedAtMs: number | null;
  /** The one under way counts. */
  readonly attempts: number;
  /** The last fault, or why it ended unsent. */
  readonly problem: string | null;
  /** Who cancelled it while it was being sent. */
  readonly cancelRequestedBy: string | null;
}

/** One relay's part in an attempt. Nothing in it names a recipient, a code or a link. */
export interface DeliveryTry {
  readonly relay: string;
  readonly outcome: "accepted" | "transient" | "permanent";
  readonly replyCode?: number;
  /** RFC 3463. */
  readonly enhancedCode?: string;
  readonly text: string;
}

/** What the dispatcher knows of an attempt beside its outcome. */
export interface DeliveryAttempt {
  readonly startedAtMs: number;
  readonly messageId?: string;
  readonly tries: readonly DeliveryTry[];
}

export type BounceType = "permanent" | "transient" | "complaint" | "delayed";

/** What became of a mail after it was sent. */
export interface Bounce {
  readonly type: BounceType;
  /** Whether the address takes no mail from now on. */
  readonly suppresses: boolean;
  /** RFC 3463, or "". */
  readonly enhancedCode: string;
  readonly diagnostic: string;
  /** Who reported it first, or "". */
  readonly reportingServer: string;
}

/** What the reporting server said, with the code once; "" for nothing. */
export function bounceWords({
  enhancedCode,
  diagnostic,
}: Pick<Bounce, "enhancedCode" | "diagnostic">): string {
  if (diagnostic.includes(enhancedCode)) return diagnostic;
  return diagnostic === "" ? enhancedCode : `${enhancedCode} ${diagnostic}`;
}

/** A bounce, and the mail that it is about. */
export interface BounceReport extends Bounce {
  /** Without angle brackets. */
  readonly messageId: string;
}

/** What a report says, or what it lacks. */
export type BounceReading =
  | { readonly ok: true; readonly report: BounceReport }
  | { readonly ok: false; readonly problem: string };

export type TimelineEvent =
  | {
      readonly kind: "attempt";
      /** 1 for the first. */
      readonly number: number;
      readonly startedAtMs: number;
      /** Where it left the mail. */
      readonly state: DeliveryState;
      readonly problem?: string;
      readonly retryAtMs?: number;
      readonly tries: readonly DeliveryTry[];
    }
  | { readonly kind: "retryRequested" | "cancelRequested"; readonly by: string }
  /** An end without an attempt. */
  | { readonly kind: "ended"; readonly state: DeliveryState; readonly problem?: string }
  | ({ readonly kind: "bounce"; readonly by: string } & Bounce);

export interface TimelineEntry {
  readonly atMs: number;
  readonly event: TimelineEvent;
}

/** Of further entries only the newest so many are kept. */
export const TIMELINE_MAX_ENTRIES = 50;

export interface DeliveryHistory {
  readonly delivery: DeliveryRecord;
  /** After the queueing, oldest first. */
  readonly timeline: readonly TimelineEntry[];
}

/** Where a page of a list ends. */
export interface DeliveryCursor {
  readonly queuedAtMs: number;
  readonly row: number;
}

/** What is asked for has to hold at once; what is left out does not matter. */
export interface DeliveryQuery {
  readonly organizationIds?: readonly string[];
  readonly userId?: string;
  /** Whatever the case of its domain. */
  readonly recipient?: string;
  readonly states?: readonly DeliveryState[];
  readonly queuedFromMs?: number;
  readonly queuedBeforeMs?: number;
  /** Continues after another page. */
  readonly after?: DeliveryCursor;
  /** At most this many, 1 to 1000. */
  readonly limit: number;
  /** The query is given up this many milliseconds after it began to run. */
  readonly timeoutMs: number;
}

/** Newest first. */
export interface DeliveryPage {
  readonly deliveries: readonly DeliveryRecord[];
  /** Undefined on the last page. */
  readonly next: DeliveryCursor | undefined;
}

export interface Suppression {
  readonly organizationId: string;
  readonly address: string;
  readonly type: BounceType;
  readonly enhancedCode: string;
  readonly diagnostic: string;
  readonly deliveryId: string;
  readonly createdAtMs: number;
}

export interface SuppressionQuery {
  readonly organizationIds?: readonly string[];
  /** Whatever the case of its domain. */
  readonly address?: string;
  /** Continues after another page. */
  readonly after?: number;
  /** At most this many, 1 to 1000. */
  readonly limit: number;
  /** The query is given up this many milliseconds after it began to run. */
  readonly timeoutMs: number;
}

/** Newest first. */
export interface SuppressionPage {
  readonly suppressions: readonly Suppression[];
  /** Undefined on the last page. */
  readonly next: number | undefined;
}

/** What people do to deliveries. Whether they may was asked before. */
export type DeliveryChange =
  /** Due now. @throws DELIVERY_NOT_FOUND, DELIVERY_ENDED, DELIVERY_STALE */
  | { readonly kind: "retry"; readonly deliveryId: string; readonly by: string }
  /**
   * Ends what waits, and marks what is being sent: `Commit` tells the dispatcher, and no further attempt follows.
   * A delivery that is cancelled stays so. @throws DELIVERY_NOT_FOUND, DELIVERY_ENDED
   */
  | { readonly kind: "cancel"; readonly deliveryId: string; readonly by: string }
  /** Queues a mail without a code. @throws ADDRESS_SUPPRESSED, TEST_MAILS_EXHAUSTED */
  | {
      readonly kind: "test";
      readonly deliveryId: string;
      readonly organizationId: string;
      readonly recipient: string;
      readonly expiresAtMs: number;
      readonly allowsSuppressed: boolean;
      /** For the organization; 0 for no limit. */
      readonly maxPerHour: number;
    }
  /**
   * A sent mail that came back is "bounced", unless it is only late or unwanted. The same report again changes nothing.
   * @throws DELIVERY_NOT_FOUND
   */
  | { readonly kind: "bounce"; readonly deliveryId: string; readonly bounce: Bounce; readonly by: string }
  /** @throws SUPPRESSION_NOT_FOUND */
  | { readonly kind: "unsuppress"; readonly organizationId: string; readonly address: string };
