/** The header, or metadata key, with which a caller asks for mail to an address that takes none. */
import type { Call } from "./call.ts";

export const ALLOW_SUPPRESSED_HEADER = "countersign-allow-suppressed";

/** Whether the caller may is asked where the mail is queued: it takes user.write. */
export function allowsSuppressed({ headers }: Pick<Call, "headers">): boolean {
  return headers.get(ALLOW_SUPPRESSED_HEADER)?.toLowerCase() === "true";
}
