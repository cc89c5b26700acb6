/** Serves web pages, which are written against fetch's Request and Response. */
import { headersOf, readBody, send, type NodeRequest, type NodeResponse } from "./node-http.ts";
import { BodyTooLargeError } from "./unary/exchange.ts";

export type Page = (request: Request, peer: { readonly address: string }) => Promise<Response>;

/** Forms are small. */
const MAX_FORM_BYTES = 16 * 1024;

export async function servePage(
  page: Page,
  request: NodeRequest,
  response: NodeResponse,
  peerAddress: string,
): Promise<void> {
  try {
    const answer = await page(await toFetchRequest(request), { address: peerAddress });
    send(
      response,
      answer.status,
      Object.fromEntries(answer.headers),
      new Uint8Array(await answer.arrayBuffer()),
    );
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error;
    send(response, 413, { "content-type": "text/plain", connection: "close" }, "The form is too large.\n");
  }
}

async function toFetchRequest(request: NodeRequest): Promise<Request> {
  const method = request.method ?? "GET";
  const authority = request.headers[":authority"] ?? request.headers.host ?? "";
  const headers = headersOf(request);
  if (!headers.has("host")) headers.set("host", String(authority));
  // The base only makes the URL absolute; pages read the Host header where it matters.
  const url = new URL(request.url ?? "/", "http://localhost");
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? new Uint8Array(await readBody(request, MAX_FORM_BYTES)) : undefined;
  return new Request(url, { method, headers, ...(body !== undefined && { body }) });
}
