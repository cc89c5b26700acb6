/** What lists search of a user, derived from its state. */
import { exists, type UserState } from "../verification/user/state.ts";

export interface UserRow {
  readonly id: string;
  readonly organizationId: string;
  readonly status: string;
  readonly username: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly nickName: string;
  readonly displayName: string;
  readonly email: string;
  readonly createdAtMs: number;
}

/**
 * Most events (codes, tries, sent mails) change nothing that lists search; then the row stays as it is.
 *
 * @returns the row to write, "gone" for a user that is no more, or undefined where nothing changes
 */
export function userRowChange(id: string, before: UserState, after: UserState): UserRow | "gone" | undefined {
  if (!exists(after)) return "gone";
  const isUnchanged =
    before.sequence > 0 &&
    before.status === after.status &&
    before.username === after.username &&
    before.email.address === after.email.address &&
    JSON.stringify(before.profile) === JSON.stringify(after.profile);
  if (isUnchanged) return undefined;
  const { organizationId, status, username, profile, email, createdAtMs } = after;
  const { givenName, familyName, nickName, displayName } = profile;
  return {
    id,
    organizationId,
    status,
    username,
    givenName,
    familyName,
    nickName,
    displayName,
    email: email.address,
    createdAtMs,
  };
}
