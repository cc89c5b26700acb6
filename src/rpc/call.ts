/**
 * One call, whatever wire format it came in: what the chain and the service implementations see.
 *
 * Transport makes a Call, the chain fills in who is calling, the handler reads it.
 */
import type {
  DescField,
  DescMessage,
  DescMethod,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Trace } from "../observability/trace.ts";
import type { Caller } from "../verification/caller.ts";

export type WireFormat = "grpc" | "grpc-web" | "connect" | "rest";

/** A value from the URL's path for a field of the request. */
export interface Binding {
  /** The field, after the messages that lead to it. */
  readonly fields: readonly DescField[];
  /** Decoded. */
  readonly value: string;
}

/** What the chain needs of headers; fetch's Headers are one. Names in lower case. */
export interface HeaderReader {
  get(name: string): string | null;
}

/** What is known of a request before anybody looked at its body. */
export interface Arrival {
  /** Answered as `x-request-id` and found in the log. */
  readonly requestId: string;
  /** IP address of who sent it, "" where unknown: the peer's, or what a trusted proxy says. */
  readonly clientAddress: string;
  /** When its headers were here, on the clock of `performance.now()`. */
  readonly startedMs: number;
  /** The caller's trace, where it sent one. */
  readonly trace: Trace | undefined;
}

export interface Call extends Arrival {
  readonly method: DescMethodUnary;
  readonly format: WireFormat;
  /** Request headers, or metadata. */
  readonly headers: HeaderReader;
  /** The time that the client allows from now on, in milliseconds; undefined when it sets none. */
  readonly timeoutMs: number | undefined;
  /** Aborted once the client waits no longer. Made when it is asked for: most calls end before anyone would look. */
  readonly goneSignal: () => AbortSignal;
  /** Set on the decoded request before it is validated. */
  readonly bindings: readonly Binding[];
  /** Anonymous until the chain has authenticated the call. */
  caller: Caller;
  /** Whether it has: transport has that done before it reads a body, where there is one. */
  isAuthenticated: boolean;
  /** What a success says in headers beside its message; a handler may set it. Names in lower case. */
  replyHeaders?: Readonly<Record<string, string>>;
}

/** How a service implements one unary method. */
export type UnaryHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  call: Call,
) => Promise<MessageInitShape<Output>>;

/** A call whose requests or replies are streams. */
export interface StreamCall extends Arrival {
  readonly method: DescMethod;
  readonly format: WireFormat;
  readonly headers: HeaderReader;
  /** Aborted when the stream is over, whoever ended it: the client, its deadline, the server, or the handler itself. */
  readonly signal: AbortSignal;
  /** Authenticated again every few seconds while the stream is open: roles that change are the new ones here. */
  caller: Caller;
}

/**
 * How a service implements a method that answers one request with a stream of messages.
 *
 * A message is asked for when the one before has been written, so a handler that waits with its work until then needs no
 * more memory for a client that reads slowly. It does not return before `call.signal` is given, if it waits for anything.
 */
export type StreamHandler<Input extends DescMessage, Output extends DescMessage> = (
  request: MessageShape<Input>,
  call: StreamCall,
) => AsyncIterable<MessageInitShape<Output>>;
