/** Serves web pages, which are written against fetch's Request and Response. */
import { headersOf, readBody, send, type NodeRequest, type NodeResponse } from "./node-http.ts";
import { closeSignal } from "./unary/close-signal.ts";
import { BodyTooLargeError } from "./unary/exchange.ts";

export interface PageClient {
  /** IP address, "" where unknown. */
  readonly address: string;
  /** Answered as `x-request-id`. */
  readonly requestId?: string;
}

export type Page = (request: Request, client: PageClient) => Promise<Response>;

/** Forms are small. */
const MAX_FORM_BYTES = 16 * 1024;

/** fetch refuses to make requests of some others (TRACE), and HTTP/2 lets a client write anything. */
const VERBS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** Stands for those: no page answers it with anything but 405. */
const OTHER_VERB = "OPTIONS";

export async function servePage(
  page: Page,
  request: NodeRequest,
  response: NodeResponse,
  client: PageClient,
): Promise<void> {
  try {
    const gone = closeSignal("stream" in response ? response.stream : response);
    const answer = await page(await toFetchRequest(request, gone), client);
    send(
      response,
      answer.status,
      Object.fromEntries(answer.headers),
      new Uint8Array(await answer.arrayBuffer()),
    );
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error;
    // The rest of the form would be taken for the next request; HTTP/2 knows no such header, and no such trouble.
    const end = request.httpVersionMajor === 1 ? { connection: "close" } : {};
    send(response, 413, { "content-type": "text/plain", ...end }, "The form is too large.\n");
  }
}

/** @param gone for pages that wait: the request's signal */
async function toFetchRequest(request: NodeRequest, gone: AbortSignal): Promise<Request> {
  const { method: verb = "GET" } = request;
  const method = VERBS.has(verb) ? verb : OTHER_VERB;
  const authority = request.headers[":authority"] ?? request.headers.host ?? "";
  const headers = headersOf(request);
  if (!headers.has("host")) headers.set("host", String(authority));
  // The base only makes the URL absolute; pages read the Host header where it matters.
  const url = new URL(request.url ?? "/", "http://localhost");
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? new Uint8Array(await readBody(request, MAX_FORM_BYTES)) : undefined;
  return new Request(url, { method, headers, signal: gone, ...(body !== undefined && { body }) });
}
