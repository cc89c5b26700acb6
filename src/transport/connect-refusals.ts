/**
 * What connect-node refuses by itself, before a call's handler runs, in the words of the failure catalogue.
 *
 * Left alone it would have no ErrorInfo, and bytes that are no message would be INTERNAL, which is to mean that the fault
 * is ours. connect-node hands every error to `abort` of the handler's context before it writes it: there it is changed in
 * place.
 */
import { Code, ConnectError, type createHandlerContext, type HandlerContext } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { failureToConnectError } from "../rpc/errors.ts";
import { failure, type Failure } from "../verification/failures.ts";
import { MAX_MESSAGE_BYTES } from "./limits.ts";
import { tooLarge } from "./unary/envelope.ts";

/** Where a handler has been called, only the text tells whose fault it is. */
const ABOUT_THE_REQUEST =
  /^(parse binary: |cannot decode |protocol error: |received compressed envelope|decompression failed|message (size )?is larger )/;

export interface RefusalOptions {
  /** Whether the handler has been called. */
  readonly isCall: () => boolean;
  readonly onRefusal: (error: ConnectError) => void;
}

/** To be called before connect-node reads the request. */
export function adoptRefusals(context: HandlerContext, { isCall, onRefusal }: RefusalOptions): void {
  const controller = context as ReturnType<typeof createHandlerContext>;
  const abort = controller.abort.bind(controller);
  controller.abort = (reason) => {
    if (reason instanceof ConnectError && !isCall()) {
      adopt(reason);
      onRefusal(reason);
    }
    abort(reason);
  };
}

/** For what a stream ended with: its handler runs before its messages are read. Changes the error where it is one. */
export function adoptIfAboutRequest(error: unknown): void {
  if (error instanceof ConnectError && ABOUT_THE_REQUEST.test(error.rawMessage)) adopt(error);
}

/** Whether the error is one of the failure catalogue's. */
export function isOurs(error: unknown): boolean {
  return error instanceof ConnectError && error.findDetails(ErrorInfoSchema).length > 0;
}

function adopt(error: ConnectError): void {
  const found = isOurs(error) ? undefined : failureOf(error);
  if (found === undefined) return;
  const { code, rawMessage, details } = failureToConnectError(found);
  Object.assign(error, { code, rawMessage, details });
}

function failureOf({ code, rawMessage: text }: ConnectError): Failure | undefined {
  switch (code) {
    case Code.InvalidArgument:
    case Code.Internal:
      return failure("REQUEST_MALFORMED", { text });
    case Code.ResourceExhausted:
      return tooLarge(MAX_MESSAGE_BYTES).failure;
    case Code.Unimplemented:
      return failure(text.includes("compression") ? "ENCODING_NOT_SERVED" : "MESSAGE_COUNT_INVALID", {
        text,
      });
    default:
      // The client is gone, or its time is up.
      return undefined;
  }
}
