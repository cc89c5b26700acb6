/**
 * How each event changes a user.
 *
 * A new code takes the place of the old one at once, or works beside as many as its event says; a changed address voids
 * all codes and the verification, a verification all codes; a code that is added to a verified address leaves it
 * verified; a failed try and a sent mail change nothing but the sequence.
 *
 * Codes that are of no use any more are remembered among the older ones while their life lasts, newest first.
 */
import { advance, type EventPlace } from "../decider.ts";
import type { CodeAdded, HumanAdded, UserEvent } from "./events.ts";
import {
  OLDER_CODES_KEPT,
  UNKNOWN_USER,
  waitingCodes,
  type OlderCode,
  type Profile,
  type UserState,
  type WaitingCode,
} from "./state.ts";

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

export function evolve(state: UserState, event: UserEvent, place: EventPlace): UserState {
  return { ...state, ...change(state, event, place), ...advance(state, place) };
}

function change(state: UserState, event: UserEvent, place: EventPlace): Partial<UserState> {
  switch (event.type) {
    case "user.human.added":
      return {
        status: "active",
        username: event.payload.userName,
        profile: withChanges(UNKNOWN_USER.profile, event.payload),
        email: { address: event.payload.email, isVerified: false },
      };
    case "user.human.profile.changed":
      return { profile: withChanges(state.profile, event.payload) };
    case "user.username.changed":
      return { username: event.payload.userName };
    case "user.human.initialization.code.added":
      return { status: "initial" };
    case "user.human.initialization.check.succeeded":
      return { status: "active" };
    case "user.human.email.changed":
      return { email: { address: event.payload.email, isVerified: false }, ...voided(state, place) };
    case "user.human.email.code.added":
      return withNewCode(state, event.payload, place);
    case "user.human.email.verified": {
      const used = waitingCodes(state).find(({ codeId }) => codeId === event.payload.codeId);
      return { email: { ...state.email, isVerified: true }, ...voided(state, place, used) };
    }
    case "user.human.email.code.sent":
    case "user.human.email.verification.failed":
      return {};
    case "user.locked":
      return { status: "locked" };
    case "user.unlocked":
    case "user.reactivated":
      return { status: "active" };
    case "user.deactivated":
      return { status: "inactive" };
    case "user.removed":
      return { ...UNKNOWN_USER, status: "deleted" };
  }
}

function withNewCode(state: UserState, added: CodeAdded, place: EventPlace): Partial<UserState> {
  const code: WaitingCode = {
    codeId: added.codeId,
    mac: added.code,
    expiresAtMs: place.createdAtMs + added.expiry / NANOSECONDS_PER_MILLISECOND,
  };
  const stillLive = waitingCodes(state).slice(0, (added.live_codes ?? 1) - 1);
  return { code, olderCodes: olderCodes(state, place, stillLive), spentCode: null };
}

/** No code works any more; the one that was used, if one was, is the spent one. */
function voided(state: UserState, place: EventPlace, used?: WaitingCode): Partial<UserState> {
  const spentCode =
    used === undefined
      ? null
      : {
          codeId: used.codeId,
          mac: used.mac,
          expiresAtMs: used.expiresAtMs,
          sequence: place.sequence,
          verifiedAtMs: place.createdAtMs,
        };
  return {
    code: null,
    olderCodes: olderCodes(state, place, []).filter(({ codeId }) => codeId !== used?.codeId),
    spentCode,
  };
}

/** All codes there were, as codes of the past but for those that still work. */
function olderCodes(
  { code, spentCode, olderCodes: before }: UserState,
  { createdAtMs }: EventPlace,
  stillLive: readonly WaitingCode[],
): readonly OlderCode[] {
  const all: OlderCode[] = [...before];
  if (spentCode !== null) all.unshift({ ...spentCode, end: "used" });
  if (code !== null) all.unshift(code);
  return all
    .filter(({ expiresAtMs }) => expiresAtMs >= createdAtMs)
    .slice(0, OLDER_CODES_KEPT)
    .map(({ codeId, mac, expiresAtMs, end }) => {
      const isLive = stillLive.some((live) => live.codeId === codeId);
      return { codeId, mac, expiresAtMs, ...(!isLive && { end: end ?? "superseded" }) };
    });
}

function withChanges(profile: Profile, changes: Partial<HumanAdded>): Profile {
  return {
    givenName: changes.firstName ?? profile.givenName,
    familyName: changes.lastName ?? profile.familyName,
    nickName: changes.nickName ?? profile.nickName,
    displayName: changes.displayName ?? profile.displayName,
    preferredLanguage: changes.preferredLanguage ?? profile.preferredLanguage,
    gender: changes.gender ?? profile.gender,
  };
}
