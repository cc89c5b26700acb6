/**
 * The memory that request bodies may take before they are complete, over all connections.
 *
 * Bodies are small and arrive in one piece; many that wait for their last byte are an attack, or a line that is no good.
 * Where there is no room for another byte, the body that has waited longest is given up: so calls beside an attack go on.
 */
import { failure, FailureError } from "../verification/failures.ts";
import { MAX_MESSAGE_BYTES, MAX_UNFINISHED_BODY_BYTES } from "./limits.ts";

/** How soon a call whose body was given up may be made again. */
const RETRY_MS = 1_000;

/** One body on its way. */
export interface UnfinishedBody {
  /** More of it is here. */
  grow(bytes: number): void;
  /** It is complete, or nobody waits for it any more. */
  end(): void;
}

export class UnfinishedBodies {
  readonly #maxBytes: number;
  /** In the order of their first bytes. */
  readonly #bodies = new Map<UnfinishedBody, (reason: FailureError) => void>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param giveUp called at most once, with what to answer */
  begin(giveUp: (reason: FailureError) => void): UnfinishedBody {
    let own = 0;
    let isOver = false;
    const body: UnfinishedBody = {
      grow: (bytes) => {
        if (isOver) return;
        if (own === 0) this.#bodies.set(body, giveUp);
        // Of a stream of messages no more than one is kept.
        const grown = Math.min(own + bytes, MAX_MESSAGE_BYTES) - own;
        own += grown;
        this.#bytes += grown;
        while (this.#bytes > this.#maxBytes) this.#giveUpOldest();
      },
      end: () => {
        isOver = true;
        if (this.#bodies.delete(body)) this.#bytes -= own;
      },
    };
    return body;
  }

  #giveUpOldest(): void {
    for (const [body, giveUp] of this.#bodies) {
      body.end();
      giveUp(new FailureError(failure("OVERLOADED", { retryAfterMs: RETRY_MS })));
      return;
    }
  }
}

/** Of this process, whose memory it is. */
export const unfinishedBodies = new UnfinishedBodies(MAX_UNFINISHED_BODY_BYTES);
