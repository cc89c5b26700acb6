import { FailureError } from "../verification/failures.ts";

/** What may be logged and stored of an error. Others than those of the store may quote links and addresses. */
export function errorText(error: unknown): string {
  if (!(error instanceof FailureError)) return error instanceof Error ? error.name : "unknown error";
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.failure.name}${cause}`;
}
