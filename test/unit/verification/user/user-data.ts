/** Events and commands of one user, `user1`, whose nth code is `CODE<n>`. */
import type { OutboxEntry } from "../../../../src/verification/decider.ts";
import type { UserCommand, Verification } from "../../../../src/verification/user/commands.ts";
import { userDecider } from "../../../../src/verification/user/decider.ts";
import type { CodeAdded, HumanAdded, UserEvent } from "../../../../src/verification/user/events.ts";
import type { UserStatus } from "../../../../src/verification/user/state.ts";
import { NOW, ORG, POLICY, Scenario } from "../given.ts";
import { mac, newCode } from "../new-code.ts";

export const USER = "user1";
export const ADDRESS = "ada@example.com";
export const NEW_ADDRESS = "ada@new.example";
export const LINK = "https://shop.example/confirm?c={{.Code}}";

export function givenUser(...past: UserEvent[]) {
  return new Scenario(userDecider, past);
}

// --- events ------------------------------------------------------------------------------------------------------

export function humanAdded(extra: Partial<HumanAdded> = {}): UserEvent {
  return {
    type: "user.human.added",
    payload: {
      userName: "ada",
      firstName: "Ada",
      lastName: "Lovelace",
      displayName: "Ada Lovelace",
      email: ADDRESS,
      ...extra,
    },
  };
}

export function emailChanged(email: string = NEW_ADDRESS): UserEvent {
  return { type: "user.human.email.changed", payload: { email } };
}

export function codeAdded(n: number, extra: Partial<CodeAdded> = {}): UserEvent {
  const { codeId, mac: code } = newCode(n);
  const expiry = POLICY.codeTtlMs * 1e6;
  return {
    type: "user.human.email.code.added",
    payload: { codeId, code, expiry, url_template: POLICY.defaultUrlTemplate, ...extra },
  };
}

export function codeSent(n: number): UserEvent {
  return { type: "user.human.email.code.sent", payload: { codeId: `code${n}` } };
}

/** By code n, or by an administrator. */
export function verified(n?: number): UserEvent {
  return { type: "user.human.email.verified", payload: n === undefined ? {} : { codeId: `code${n}` } };
}

/** A wrong try at code n, or at no code. */
export function failed(n?: number): UserEvent {
  return {
    type: "user.human.email.verification.failed",
    payload: n === undefined ? {} : { codeId: `code${n}` },
  };
}

/** The events that say all with their name. */
type BareType =
  | `user.human.initialization.${"code.added" | "check.succeeded"}`
  | `user.${"locked" | "unlocked" | "deactivated" | "reactivated" | "removed"}`;

export function happened(type: BareType): UserEvent {
  return { type, payload: {} };
}

/** How a user comes to each status. */
export const PASTS: Record<UserStatus, readonly UserEvent[]> = {
  unknown: [],
  initial: [humanAdded(), happened("user.human.initialization.code.added")],
  active: [humanAdded()],
  inactive: [humanAdded(), happened("user.deactivated")],
  locked: [humanAdded(), happened("user.locked")],
  deleted: [humanAdded(), happened("user.removed")],
};

/** The mail with code n. */
export function mail(n: number, extra: Partial<OutboxEntry> = {}): OutboxEntry {
  return {
    deliveryId: `delivery${n}`,
    codeId: `code${n}`,
    userId: USER,
    organizationId: ORG,
    recipient: ADDRESS,
    urlTemplate: POLICY.defaultUrlTemplate,
    sealedCode: `sealed${n}`,
    acceptLanguage: "",
    expiresAtMs: NOW + POLICY.codeTtlMs,
    ...extra,
  };
}

// --- commands ----------------------------------------------------------------------------------------------------

type CommandOf<Type extends UserCommand["type"]> = Extract<UserCommand, { type: Type }>;
type CodeVerification = CommandOf<"email.sendCode">["verification"];

export const SEND: CodeVerification = { kind: "send" };
export const RETURN: CodeVerification = { kind: "return" };
export const VERIFIED: Verification = { kind: "verified" };
export const NONE: Verification = { kind: "none" };

export function sendTo(urlTemplate: string): CodeVerification {
  return { kind: "send", urlTemplate };
}

export function addUser(change: Partial<CommandOf<"user.add">> = {}): CommandOf<"user.add"> {
  return {
    type: "user.add",
    userId: USER,
    organizationId: ORG,
    username: "ada",
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { address: ADDRESS, verification: SEND },
    ...change,
  };
}

export function updateUser(
  change: Omit<CommandOf<"user.update">, "type" | "userId">,
): CommandOf<"user.update"> {
  return { type: "user.update", userId: USER, ...change };
}

export function setEmail(address: string, verification: Verification = SEND): UserCommand {
  return { type: "email.set", userId: USER, address, verification };
}

export function sendCode(verification: CodeVerification = SEND): UserCommand {
  return { type: "email.sendCode", userId: USER, verification };
}

export function resendCode(verification: CodeVerification = SEND): UserCommand {
  return { type: "email.resendCode", userId: USER, verification };
}

/** A submitted code under both live keys; "" is no code. */
export function verify(code: string, client = "client1"): UserCommand {
  const candidates = code === "" ? [] : [mac(code, "key1"), mac(code, "key2")];
  return { type: "email.verify", userId: USER, candidates, client };
}
