/** `/healthz` and `/readyz`, for load balancers and supervisors. Open to everyone, so they say no more than they have to. */
import type { Readiness } from "../rpc/readiness.ts";

type Page = (request: Request) => Promise<Response>;

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/** Whether the process lives: that it can answer is the answer. */
export function createHealthzPage(): Page {
  return (request) => Promise.resolve(answer(request, 200, "text/plain; charset=utf-8", "ok\n"));
}

/** Whether to send calls here, with every check by name: 200 or 503. */
export function createReadyzPage(readiness: Readiness): Page {
  return async (request) => {
    const report = await readiness.report();
    const status = report.status === "ready" ? 200 : 503;
    return answer(request, status, "application/json", `${JSON.stringify(report)}\n`);
  };
}

function answer({ method }: Request, status: number, contentType: string, text: string): Response {
  if (method !== "GET" && method !== "HEAD") {
    return new Response(null, { status: 405, headers: { ...HEADERS, allow: "GET, HEAD" } });
  }
  const headers = { ...HEADERS, "content-type": contentType };
  return new Response(method === "HEAD" ? null : text, { status, headers });
}
