import type { Config } from "../config.ts";
import { serveMetrics } from "../observability/metrics-listener.ts";
import type { Metrics } from "../observability/metrics.ts";
import { StartError } from "../observability/start-error.ts";
import { inBrackets, urlHost } from "./listening-host.ts";

export interface MetricsEndpoint {
  readonly url: string;
  close(): Promise<void>;
}

/** Undefined when no metrics are served: nothing is counted then. */
export async function createMetrics({ metricsListen }: Config): Promise<Metrics | undefined> {
  if (metricsListen === undefined) return undefined;
  const { Metrics } = await import("../observability/metrics.ts");
  return new Metrics();
}

/** Undefined when no metrics are served. @throws StartError where the address cannot be used */
export async function openMetrics(
  { metricsListen }: Config,
  metrics: Metrics | undefined,
): Promise<MetricsEndpoint | undefined> {
  if (metricsListen === undefined || metrics === undefined) return undefined;
  const { host, port } = metricsListen;
  try {
    metrics.watchProcess();
    const listener = await serveMetrics(metrics, host, port);
    return { url: `http://${urlHost(host)}:${listener.port}/metrics`, close: () => listener.close() };
  } catch (error) {
    const address = `${inBrackets(host)}:${port}`;
    throw new StartError(
      `COUNTERSIGN_METRICS_LISTEN=${address} cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
