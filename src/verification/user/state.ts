/** What the events of one user add up to. */
import type { CodeMac } from "../code.ts";
import type { AggregateHead } from "../decider.ts";

/**
 * - `unknown`: no event yet.
 * - `initial`: created with a pending initialization; only replayed histories hold such users.
 * - `deleted`: a tombstone; its id is never given out again.
 */
export type UserStatus = "unknown" | "initial" | "active" | "inactive" | "locked" | "deleted";

/** ZITADEL's numbers: 0 unspecified, 1 female, 2 male, 3 diverse. */
export type Gender = 0 | 1 | 2 | 3;

export interface Profile {
  readonly givenName: string;
  readonly familyName: string;
  readonly nickName: string;
  readonly displayName: string;
  /** BCP 47 tag, or "" where none was given. */
  readonly preferredLanguage: string;
  readonly gender: Gender;
}

/** The one code that can still be used. */
export interface LiveCode {
  readonly codeId: string;
  readonly mac: CodeMac;
  readonly expiresAtMs: number;
}

/** The code that verified the address last: the same submission again is answered with success again. */
export interface SpentCode {
  readonly mac: CodeMac;
  readonly expiresAtMs: number;
  /** Sequence and time of the event that it led to. */
  readonly sequence: number;
  readonly verifiedAtMs: number;
}

export interface UserState extends AggregateHead {
  readonly status: UserStatus;
  readonly username: string;
  readonly profile: Profile;
  readonly email: { readonly address: string; readonly isVerified: boolean };
  readonly code: LiveCode | null;
  readonly spentCode: SpentCode | null;
}

export const UNKNOWN_USER: UserState = {
  sequence: 0,
  createdAtMs: 0,
  changedAtMs: 0,
  organizationId: "",
  status: "unknown",
  username: "",
  profile: {
    givenName: "",
    familyName: "",
    nickName: "",
    displayName: "",
    preferredLanguage: "",
    gender: 0,
  },
  email: { address: "", isVerified: false },
  code: null,
  spentCode: null,
};

/** Whether there is such a user: created, and not deleted. */
export function exists(state: UserState): boolean {
  return state.status !== "unknown" && state.status !== "deleted";
}

/** The code if it can be used now. */
export function liveCode(state: UserState, nowMs: number): LiveCode | undefined {
  return state.code !== null && state.code.expiresAtMs >= nowMs ? state.code : undefined;
}
