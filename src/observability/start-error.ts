/**
 * A start that failed for a reason its operator can change: a port in use, a locked data directory, the wrong key.
 * `serve` prints the message without a stack, one line for each problem; so the message says what is wrong and what to do.
 */
export class StartError extends Error {
  override readonly name = "StartError";
}
