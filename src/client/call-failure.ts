/** Why a call was refused, or never arrived, as plain data. */
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

/** gRPC's status codes but OK, by their names in lower case. */
export type CallCode =
  | "canceled"
  | "unknown"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "out_of_range"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss"
  | "unauthenticated";

export interface FieldViolation {
  /** Path in the request, such as `email.email`. */
  readonly field: string;
  readonly description: string;
}

export interface CallFailure {
  readonly code: CallCode;
  /** For people, in English. */
  readonly message: string;
  /** Stable name of what went wrong, such as `USER_NOT_FOUND` (docs/errors.md). Undefined unless the service answered. */
  readonly reason: string | undefined;
  /** What belongs to the reason, by name. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Fields of the request that break a rule. */
  readonly violations: readonly FieldViolation[];
  /** The call was not executed, and may be sent again after so many milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Names the call in the service's log. */
  readonly requestId: string | undefined;
  /** Node's or OpenSSL's name of what kept the call from arriving, such as `ECONNREFUSED`. */
  readonly network: string | undefined;
}

/** Reads what a call rejected with; anything that is no answer becomes code `unknown`. */
export function callFailure(error: unknown): CallFailure {
  const failure = ConnectError.from(error);
  const [info] = failure.findDetails(ErrorInfoSchema);
  const [retry] = failure.findDetails(RetryInfoSchema);
  const delay = retry?.retryDelay;
  return {
    code: CODES[failure.code],
    message: failure.rawMessage,
    reason: info?.reason,
    metadata: info?.metadata ?? {},
    violations: failure.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) =>
      fieldViolations.map(({ field, description }) => ({
        field,
        description,
      })),
    ),
    retryAfterMs: delay === undefined ? undefined : Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000,
    requestId: failure.metadata.get("x-request-id") ?? undefined,
    network: info === undefined ? networkCode(failure) : undefined,
  };
}

const CODES: Readonly<Record<Code, CallCode>> = {
  [Code.Canceled]: "canceled",
  [Code.Unknown]: "unknown",
  [Code.InvalidArgument]: "invalid_argument",
  [Code.DeadlineExceeded]: "deadline_exceeded",
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "already_exists",
  [Code.PermissionDenied]: "permission_denied",
  [Code.ResourceExhausted]: "resource_exhausted",
  [Code.FailedPrecondition]: "failed_precondition",
  [Code.Aborted]: "aborted",
  [Code.OutOfRange]: "out_of_range",
  [Code.Unimplemented]: "unimplemented",
  [Code.Internal]: "internal",
  [Code.Unavailable]: "unavailable",
  [Code.DataLoss]: "data_loss",
  [Code.Unauthenticated]: "unauthenticated",
};

/** The innermost code along the causes: the outer ones only say that a stream broke. */
function networkCode(error: unknown, depth = 0): string | undefined {
  if (depth > MAX_CAUSES || typeof error !== "object" || error === null) return undefined;
  const { code, cause, errors } = error as { code?: unknown; cause?: unknown; errors?: unknown };
  // Of a name with several addresses, all of which were tried.
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return (
    networkCode(cause, depth + 1) ??
    networkCode(first, depth + 1) ??
    (typeof code === "string" ? code : undefined)
  );
}

/** No chain is that long, but one could be a ring. */
const MAX_CAUSES = 10;
