/** The same clock in all threads, which nobody sets: milliseconds since some time in the past. */
export function monotonicNowMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}
