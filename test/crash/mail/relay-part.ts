/**
 * The relay's part in one life of the service: lets mails through, and from a certain one on holds them.
 *
 * A part that is `quiet` lets no new mail begin once it holds one: what was under way comes to its end, and what is held
 * stays where it is.
 */
import type { RelayPoint, Transaction } from "../../support/recording-relay.ts";

export interface RelayPartOptions {
  /** Where mails are held; undefined: nowhere. */
  readonly point?: RelayPoint | undefined;
  /** So many mails pass the point before one is held. Default 0. */
  readonly passing?: number;
  /** `reached` resolves when so many are held. Default 1. */
  readonly held?: number;
  /** Default false. */
  readonly isQuiet?: boolean;
}

export class RelayPart {
  readonly #point: RelayPoint | undefined;
  readonly #passing: number;
  readonly #wanted: number;
  readonly #isQuiet: boolean;
  readonly #reached = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<void>();
  readonly #first = Promise.withResolvers<void>();
  readonly #underWay = new Set<Transaction>();
  #arrived = 0;

  constructor({ point, passing = 0, held = 1, isQuiet = false }: RelayPartOptions) {
    this.#point = point;
    this.#passing = passing;
    this.#wanted = held;
    this.#isQuiet = isQuiet;
  }

  /** Resolves when mails are held at the point. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  /** Mails that began and are not held, and not accepted. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** What the relay calls at every point. */
  at(point: RelayPoint, transaction: Transaction | undefined): Promise<void> | undefined {
    if (transaction !== undefined) {
      if (point === "accepted") this.#underWay.delete(transaction);
      else this.#underWay.add(transaction);
    }
    const isHere = point === this.#point && ++this.#arrived > this.#passing;
    if (!isHere && !(this.#isQuiet && this.#isHolding && point === "mail")) return undefined;
    if (transaction !== undefined) this.#underWay.delete(transaction);
    if (isHere && this.#arrived === this.#passing + this.#wanted) this.#reached.resolve();
    const isFirst = isHere && this.#arrived === this.#passing + 1;
    return isFirst ? Promise.race([this.#first.promise, this.#over.promise]) : this.#over.promise;
  }

  /** Lets the first of those go that are held. */
  letFirstGo(): void {
    this.#first.resolve();
  }

  /** Holds nothing any more. */
  end(): void {
    this.#over.resolve();
  }

  get #isHolding(): boolean {
    return this.#arrived > this.#passing;
  }
}
