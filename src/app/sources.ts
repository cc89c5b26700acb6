/** What tests replace to make runs repeatable. */
export interface Sources {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Cryptographically secure bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
}
