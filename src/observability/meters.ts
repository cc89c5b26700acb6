/**
 * What the service counts, and nothing of who reads it: metrics.ts keeps the counts where metrics are served, and where
 * they are not, nobody counts and the library that would is not loaded.
 */

/** Calls of one method in one format. */
export interface CallMeter {
  /** @param code gRPC's code in the Connect protocol's spelling, or "ok" */
  ended(code: string, seconds: number): void;
}

/** What became of a call over a limit on sending. */
export type OverLimitOutcome = "refused" | "dry_run";

export type CommitFailure = "unavailable" | "in_doubt";
export type MailOutcome = "sent" | "retrying" | "failed" | "cancelled" | "expired" | "released";

/** What is said of every transaction. */
export interface CommitMeter {
  committed(writes: number, seconds: number): void;
  commitFailed(kind: CommitFailure): void;
}

export interface Meters extends CommitMeter {
  /** The meter of a method in a format; keep it. */
  callMeter(method: string, format: string): CallMeter;
  /** @param reason out of a fixed set */
  requestRefused(reason: string): void;
  /** @param limit out of a fixed set */
  sendOverLimit(limit: string, outcome: OverLimitOutcome): void;
  mailTried(outcome: MailOutcome): void;
}

/** Counts nothing. */
export const NO_METERS: Meters = {
  callMeter: () => ({ ended() {} }),
  requestRefused() {},
  sendOverLimit() {},
  committed() {},
  commitFailed() {},
  mailTried() {},
};
