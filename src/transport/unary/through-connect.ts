/**
 * REST by connect-node's handlers, for when the direct path is switched off: the decoded request goes through an
 * in-memory Connect client to the very handlers that serve the other formats, interceptor and chain included.
 */
import { createRegistry, fromBinary, type DescMessage, type Message } from "@bufbuild/protobuf";
import { ConnectError, createRouterTransport } from "@connectrpc/connect";
import { file_google_rpc_error_details } from "../../../gen/google/rpc/error_details_pb.ts";
import { file_zitadel_message } from "../../../gen/zitadel/message_pb.ts";
import type { Call } from "../../rpc/call.ts";
import { addServices, routerOptions, TICKET_HEADER, type ConnectHandlerOptions } from "../connect-handler.ts";
import type { Invoke } from "./unary-handler.ts";

const details = createRegistry(file_google_rpc_error_details, file_zitadel_message);

export function throughConnect(
  options: Pick<ConnectHandlerOptions, "chain" | "services" | "limits">,
): Invoke {
  const waiting = new Map<string, Call>();
  const transport = createRouterTransport((router) => addServices(router, options), {
    router: routerOptions(options, { waiting }),
  });
  let next = 0;
  return async (call: Call, request: Message) => {
    const ticket = String(next++);
    waiting.set(ticket, call);
    try {
      const header = { [TICKET_HEADER]: ticket };
      const { message } = await transport.unary(call.method, undefined, undefined, header, request);
      return message;
    } catch (error) {
      throw withReadableDetails(ConnectError.from(error));
    } finally {
      waiting.delete(ticket);
    }
  };
}

/** Details that came over a wire are bytes; a format writes messages. */
function withReadableDetails(error: ConnectError): ConnectError {
  error.details = error.details.map((detail) => {
    const schema: DescMessage | undefined = "type" in detail ? details.getMessage(detail.type) : undefined;
    if (schema === undefined || !("type" in detail)) return detail;
    return { desc: schema, value: fromBinary(schema, detail.value) };
  });
  return error;
}
