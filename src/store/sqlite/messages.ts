/** What the main thread and the writer thread say to each other. */
import type { Command } from "../../verification/aggregates.ts";
import type { Environment } from "../../verification/environment.ts";
import type { Failure } from "../../verification/failures.ts";
import type { DeliveryChange } from "../deliveries.ts";
import type { Commit, MaintenanceTask, SealedInboxMail, Settlement } from "../store.ts";

/** One write. Every kind runs in the batch's transaction; see writer.ts. */
export type WriteTask =
  | { readonly kind: "execute"; readonly command: Command; readonly env: Environment }
  | { readonly kind: "claim"; readonly count: number; readonly nowMs: number; readonly leaseUntilMs: number }
  | { readonly kind: "settle"; readonly settlements: readonly Settlement[]; readonly env: Environment }
  | { readonly kind: "changeDelivery"; readonly change: DeliveryChange; readonly nowMs: number }
  | {
      readonly kind: "setMetadata";
      readonly key: string;
      readonly value: string;
      readonly onlyIfAbsent: boolean;
    }
  | { readonly kind: "addInboxMail"; readonly mail: SealedInboxMail }
  | { readonly kind: "resealInboxMail"; readonly deliveryId: string; readonly sealed: string }
  | { readonly kind: "maintain"; readonly task: MaintenanceTask }
  /** Writes a row, to find out whether writes succeed again. */
  | { readonly kind: "probe" };

export type WriteResult =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "refused"; readonly failure: Failure }
  /** The task alone failed and was rolled back: a bug, or data that the rules did not foresee. */
  | { readonly kind: "error"; readonly error: Error };

export type BatchResult =
  | { readonly kind: "committed"; readonly results: readonly WriteResult[]; readonly commit: Commit }
  /** The database takes no writes now (full disk, read-only file system): nothing of the batch was recorded. */
  | { readonly kind: "unavailable"; readonly error: Error }
  /** A failed sync leaves open what is on disk. Only a restart, which replays the log, can tell. */
  | { readonly kind: "inDoubt"; readonly error: Error };

export type ToWriter =
  /** `sealedCodes`: those of the answers that the tasks keep, see batch-codes.ts. */
  | { readonly kind: "batch"; readonly tasks: readonly WriteTask[]; readonly sealedCodes: string }
  | { readonly kind: "close" };

export type FromWriter =
  | { readonly kind: "ready" }
  | { readonly kind: "openFailed"; readonly error: Error }
  /** `logPages`: how long the write-ahead log is now. */
  | { readonly kind: "batch"; readonly result: BatchResult; readonly logPages: number };
