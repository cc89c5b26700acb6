/** The two kinds of requests that one port hands out, and what all handlers need of them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;
export type NodeHandler = (request: NodeRequest, response: NodeResponse) => void;

export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

/** @throws BodyTooLargeError past maxBytes; the rest of the body is not read */
export async function readBody(request: NodeRequest, maxBytes: number): Promise<Buffer> {
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > maxBytes) throw new BodyTooLargeError();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new BodyTooLargeError();
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
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

/** The path without the query, "/" where the request line has none. */
export function pathOf(request: NodeRequest): string {
  const url = request.url ?? "/";
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}

export function queryOf(request: NodeRequest): URLSearchParams {
  const url = request.url ?? "/";
  const start = url.indexOf("?");
  return new URLSearchParams(start === -1 ? "" : url.slice(start + 1));
}

/** The media type alone, lower case: `application/json` of `application/JSON; charset=utf-8`. */
export function contentTypeOf(request: NodeRequest): string {
  return (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether something ends the exchange early; the signal is aborted then. */
export function abortSignalOf(response: NodeResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort(new Error("the client went away"));
  });
  return controller.signal;
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
