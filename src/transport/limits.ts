/** What one client, and all clients together, may take of the port. Each limit says its unit and why it is what it is. */
import type { ServerOptions as Http2ServerOptions } from "node:http2";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** Requests are small: the longest fields together stay far below. */
export const MAX_MESSAGE_BYTES = MIB;

/** Clients that ask for more time are refused: nothing here takes minutes. */
export const MAX_CALL_TIMEOUT_MS = 5 * MINUTE_MS;

/**
 * Bytes of request bodies that have not come to their end, all together: a hundred of the largest, or more small ones
 * than connections. Clients that hold back the last byte of as many bodies as they may open cannot take more memory.
 */
export const MAX_UNFINISHED_BODY_BYTES = 128 * MIB;

/** The limits of a listener. Tests set some of them shorter. */
export interface ListenerLimits {
  readonly firstBytesTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly http1IdleTimeoutMs: number;
  readonly http2IdleTimeoutMs: number;
  readonly checkIntervalMs: number;
  readonly maxConnections: number;
}

export const LISTENER_LIMITS: ListenerLimits = {
  /**
   * Milliseconds for the TLS handshake, for the first bytes after it, and for HTTP/2's settings to be acknowledged: a
   * few round trips on a bad line. Browsers lose connections that they opened on suspicion, and open others.
   */
  firstBytesTimeoutMs: 10 * SECOND_MS,
  /** Milliseconds for the headers of a request on HTTP/1.1: 16 KiB at 9 kbit/s. */
  headersTimeoutMs: 15 * SECOND_MS,
  /** Milliseconds for a whole request: 1 MiB at 140 kbit/s. */
  requestTimeoutMs: MINUTE_MS,
  /** Milliseconds in which a client has to take an answer, or on HTTP/1.1 a part of it. */
  answerTimeoutMs: MINUTE_MS,
  /** Milliseconds between requests on HTTP/1.1: above the 60 s of common load balancers, so that they close first. */
  http1IdleTimeoutMs: 65 * SECOND_MS,
  /**
   * Milliseconds without a call on HTTP/2. Longer, because calls share the connection and setting one up is dear; a
   * client that meets the end of it learns by GOAWAY that its call was not begun.
   */
  http2IdleTimeoutMs: 5 * MINUTE_MS,
  /** Milliseconds between looks at the clock, and so how late a time-out may come. */
  checkIntervalMs: 5 * SECOND_MS,
  /**
   * Connections at a time; further ones are closed at once. An idle one takes 2 to 4 KiB of JavaScript's heap, on HTTP/2
   * up to 32 KiB of native memory besides (measured, see docs/operations.md): all of them fit into 640 MiB, and into
   * the 20,000 open files that many systems allow a process.
   */
  maxConnections: 16_384,
};

/** Bytes of a request's headers, or its trailers. Tokens are the longest thing in them: a JWT may have a few KiB. */
export const MAX_HEADER_BYTES = 16 * KIB;

/** Milliseconds without traffic after which TCP asks whether the peer is there, for streams on which nothing happens. */
export const TCP_KEEP_ALIVE_MS = MINUTE_MS;

/** Milliseconds for which bytes are still taken after the last answer, lest a reset overtakes it. */
export const LINGER_MS = 500;

/** Node's options for HTTP/2. Where a value is node's own default, it stands here so that it cannot change unseen. */
export const HTTP2_OPTIONS: Http2ServerOptions = {
  settings: {
    /** Calls at a time on one connection; clients open another connection for more. */
    maxConcurrentStreams: 256,
    maxHeaderListSize: MAX_HEADER_BYTES,
    enablePush: false,
  },
  /**
   * Streams that a client may reset at once, and per second: four times all that it can have open, then what a proxy of
   * many impatient users does. More is the rapid reset attack (CVE-2023-44487) and ends the connection.
   */
  streamResetBurst: 1024,
  streamResetRate: 100,
  /** Frames that break the protocol, before the connection ends: a client with a fault sends a few, not a flood. */
  maxSessionInvalidFrames: 100,
  /**
   * Streams refused for being more than allowed, before the connection ends: those on their way when the client learns.
   * A rapid reset in one breath ends by this, after as many streams again.
   */
  maxSessionRejectedStreams: 256,
  /** Entries of a SETTINGS frame: HTTP/2 knows fewer than 10. */
  maxSettings: 32,
  /** Our own pings without an answer; we send none. */
  maxOutstandingPings: 10,
  /** Headers of a request, each of which costs 32 bytes of the list's size and a string. */
  maxHeaderListPairs: 128,
  /** MB for one session's buffers and header tables; open streams are served, new ones refused. */
  maxSessionMemory: 10,
  /** Bytes of an answer's headers: an error's text may quote a header, each byte percent-encoded. */
  maxSendHeaderBlockLength: 64 * KIB,
};
