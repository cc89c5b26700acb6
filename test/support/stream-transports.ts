// The ways in which a stream of the service is read, by clients of Connect.
import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";

/** What a test closes at its end, last in, first out. */
export type Closing = (() => unknown)[];

type Open = (baseUrl: string, closing: Closing) => Transport;

const TRANSPORTS: Readonly<Record<string, Open>> = {
  gRPC: (baseUrl, closing) => createGrpcTransport({ baseUrl, sessionManager: sessionTo(baseUrl, closing) }),
  "gRPC-Web over HTTP/1.1": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-Web over HTTP/2": (baseUrl, closing) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "2", sessionManager: sessionTo(baseUrl, closing) }),
  "Connect JSON over HTTP/1.1": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "Connect binary over HTTP/2": (baseUrl, closing) =>
    createConnectTransport({ baseUrl, httpVersion: "2", sessionManager: sessionTo(baseUrl, closing) }),
};

export const STREAM_TRANSPORTS: readonly string[] = Object.keys(TRANSPORTS);

/**
 * @param name one of STREAM_TRANSPORTS
 * @param closing gets what ends its connection
 */
export function openStreamTransport(name: string, url: string, closing: Closing): Transport {
  const open = TRANSPORTS[name];
  if (open === undefined) throw new Error(`no transport ${name}`);
  return open(url, closing);
}

/** In the order opposite to that in which they came. */
export async function closeAll(closing: Closing): Promise<void> {
  for (const close of closing.splice(0).toReversed()) await close();
}

function sessionTo(url: string, closing: Closing): Http2SessionManager {
  const manager = new Http2SessionManager(url);
  closing.push(() => manager.abort());
  return manager;
}
