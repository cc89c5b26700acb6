/**
 * A wire format for unary calls. To add one, write one module with these functions and list it in unary-handler.ts.
 *
 * A format reads one message, writes one reply or one error. It knows nothing of authentication, rules or the domain: the
 * chain sees to those. What it cannot serve (compression, streams) it leaves to connect-node.
 */
import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Binding, WireFormat } from "../../rpc/call.ts";
import type { HttpMapping } from "../http-rules.ts";
import type { Exchange, OutgoingHeaders } from "./exchange.ts";

/** The method that a request is for, and what the URL's path said about its message. */
export interface UnaryTarget {
  readonly method: DescMethodUnary;
  readonly bindings: readonly Binding[];
  /** Where its messages lie in the request and the answer. */
  readonly mapping: HttpMapping;
}

export interface UnaryFormat {
  readonly name: WireFormat;
  /** Longer bodies are refused unread. */
  readonly maxBodyBytes: number;
  /** Whether this module can serve the request; connect-node gets it otherwise. Looks at headers only. */
  serves(exchange: Exchange): boolean;
  /** The time that the client allows, in milliseconds; undefined when it sets none. @throws FailureError */
  timeoutMs(exchange: Exchange): number | undefined;
  /** @throws FailureError for a body that is no message */
  read(exchange: Exchange, target: UnaryTarget, body: Buffer): Message;
  /** @param common headers that every answer carries */
  reply(exchange: Exchange, target: UnaryTarget, reply: Message, common: OutgoingHeaders): void;
  fail(exchange: Exchange, error: ConnectError, common: OutgoingHeaders): void;
}
