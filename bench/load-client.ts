/** The benchmark's side of the load process. */
import { Child } from "./child.ts";
import type { LoadOrder, LoadResult } from "./load/order.ts";
import { requestOf } from "./requests.ts";
import type { RunningServer } from "./running-server.ts";
import type { Row } from "./scenarios.ts";

/** As many calls as one HTTP/2 connection carries here; HTTP/1.1 carries one. */
const CALLS_PER_CONNECTION = 16;

export type Extent = Pick<LoadOrder, "seconds" | "calls">;

export class LoadClient {
  readonly #child = new Child({ place: "load", file: "load/load-process.ts" });
  readonly #callsMade = new Map<RunningServer, number>();

  /** @param collects whether codes are kept for the next VerifyEmail */
  async run(
    server: RunningServer,
    { format, call, inFlight }: Pick<Row, "format" | "call" | "inFlight">,
    extent: Extent,
    collects = false,
  ): Promise<LoadResult> {
    const request = requestOf(format, call, server.token, collects);
    const perConnection = request.protocol === "http1" ? 1 : Math.min(CALLS_PER_CONNECTION, inFlight);
    const from = this.#callsMade.get(server) ?? 0;
    const { port, tls, users } = server;
    const order: LoadOrder = {
      ...request,
      ...extent,
      port,
      tls,
      users,
      from,
      connections: inFlight / perConnection,
      inFlight: perConnection,
    };
    const result = await this.#child.ask<LoadResult>(order);
    if (call !== "verify") this.#callsMade.set(server, from + result.calls);
    return result;
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}
