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
import { tooLarge } from "./unary/envelope.ts";

/** A stream's handler runs before its messages are read: there only the text tells whose fault it is. */
const ABOUT_THE_REQUEST = /^(parse binary: |cannot decode |protocol error: |received compressed envelope)/;

export interface RefusalOptions {
  readonly maxMessageBytes: number;
  /** Whether the handler has been called. */
  readonly isCall: () => boolean;
  readonly onRefusal: (error: ConnectError) => void;
}

/** To be called before connect-node reads the request. */
export function adoptRefusals(context: HandlerContext, options: RefusalOptions): void {
  const controller = context as ReturnType<typeof createHandlerContext>;
  const abort = controller.abort.bind(controller);
  controller.abort = (reason) => {
    if (
      reason instanceof ConnectError &&
      (!options.isCall() || ABOUT_THE_REQUEST.test(reason.rawMessage)) &&
      reason.findDetails(ErrorInfoSchema).length === 0
    ) {
      adopt(reason, options.maxMessageBytes);
      options.onRefusal(reason);
    }
    abort(reason);
  };
}

function adopt(error: ConnectError, maxMessageBytes: number): void {
  const found = failureOf(error, maxMessageBytes);
  if (found === undefined) return;
  const { code, rawMessage, details } = failureToConnectError(found);
  Object.assign(error, { code, rawMessage, details });
}

function failureOf({ code, rawMessage: text }: ConnectError, maxMessageBytes: number): Failure | undefined {
  switch (code) {
    case Code.InvalidArgument:
    case Code.Internal:
      return failure("REQUEST_MALFORMED", { text });
    case Code.ResourceExhausted:
      return tooLarge(maxMessageBytes).failure;
    case Code.Unimplemented:
      return failure(text.includes("compression") ? "ENCODING_NOT_SERVED" : "MESSAGE_COUNT_INVALID", {
        text,
      });
    default:
      // The client is gone, or its time is up.
      return undefined;
  }
}
