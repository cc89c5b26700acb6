/** Whether a mail with a code is still worth sending. */
import type { OutboxEntry } from "../decider.ts";
import { exists, isLiveCode, waitingCodes, type UserState } from "./state.ts";

export interface StaleEnd {
  readonly state: "cancelled" | "expired";
  readonly problem: string;
}

/**
 * Holds a delivery against what its user is now.
 *
 * @param user undefined when there is no such user
 * @returns how the delivery ends unsent; undefined when its code can still be used
 */
export function staleEnd(
  user: UserState | undefined,
  delivery: Pick<OutboxEntry, "recipient" | "codeId">,
  nowMs: number,
): StaleEnd | undefined {
  if (user === undefined || !exists(user)) return cancelled("superseded: the user was deleted");
  if (user.email.address !== delivery.recipient) return cancelled("superseded: the address was changed");
  if (isLiveCode(user, delivery.codeId, nowMs)) return undefined;
  if (user.code === null) {
    return cancelled(
      user.email.isVerified ? "used: the address is verified" : "superseded: the address was set again",
    );
  }
  const isWaiting = waitingCodes(user).some(({ codeId }) => codeId === delivery.codeId);
  if (!isWaiting) return cancelled("superseded: there is a newer code");
  return { state: "expired", problem: "the code expired before it was sent" };
}

function cancelled(problem: string): StaleEnd {
  return { state: "cancelled", problem };
}
