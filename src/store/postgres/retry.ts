/** Runs a transaction again where that may help: after a conflict, or when the connection was found dead before COMMIT. */
import { setTimeout as sleep } from "node:timers/promises";
import { troubleOf } from "./errors.ts";

const MAX_CONFLICTS = 8;
const FIRST_PAUSE_MS = 2;
const MAX_PAUSE_MS = 100;

/**
 * The pauses grow and are random from half to the whole, so that those who met do not meet again.
 *
 * @param once what runs at most once more, however it fails
 */
export async function withRetries<Result>(work: () => Promise<Result>): Promise<Result> {
  let wasUnavailable = false;
  for (let conflicts = 0; ;) {
    try {
      return await work();
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble === "conflict" && conflicts < MAX_CONFLICTS) {
        conflicts += 1;
        const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** conflicts);
        await sleep(pauseMs * (0.5 + Math.random() / 2));
      } else if (trouble === "unavailable" && !wasUnavailable) {
        // Connections that waited in the pool may all have died with a server that is back by now.
        wasUnavailable = true;
      } else throw error;
    }
  }
}
