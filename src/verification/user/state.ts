/** What the events of one user add up to. */
import type { CodeMac } from "../code.ts";
import { UNKNOWN_HEAD, type AggregateHead } from "../decider.ts";

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

/** A code that was issued and that has verified nothing yet. */
export interface WaitingCode {
  readonly codeId: string;
  readonly mac: CodeMac;
  /** The code works until the end of this millisecond. */
  readonly expiresAtMs: number;
}

/** A code before the newest one. */
export interface OlderCode extends WaitingCode {
  /**
   * Why it verifies nothing any more: it verified already, or another code, another address or an administrator's word
   * took its place. Absent: it works beside the newer ones until it expires.
   */
  readonly end?: "used" | "superseded";
}

/** The code that verified the address last: the same submission again is answered with success again. */
export interface SpentCode extends WaitingCode {
  /** Sequence and time of the event that it led to. */
  readonly sequence: number;
  readonly verifiedAtMs: number;
}

/**
 * How many codes before the newest are remembered: those that may still work (COUNTERSIGN_LIVE_CODES is at most 5), and
 * at least one more, so that who submits an old code can be told what is wrong with it.
 */
export const OLDER_CODES_KEPT = 5;

export interface UserState extends AggregateHead {
  readonly status: UserStatus;
  readonly username: string;
  readonly profile: Profile;
  readonly email: { readonly address: string; readonly isVerified: boolean };
  /** The newest code, where it waits: neither used nor voided. */
  readonly code: WaitingCode | null;
  /** Newest first; those that still work come before those that do not. */
  readonly olderCodes: readonly OlderCode[];
  /** Only while `code` is null. */
  readonly spentCode: SpentCode | null;
}

export const UNKNOWN_USER: UserState = {
  ...UNKNOWN_HEAD,
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
  olderCodes: [],
  spentCode: null,
};

/** Whether there is such a user: created, and not deleted. */
export function exists(state: UserState): boolean {
  return state.status !== "unknown" && state.status !== "deleted";
}

/** Every code that waits, expired or not, newest first. */
export function waitingCodes({ code, olderCodes }: UserState): readonly WaitingCode[] {
  const older = olderCodes.filter(({ end }) => end === undefined);
  return code === null ? older : [code, ...older];
}

/** Every code that can be used now, newest first. */
export function liveCodes(state: UserState, nowMs: number): readonly WaitingCode[] {
  return waitingCodes(state).filter(({ expiresAtMs }) => expiresAtMs >= nowMs);
}

export function isLiveCode(state: UserState, codeId: string, nowMs: number): boolean {
  return liveCodes(state, nowMs).some((code) => code.codeId === codeId);
}
