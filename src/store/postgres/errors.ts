/**
 * What an error of the database says about the transaction that met it.
 *
 * - conflict: rolled back because of another transaction; the same work may succeed at once (SQLSTATE 40001, 40P01, and
 *   23505 where two made one row).
 * - busy: rolled back after waiting too long for a row, or for the server (55P03, 57014); or no connection was free.
 * - unavailable: the server is not there, shuts down, is full or takes no writes; nothing was executed.
 * - in doubt: the connection was lost while COMMIT was under way. It may or may not have been executed.
 * - other: a fault of the statement or its data, that is of one command. Rolled back.
 *
 * Appendix A of PostgreSQL's manual lists the codes.
 */
import { DatabaseError } from "pg";
import { failure, FailureError } from "../../verification/failures.ts";

export type Trouble = "conflict" | "busy" | "unavailable" | "inDoubt" | "other";

export const UNAVAILABLE_RETRY_MS = 1_000;

/** The connection went away under a COMMIT. */
export class InDoubtError extends Error {
  override readonly name = "InDoubtError";
}

/** The connection went away, or never stood. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";
}

/** All connections were in use for too long. */
export class PoolBusyError extends Error {
  override readonly name = "PoolBusyError";
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof InDoubtError) return "inDoubt";
  if (error instanceof ConnectionLostError) return "unavailable";
  if (error instanceof PoolBusyError) return "busy";
  const code = sqlState(error);
  if (/^(?:40001|40P01|23505)$/.test(code)) return "conflict";
  if (/^(?:55P03|57014)$/.test(code)) return "busy";
  // 25006: a standby, which a failover may have left at this address. 42501 and its like are other.
  if (/^(?:53|57P|58|25006)/.test(code)) return "unavailable";
  return "other";
}

/** Whether pg's error leaves its connection unusable. Only errors that the server sent leave it whole, and not all. */
export function endsConnection(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return true;
  return error.severity === "FATAL" || error.severity === "PANIC" || /^(?:08|57P0)/.test(error.code ?? "");
}

/** The query was given up by the server (57014). */
export function isStatementTimeout(error: unknown): boolean {
  return sqlState(error) === "57014";
}

function isUniqueViolation(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.code === "23505";
}

function sqlState(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? "") : "";
}

/** What callers are told; errors of the command itself stay what they are. */
export function refusalOf(error: unknown): Error {
  switch (troubleOf(error)) {
    case "inDoubt":
      return new FailureError(
        failure("STORE_UNAVAILABLE", {
          text: "The database was lost while it stored the outcome; whether the call had its effect is not known",
          retryAfterMs: UNAVAILABLE_RETRY_MS,
        }),
        { cause: error },
      );
    case "conflict":
      // Who lost against another finds that one's row when it runs again. If that does not help, it met its own fault.
      return isUniqueViolation(error) ? error : storeUnavailable(error);
    case "busy":
    case "unavailable":
      return storeUnavailable(error);
    case "other":
      return error instanceof Error ? error : new Error(String(error));
  }
}

export function storeUnavailable(cause?: unknown): FailureError {
  return new FailureError(failure("STORE_UNAVAILABLE", { retryAfterMs: UNAVAILABLE_RETRY_MS }), { cause });
}
