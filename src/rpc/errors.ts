/**
 * The one mapping from what went wrong to what the wire says: a ConnectError with details.
 *
 * Every error carries google.rpc.ErrorInfo with the stable reason. Where ZITADEL has an id there is zitadel.v1.ErrorDetail
 * as well, first, because ZITADEL's clients read the first detail. What is not a FailureError is a bug or a broken part:
 * the client learns INTERNAL and the request id, the log gets the cause.
 */
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { ErrorDetailSchema } from "../../gen/zitadel/message_pb.ts";
import {
  failure,
  failureCatalogue,
  FailureError,
  failureMessage,
  type Failure,
  type FailureCode,
  type FailureDefinition,
} from "../verification/failures.ts";

export const ERROR_DOMAIN = "countersign";

const CODES: Record<FailureCode, Code> = {
  invalid_argument: Code.InvalidArgument,
  deadline_exceeded: Code.DeadlineExceeded,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  failed_precondition: Code.FailedPrecondition,
  unimplemented: Code.Unimplemented,
  internal: Code.Internal,
  unavailable: Code.Unavailable,
  unauthenticated: Code.Unauthenticated,
};

interface Detail {
  readonly desc: DescMessage;
  readonly value: MessageInitShape<DescMessage>;
}

/** ConnectErrors pass as they are, failures are mapped, anything else becomes INTERNAL with the request id. */
export function toConnectError(error: unknown, requestId: string): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof FailureError) return failureToConnectError(error.failure, error);
  const internal = failureToConnectError(failure("INTERNAL"), error);
  internal.details.push(detail(RequestInfoSchema, { requestId }));
  return internal;
}

export function failureToConnectError(of: Failure, cause?: unknown): ConnectError {
  const definition: FailureDefinition = failureCatalogue[of.name];
  // A text that quotes the request may end in half a character, which gRPC's percent-encoding knows no form of.
  const text = failureMessage(of).toWellFormed();
  const error = new ConnectError(text, CODES[definition.code], undefined, undefined, cause);
  error.details.push(...detailsOf(of, definition));
  return error;
}

/** The reason that a log line or a metric names: ErrorInfo's, or the code's name. */
export function reasonOf(error: ConnectError): string {
  const [info] = error.findDetails(ErrorInfoSchema);
  return info?.reason ?? codeToString(error.code).toUpperCase();
}

function detailsOf(of: Failure, definition: FailureDefinition): Detail[] {
  const { id, reason, text, remedy, code } = definition;
  const details: Detail[] = [];
  if (id !== undefined) details.push(detail(ErrorDetailSchema, { id, message: of.text ?? text }));
  details.push(detail(ErrorInfoSchema, { reason, domain: ERROR_DOMAIN, metadata: { ...of.metadata } }));
  if (of.fields !== undefined) {
    details.push(detail(BadRequestSchema, { fieldViolations: of.fields.map((fault) => ({ ...fault })) }));
  }
  if (code === "failed_precondition") {
    details.push(detail(PreconditionFailureSchema, { violations: [{ type: reason, description: remedy }] }));
  }
  if (of.retryAfterMs !== undefined) {
    details.push(detail(RetryInfoSchema, { retryDelay: duration(of.retryAfterMs) }));
  }
  if (of.quota !== undefined) {
    details.push(detail(QuotaFailureSchema, { violations: [{ ...of.quota }] }));
  }
  return details;
}

function detail<Desc extends DescMessage>(desc: Desc, value: MessageInitShape<Desc>): Detail {
  return { desc, value };
}

function duration(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: Math.round((ms % 1_000) * 1_000_000) };
}
