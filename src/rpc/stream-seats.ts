/**
 * How many streams may be open at a time: each holds a connection, and what happens is read and written for it. A seat is
 * free again when its stream is over, however that came.
 */
import { failure, FailureError } from "../verification/failures.ts";
import type { StreamCall } from "./call.ts";

export interface SeatLimits {
  /** Of one principal. */
  readonly perPrincipal: number;
  /** Of one principal that has no role, such as a person who watches their own account. Default: perPrincipal. */
  readonly perPrincipalWithoutRole?: number;
  /** Of the principals of one organization together, so that none leaves the others without. Default: inAll. */
  readonly perOrganization?: number;
  readonly inAll: number;
}

/** When somebody who found no seat may look again, in milliseconds. */
const RETRY_AFTER_MS = 5_000;

export class StreamSeats {
  readonly #limits: SeatLimits;
  readonly #takenBy = new Map<string, number>();
  #taken = 0;

  constructor(limits: SeatLimits) {
    this.#limits = limits;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** For the life of the stream. @throws FailureError STREAM_LIMIT_REACHED */
  take({ caller, signal }: StreamCall): void {
    const { perPrincipal, inAll } = this.#limits;
    const { perPrincipalWithoutRole = perPrincipal, perOrganization = inAll } = this.#limits;
    const isPrincipal = caller.kind === "principal";
    const most = isPrincipal && caller.grants.length === 0 ? perPrincipalWithoutRole : perPrincipal;
    const principal = isPrincipal ? `principal ${caller.userId}` : caller.kind;
    const organization = isPrincipal ? `organization ${caller.organizationId}` : caller.kind;
    const [own, shared] = [this.#takenOf(principal), this.#takenOf(organization)];
    if (own >= most) throw refused(`the caller has ${own} such streams open`, most);
    if (shared >= perOrganization) {
      throw refused(`the caller's organization has ${shared} such streams open`, perOrganization);
    }
    if (this.#taken >= inAll) throw refused(`${this.#taken} such streams are open`, inAll);
    if (signal.aborted) return;
    const holders = new Set([principal, organization]);
    this.#change(holders, 1);
    signal.addEventListener("abort", () => this.#change(holders, -1), { once: true });
  }

  #takenOf(holder: string): number {
    return this.#takenBy.get(holder) ?? 0;
  }

  #change(holders: ReadonlySet<string>, by: 1 | -1): void {
    this.#taken += by;
    for (const holder of holders) {
      const taken = this.#takenOf(holder) + by;
      if (taken === 0) this.#takenBy.delete(holder);
      else this.#takenBy.set(holder, taken);
    }
  }
}

function refused(what: string, limit: number): FailureError {
  const text = `Too many streams: ${what}, and no more than ${limit} may be`;
  return new FailureError(failure("STREAM_LIMIT_REACHED", { text, retryAfterMs: RETRY_AFTER_MS }));
}
