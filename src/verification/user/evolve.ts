/**
 * How each event changes a user.
 *
 * A new code replaces the old one at once; a changed address drops the code and the verification; a code that is
 * added to a verified address leaves it verified; a failed try and a sent mail change nothing but the sequence.
 */
import { advance, type EventPlace } from "../decider.ts";
import type { HumanAdded, UserEvent } from "./events.ts";
import { UNKNOWN_USER, type Profile, type UserState } from "./state.ts";

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
      return { email: { address: event.payload.email, isVerified: false }, code: null, spentCode: null };
    case "user.human.email.code.added":
      return {
        code: {
          codeId: event.payload.codeId,
          mac: event.payload.code,
          expiresAtMs: place.createdAtMs + event.payload.expiry / NANOSECONDS_PER_MILLISECOND,
        },
        spentCode: null,
      };
    case "user.human.email.verified":
      return {
        email: { ...state.email, isVerified: true },
        code: null,
        spentCode:
          state.code !== null && state.code.codeId === event.payload.codeId
            ? {
                mac: state.code.mac,
                expiresAtMs: state.code.expiresAtMs,
                sequence: place.sequence,
                verifiedAtMs: place.createdAtMs,
              }
            : null,
      };
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
