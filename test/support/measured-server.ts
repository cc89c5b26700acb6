// An application in a process of its own that tells how much memory it takes. Forked by measured-process.ts.
import { startTestApplication } from "./application.ts";

export type Question = { readonly kind: "measure" } | { readonly kind: "stop" };

export interface Ready {
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

export interface Measurement {
  /** Bytes of JavaScript objects and of buffers, after garbage collection. */
  readonly heapBytes: number;
  readonly bufferBytes: number;
  /** Bytes that the process takes of the machine. */
  readonly residentBytes: number;
  /** Handles of open connections. */
  readonly connections: number;
  readonly errors: readonly string[];
}

// A slow machine needs longer to open thousands of connections than clients have to say something.
const application = await startTestApplication({
  limits: { firstBytesTimeoutMs: 60_000 },
  // All clients of a test are on one address.
  env: { COUNTERSIGN_CONNECTIONS_PER_ADDRESS: "0" },
});
const { host, port, token } = application;
process.on("message", (question: Question) => {
  if (question.kind === "measure") measure();
  else void application.stop().then(() => process.disconnect());
});
process.send?.({ host, port, token } satisfies Ready);

function measure(): void {
  // What a first collection finalizes, a second one frees.
  globalThis.gc?.();
  setImmediate(() => {
    globalThis.gc?.();
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    process.send?.({
      heapBytes: heapUsed,
      bufferBytes: arrayBuffers,
      residentBytes: rss,
      connections: process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length,
      errors: application.takeErrors(),
    } satisfies Measurement);
  });
}
