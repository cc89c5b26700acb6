/** The header Retry-After (RFC 9110 section 10.2.3): seconds, or a date. */
import type { RetryDelay } from "../retry-policy.ts";

/** Codes live for an hour or less: who asks for more patience than this is asked again all the same. */
export const MAX_RETRY_AFTER_MS = 900_000;
/** So that mails that were told the same do not come back as one. */
const SPREAD = 0.25;

const SECONDS = /^\d{1,10}$/;
// The three forms of HTTP-date (RFC 9110 section 5.6.7) begin with the day's name.
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? [\w :-]{8,40}$/;
const HAS_ZONE = / GMT$/;

/**
 * @param value of the header
 * @param nowMs milliseconds since the Unix epoch
 * @returns how long to wait, 0 to MAX_RETRY_AFTER_MS; undefined for what is neither seconds nor a date
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? "";
  const waitMs = SECONDS.test(text) ? Number(text) * 1000 : httpDateMs(text) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), MAX_RETRY_AFTER_MS);
}

/**
 * The delay that keeps to what the provider said: not sooner, a little later, and the same at every try. The rule's own
 * delay is the least, for 0 is what some say who mean nothing by it.
 */
export function delayAfter(waitMs: number, rule: RetryDelay): RetryDelay {
  if (waitMs <= rule.minMs) return rule;
  const maxMs = Math.round(waitMs * (1 + SPREAD));
  return { minMs: waitMs, maxMs, capMs: maxMs };
}

function httpDateMs(text: string): number {
  if (!HTTP_DATE.test(text)) return Number.NaN;
  // C's asctime has no zone; it is always UTC.
  return Date.parse(HAS_ZONE.test(text) ? text : `${text} GMT`);
}
