/** Whether a queued mail may still be sent: asked of the queue, of the address, of the user, of the clock. */
import { maskIdentifier } from "../observability/mask-address.ts";
import type { ClaimedDelivery } from "../store/store.ts";
import { staleEnd } from "../verification/user/stale-delivery.ts";
import type { UserState } from "../verification/user/state.ts";
import { reservedDomain } from "./reserved-domains.ts";

export interface UnsentEnd {
  readonly state: "cancelled" | "expired";
  readonly problem: string;
}

export interface Circumstances {
  /** Of a mail with a code; undefined when there is no such user. */
  readonly user: UserState | undefined;
  /** Who cancelled the delivery; undefined when nobody did. */
  readonly cancelledBy: string | undefined;
  /** Whether mails leave this machine. */
  readonly leavesMachine: boolean;
  readonly nowMs: number;
}

/** @returns how the delivery ends unsent; undefined when it may be sent */
export function unsentEnd(delivery: ClaimedDelivery, circumstances: Circumstances): UnsentEnd | undefined {
  const { user, cancelledBy, leavesMachine, nowMs } = circumstances;
  if (cancelledBy !== undefined)
    return { state: "cancelled", problem: `cancelled by ${maskIdentifier(cancelledBy)}` };
  const reserved = leavesMachine ? reservedDomain(delivery.recipient) : undefined;
  if (reserved !== undefined) {
    const problem = `reserved: no mailbox is in ${reserved} (RFC 2606, RFC 6761), so no relay was asked`;
    return { state: "cancelled", problem };
  }
  if (delivery.kind === "code") return staleEnd(user, delivery, nowMs);
  return delivery.expiresAtMs < nowMs
    ? { state: "expired", problem: "its time was over before it was sent" }
    : undefined;
}
