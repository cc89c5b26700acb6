/** Sends a call again that the service refused without executing it. */
import type { Interceptor } from "@connectrpc/connect";
import { callFailure, type CallFailure } from "./call-failure.ts";

export interface RetryPolicy {
  /** How often a call is sent at most, the first time included. */
  readonly maxAttempts: number;
  /** A refusal that asks for a longer wait, in milliseconds, is passed on. */
  readonly maxDelayMs: number;
}

/** Gets over a full queue and a restart, and passes on limits that last for minutes. */
export const RETRIES: RetryPolicy = { maxAttempts: 5, maxDelayMs: 10_000 };

/**
 * Waits as RetryInfo says and sends the call again, within the call's deadline. Nothing else is repeated: whether a call
 * without an answer was executed, only its caller can find out.
 */
export function retryRefused({ maxAttempts, maxDelayMs }: RetryPolicy): Interceptor {
  return (next) => async (request) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await next(request);
      } catch (error) {
        const askedMs = refusedForNow(callFailure(error));
        const isLast = request.stream || attempt >= maxAttempts;
        if (askedMs === undefined || askedMs > maxDelayMs || isLast) throw error;
        if (!(await wait(spread(askedMs, attempt), request.signal))) throw error;
      }
    }
  };
}

/** @returns the milliseconds to wait for, where the call was not executed and may pass later as it is */
export function refusedForNow({ code, retryAfterMs }: CallFailure): number | undefined {
  return code === "unavailable" || code === "resource_exhausted" ? retryAfterMs : undefined;
}

/** What was asked for and some more, at random and more with every attempt, so that callers do not come back all at once. */
export function spread(askedMs: number, attempt: number): number {
  return askedMs * (1 + Math.random() * attempt);
}

/** @returns whether the time passed; false once the signal is aborted */
export function wait(delayMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(false);
      return;
    }
    const end = (passed: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      resolve(passed);
    };
    const onAbort = () => end(false);
    const timer = setTimeout(() => end(true), delayMs);
    signal.addEventListener("abort", onAbort);
  });
}
