// Follows the log of events from instance to instance: after every break it goes on where it was.
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { setTimeout as sleep } from "node:timers/promises";
import { EventService } from "../../gen/countersign/v1/event_service_pb.ts";
import type { Random } from "../support/random.ts";
import type { Instance } from "./instance.ts";

const PAUSE_AFTER_BREAK_MS = 100;

export class Watcher {
  /** In the order in which they came. */
  readonly positions: number[] = [];
  breaks = 0;
  readonly #instances: readonly Instance[];
  readonly #token: string;
  readonly #random: Random;
  #isOver = false;
  #watching = new AbortController();

  constructor(instances: readonly Instance[], token: string, random: Random) {
    this.#instances = instances;
    this.#token = token;
    this.#random = random;
  }

  /** Watches until `end`. */
  async follow(): Promise<void> {
    while (!this.#isOver) {
      const serving = this.#instances.flatMap(({ url }) => (url === undefined ? [] : [url]));
      if (serving.length > 0) await this.#watch(this.#random.pick(serving));
      await sleep(PAUSE_AFTER_BREAK_MS);
    }
  }

  end(): void {
    this.#isOver = true;
    this.#watching.abort();
  }

  /** Until the stream breaks, as it does when its instance or the database goes. */
  async #watch(baseUrl: string): Promise<void> {
    const client = createClient(EventService, createGrpcTransport({ baseUrl }));
    this.#watching = new AbortController();
    try {
      const messages = client.watchEvents(
        { afterPosition: BigInt(this.positions.at(-1) ?? 0) },
        { headers: { authorization: `Bearer ${this.#token}` }, signal: this.#watching.signal },
      );
      for await (const { message } of messages) {
        if (message.case === "event") this.positions.push(Number(message.value.position));
      }
    } catch {
      this.breaks += 1;
    }
  }
}
