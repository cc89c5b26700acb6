/**
 * How many test mails leave for an organization.
 *
 * Their text is fixed, but the address is the caller's choice, and the limits on codes do not count them. They are counted
 * by organization: whoever may send them may also make further accounts to send by. An hour begins with the first test mail
 * that it counts; a refused call raises nothing.
 */
import type { BucketUse, Debit } from "../verification/decider.ts";
import { failure, type Failure } from "../verification/failures.ts";

const HOUR_MS = 3_600_000;

/** The counter of the organization's test mails. */
export function testMailBucket(organizationId: string): string {
  return `test-mails:${organizationId}`;
}

/**
 * @param use of the organization's counter; undefined when it is over, or never was
 * @param maxPerHour 0 for no limit
 * @returns TEST_MAILS_EXHAUSTED, or undefined
 */
export function checkTestMails(
  use: BucketUse | undefined,
  maxPerHour: number,
  nowMs: number,
): Failure | undefined {
  if (maxPerHour === 0 || use === undefined || use.used < maxPerHour) return undefined;
  const description = `${maxPerHour} test mails per organization and hour`;
  return failure("TEST_MAILS_EXHAUSTED", {
    retryAfterMs: use.expiresAtMs - nowMs,
    quota: { subject: "organization", description },
  });
}

/** What one more test mail costs. */
export function testMailDebit(organizationId: string, nowMs: number): Debit {
  return { bucket: testMailBucket(organizationId), amount: 1, expiresAtMs: nowMs + HOUR_MS };
}
