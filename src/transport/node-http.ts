/** The two kinds of requests that one port hands out, and what all handlers need of them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { collectBody } from "./unary/body.ts";

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;
export type NodeHandler = (request: NodeRequest, response: NodeResponse) => void;

/** @throws BodyTooLargeError past maxBytes, ClientGoneError */
export function readBody(request: NodeRequest, maxBytes: number): Promise<Buffer> {
  return collectBody(request, request.headers["content-length"], maxBytes);
}

/** Fetch's Headers of a node request, less HTTP/2's pseudo headers. */
export function headersOf(request: NodeRequest): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) headers.append(name, item);
  }
  return headers;
}

/** The media type alone, lower case: `application/json` of `application/JSON; charset=utf-8`. */
export function contentTypeOf(request: NodeRequest): string {
  return (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Sends a whole answer at once; does nothing when the client is gone. */
export function send(
  response: NodeResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): void {
  if (response.destroyed || response.headersSent) return;
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader("content-length", bytes.byteLength);
  response.statusCode = status;
  // Without a chunk HTTP/2 ends the stream with its headers, as gRPC's trailers-only answers need it.
  if (bytes.byteLength === 0) response.end();
  else (response as ServerResponse).end(bytes);
}

/** Breaks an answer off: over HTTP/1.1 with its connection, as a response that waits behind another has no other way. */
export function abandon(request: NodeRequest, response: NodeResponse): void {
  if ("stream" in response) response.stream.close(constants.NGHTTP2_CANCEL);
  else request.socket.destroy();
}
