/**
 * What of HTTP/1.1 is refused before it becomes a request.
 *
 * Node's parser is strict about what request smuggling lives from: Transfer-Encoding beside Content-Length, two lengths,
 * folded headers, bare line feeds. Here are its words for that, and the few shapes that it lets through.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { LINGER_MS } from "./limits.ts";

interface Refusal {
  /** For the log. */
  readonly reason: string;
  readonly status: string;
  /** Of google.rpc.Code. */
  readonly code: number;
  readonly message: string;
}

const MALFORMED: Refusal = {
  reason: "REQUEST_MALFORMED",
  status: "400 Bad Request",
  code: 3,
  message: "malformed HTTP request",
};

/** By node's code for what went wrong. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: {
    reason: "REQUEST_TOO_SLOW",
    status: "408 Request Timeout",
    code: 4,
    message: "the request did not arrive in time",
  },
  HPE_HEADER_OVERFLOW: {
    reason: "REQUEST_TOO_LARGE",
    status: "431 Request Header Fields Too Large",
    code: 8,
    message: "the request's headers are too large",
  },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: {
    reason: "REQUEST_TOO_LARGE",
    status: "413 Content Too Large",
    code: 8,
    message: "the request's chunk extensions are too large",
  },
};

/**
 * Answers what the parser could not read, or what did not arrive in time, and ends the connection.
 *
 * @param isAnswering whether an answer is being written there, which another would be taken for a part of
 * @param requestId for the answer
 * @returns the reason, for the log; undefined where there was nobody to answer
 */
export function refuseUnreadable(
  error: NodeJS.ErrnoException,
  socket: Socket,
  isAnswering: boolean,
  requestId: string,
): string | undefined {
  const isOfHttp = error.code?.startsWith("HPE_") === true || error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  if (!isOfHttp || isAnswering || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const { reason, status, code, message } = REFUSALS[error.code ?? ""] ?? MALFORMED;
  const body = JSON.stringify({ code, message });
  // What goes on arriving is thrown away for a moment: closed upon it, the connection would be reset, and the answer lost.
  socket.removeAllListeners("data").on("data", () => {});
  const lingering = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(lingering)).once("end", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n` +
      `X-Content-Type-Options: nosniff\r\nX-Request-Id: ${requestId}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return reason;
}

/** Drops a connection whose client has taken nothing of its answer for as long as the server's time-out. */
export function dropWhenStalled(response: ServerResponse): void {
  response.on("timeout", (socket: Socket) => {
    if (socket.writableLength > 0) socket.destroy();
  });
}

/** With its authority and the rest. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]+)(.*)$/i;

/** RFC 9112 section 3.2.2: a server takes a target in absolute form too, and the host in it instead of the Host header's. */
export function readAbsoluteForm(request: IncomingMessage): void {
  const [, authority, rest] = ABSOLUTE_FORM.exec(request.url ?? "") ?? [];
  if (authority === undefined || rest === undefined) return;
  request.url = rest.startsWith("/") ? rest : `/${rest}`;
  request.headers.host = authority;
}

/** A name, an IPv4 address or an IPv6 address in brackets, and a port. What URLs allow beside that, no host is called. */
const HOST = /^(?:[\w.~-]+|\[[\da-f:.]+\])(?::(\d{0,5}))?$/i;
const MAX_PORT = 65_535;

/** @returns what is wrong with the request, or undefined; the connection is not to be used any further then */
export function faultOf(request: IncomingMessage): string | undefined {
  const { httpVersion, headers, rawHeaders } = request;
  const isCurrent = httpVersion === "1.1";
  if (!isCurrent && httpVersion !== "1.0") return "unsupported HTTP version";
  const encoding = headers["transfer-encoding"];
  if (encoding !== undefined && !(isCurrent && encoding.toLowerCase() === "chunked")) {
    return isCurrent ? "unsupported Transfer-Encoding" : "Transfer-Encoding in HTTP/1.0";
  }
  // RFC 9112 section 3.2: one Host, and one that names a host.
  const hosts = countOf("host", rawHeaders);
  if (hosts === 0) return isCurrent ? "missing Host header" : undefined;
  if (hosts > 1) return "more than one Host header";
  const [isHost, port] = HOST.exec(headers.host ?? "") ?? [];
  return isHost === undefined || Number(port ?? 0) > MAX_PORT ? "malformed Host header" : undefined;
}

/** @param rawHeaders names and values in turn */
function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const other = rawHeaders[index];
    if (other?.length === name.length && other.toLowerCase() === name) count++;
  }
  return count;
}
