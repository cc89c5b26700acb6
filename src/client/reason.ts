/** The one word of a refusal that programs act on. */
import { callFailure } from "./call-failure.ts";
import { VerifyError } from "./verify-email.ts";

/**
 * The stable reason (docs/errors.md) of what a call rejected with: `CODE_INVALID`, `SEND_COOLDOWN`, `OVERLOADED`.
 *
 * @returns undefined where the service did not answer, or for an error that is none of a call's
 */
export function reasonOf(error: unknown): string | undefined {
  return error instanceof VerifyError ? error.reason : callFailure(error).reason;
}
