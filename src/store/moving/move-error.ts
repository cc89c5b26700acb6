/** A move that cannot be made as it is asked for; the message says why, and what to do. */
export class MoveError extends Error {
  override readonly name = "MoveError";
}
