/**
 * Serves the OpenAPI document, which is made once, when it is first asked for: it would be a third of the start. What
 * makes it, with the comments of all Protobuf files, is loaded then too.
 */
import { createHash } from "node:crypto";
import type { DescService } from "@bufbuild/protobuf";
import { failureToConnectError } from "../../rpc/errors.ts";
import { failure } from "../../verification/failures.ts";
import type { Page } from "../page-handler.ts";
import { statusJson } from "../unary/rest-status.ts";

const CONTENT_TYPE = { "content-type": "application/json", "x-content-type-options": "nosniff" };

interface Rendered {
  readonly text: string;
  readonly etag: string;
}

/** @param version of the package */
export function createOpenApiPage(services: readonly DescService[], version: string): Page {
  let rendering: Promise<Rendered> | undefined;
  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return refuseVerb();
    const { text, etag } = await (rendering ??= render(services, version));
    // May be kept, and is asked for again: another version of the service serves another document.
    const headers = { ...CONTENT_TYPE, etag, "cache-control": "no-cache" };
    if (isCurrent(request.headers.get("if-none-match"), etag)) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(text, { headers });
  };
}

async function render(services: readonly DescService[], version: string): Promise<Rendered> {
  const { createOpenApiDocument } = await import("./document.ts");
  const text = JSON.stringify(createOpenApiDocument(services, version));
  return { text, etag: `"${createHash("sha256").update(text).digest("base64url")}"` };
}

/** RFC 9110 section 13.1.2; weak comparison. */
function isCurrent(ifNoneMatch: string | null, etag: string): boolean {
  const known = (ifNoneMatch ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return known.includes(etag) || known.includes("*");
}

function refuseVerb(): Response {
  const body = JSON.stringify(statusJson(failureToConnectError(failure("METHOD_NOT_ALLOWED"))));
  return new Response(body, { status: 405, headers: { ...CONTENT_TYPE, allow: "GET, HEAD" } });
}
