/**
 * One relay: its connections, its breaker, and how one mail goes through it.
 *
 * The permit is taken when a session stands ready for MAIL FROM, and MAIL FROM is written in the same turn of the event
 * loop: between the two lie only continuations of promises.
 *
 * A session that was kept open may be dead without anybody having heard of it. When one fails before its relay answered
 * MAIL FROM, the mail goes through another session, once, and the permit is taken again.
 */
import type { HandOverPermit } from "../mail-transport.ts";
import { CircuitBreaker, type CircuitBreakerOptions } from "../circuit-breaker.ts";
import { ConnectionPool, type ConnectionPoolOptions } from "./connection-pool.ts";
import { NothingLearnt } from "./nothing-learnt.ts";
import type { Parcel } from "./parcel.ts";
import { DeliveryFault } from "./session.ts";
import { relayName } from "./smtp-relay.ts";

export type RelayClientOptions = ConnectionPoolOptions & CircuitBreakerOptions;

export type HandOverResult =
  | { readonly kind: "accepted"; readonly reply: string }
  | { readonly kind: "withdrawn" }
  /** The recipient's address would not arrive as it is. */
  | { readonly kind: "no-smtputf8" };

export class RelayClient {
  readonly name: string;
  readonly breaker: CircuitBreaker;
  /** Why it rests, if it does; may be logged and stored. */
  lastFault = "";
  readonly #pool: ConnectionPool;

  constructor(options: RelayClientOptions) {
    this.name = relayName(options.relay);
    this.breaker = new CircuitBreaker(options);
    this.#pool = new ConnectionPool(options);
  }

  /**
   * @param untilMs when the final dot has to be out, on the clock of performance.now()
   * @throws NothingLearnt, DeliveryFault, or the Error with which a session could not be opened
   */
  async handOver(parcel: Parcel, permit: HandOverPermit, untilMs: number): Promise<HandOverResult> {
    try {
      return await this.#tryOnce(parcel, permit, untilMs);
    } catch (error) {
      if (!(error instanceof DeadSession)) throw error;
      this.#pool.dismissIdle();
      return await this.#tryOnce(parcel, permit, untilMs).catch((again: unknown) => {
        throw again instanceof DeadSession ? again.cause : again;
      });
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #tryOnce(parcel: Parcel, permit: HandOverPermit, untilMs: number): Promise<HandOverResult> {
    const { session, isReused } = await this.#pool.acquire(untilMs);
    try {
      if (parcel.needsSmtpUtf8 && !session.offersSmtpUtf8) return { kind: "no-smtputf8" };
      if (!(await taken(permit, untilMs))) return { kind: "withdrawn" };
      return { kind: "accepted", reply: await session.deliver(parcel, untilMs, () => permit.arrived()) };
    } catch (error) {
      throw isReused && error instanceof DeliveryFault && error.isBeforeMail ? new DeadSession(error) : error;
    } finally {
      this.#pool.release(session);
    }
  }
}

/** A session that was kept open, and is no longer. */
class DeadSession extends Error {
  constructor(cause: DeliveryFault) {
    super("the session had ended", { cause });
  }
}

/** @throws NothingLearnt when the permit cannot be had in time, or at all */
function taken(permit: HandOverPermit, untilMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new NothingLearnt("no answer in time whether the mail may leave")),
      Math.max(0, untilMs - performance.now()),
    );
    permit
      .take()
      .then(resolve, () => reject(new NothingLearnt("no answer whether the mail may leave")))
      .finally(() => clearTimeout(timer));
  });
}
