/** Serves the metrics at `/metrics`, on an address of its own: whoever may scrape need not be able to call. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Metrics } from "./metrics.ts";

const PATH = "/metrics";
const REQUEST_TIMEOUT_MS = 10_000;
/** Scrapers are few. */
const MAX_CONNECTIONS = 64;

export interface MetricsListener {
  readonly port: number;
  close(): Promise<void>;
}

/** @throws Error with node's code, such as EADDRINUSE */
export async function serveMetrics(metrics: Metrics, host: string, port: number): Promise<MetricsListener> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      answer(metrics, request, response).catch(() => response.destroy());
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(metrics: Metrics, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url?.split("?", 1)[0] !== PATH) return send(response, 404, `metrics are at ${PATH}\n`);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return send(response, 405, "");
  }
  const text = await metrics.render();
  response.setHeader("content-type", metrics.contentType);
  send(response, 200, text);
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "cache-control": "no-store", "content-length": Buffer.byteLength(text) });
  response.end(text);
}
