/**
 * When tokens were used last: noted in memory for each call, and written now and then for all of them together. What a
 * crash loses are the last notes, nothing that anything depends on.
 */
import type { Logger } from "../observability/logger.ts";
import type { Store } from "../store/store.ts";

export interface TokenUsesOptions {
  readonly store: Pick<Store, "maintain">;
  readonly logger: Pick<Logger, "warn">;
  /** From one writing to the next. Default: 60,000. */
  readonly intervalMs?: number;
}

const DEFAULT_INTERVAL_MS = 60_000;

export class TokenUses {
  readonly #store: TokenUsesOptions["store"];
  readonly #logger: TokenUsesOptions["logger"];
  readonly #intervalMs: number;
  /** Of this process, by id of the token: as many as there are tokens in use. */
  readonly #lastUsedMs = new Map<string, number>();
  /** Those that are not written yet. */
  readonly #unwritten = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ store, logger, intervalMs = DEFAULT_INTERVAL_MS }: TokenUsesOptions) {
    this.#store = store;
    this.#logger = logger;
    this.#intervalMs = intervalMs;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.flush(), this.#intervalMs).unref();
  }

  /** Writes what is left. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.flush();
  }

  note(tokenId: string, nowMs: number): void {
    this.#lastUsedMs.set(tokenId, nowMs);
    this.#unwritten.add(tokenId);
  }

  /** As far as this process knows, in milliseconds since the Unix epoch; written or not. */
  lastUsedMs(tokenId: string): number | undefined {
    return this.#lastUsedMs.get(tokenId);
  }

  /** What cannot be written now is written the next time. Never rejects. */
  async flush(): Promise<void> {
    const tokenIds = [...this.#unwritten];
    if (tokenIds.length === 0) return;
    this.#unwritten.clear();
    const uses = tokenIds.map((tokenId) => ({ tokenId, usedAtMs: this.#lastUsedMs.get(tokenId) ?? 0 }));
    try {
      await this.#store.maintain({ kind: "recordTokenUses", uses });
    } catch (error) {
      for (const tokenId of tokenIds) this.#unwritten.add(tokenId);
      this.#logger.warn({ err: error }, "the times of last use of access tokens could not be written");
    }
  }
}
