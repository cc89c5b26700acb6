/**
 * Sends a call again whose answer got lost on the way, as it happens to telephones in lifts: where the call has an
 * idempotency key, and being executed twice does no harm.
 */
import type { Interceptor } from "@connectrpc/connect";
import { callFailure } from "./call-failure.ts";
import { IDEMPOTENCY_KEY_HEADER } from "./idempotency-keys.ts";
import { spread, wait, type RetryPolicy } from "./retry.ts";

const FIRST_DELAY_MS = 250;

/** Waits twice as long before every try, up to the policy's most, within the call's deadline. */
export function retryLost({ maxAttempts, maxDelayMs }: RetryPolicy): Interceptor {
  return (next) => async (request) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await next(request);
      } catch (error) {
        const isSafe = !request.stream && request.header.has(IDEMPOTENCY_KEY_HEADER);
        if (!isSafe || !isLost(error) || attempt >= maxAttempts) throw error;
        const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), maxDelayMs);
        if (!(await wait(spread(delayMs, 1), request.signal))) throw error;
      }
    }
  };
}

/** What fetch rejects with when there is no answer (https://fetch.spec.whatwg.org/#fetch-method), or a broken HTTP/2. */
function isLost(error: unknown): boolean {
  return (error as Error | undefined)?.name === "TypeError" || callFailure(error).network !== undefined;
}
