/** Tells by an AbortSignal that a stream has closed. */
import type { EventEmitter } from "node:events";

export interface Closing extends Pick<EventEmitter, "once"> {
  readonly destroyed: boolean;
}

/** Aborted when the stream closes, at once for one that has. */
export function closeSignal(stream: Closing): AbortSignal {
  const controller = new AbortController();
  if (stream.destroyed) controller.abort();
  else stream.once("close", () => controller.abort());
  return controller.signal;
}
