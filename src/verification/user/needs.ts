/** Which rows outside the user the rules look at. */
import type { ClaimKey, FactKey } from "../decider.ts";
import type { Environment } from "../environment.ts";
import { suppressionNeed } from "../suppression.ts";
import { noticeNeeds } from "./address-notice.ts";
import { attemptNeeds } from "./attempts.ts";
import type { UserCommand, Verification } from "./commands.ts";
import { linkHostNeeds } from "./organization-links.ts";
import type { UserState } from "./state.ts";

export function needs(state: UserState, command: UserCommand, env: Environment): readonly FactKey[] {
  switch (command.type) {
    case "user.add":
      return [
        { kind: "organization", organizationId: command.organizationId },
        { kind: "claim", claim: subjectClaim(command.userId) },
        { kind: "claim", claim: usernameClaim(usernameOf(command)) },
        ...mailNeeds(command.organizationId, command.email.address, command.email.verification),
      ];
    case "user.update": {
      const { username, email } = command;
      return [
        ...(username === undefined
          ? []
          : [{ kind: "claim", claim: usernameClaim(username.trim()) } as const]),
        ...(email === undefined
          ? []
          : [
              ...mailNeeds(state.organizationId, email.address, email.verification),
              ...noticeNeeds(state, env),
            ]),
      ];
    }
    case "email.set":
      return [
        ...mailNeeds(state.organizationId, command.address, command.verification),
        ...noticeNeeds(state, env),
      ];
    case "email.sendCode":
    case "email.resendCode":
      return mailNeeds(state.organizationId, state.email.address, command.verification);
    case "email.verify":
    case "email.checkCode":
      return attemptNeeds(state, command);
    default:
      return [];
  }
}

/** Whether the address takes mail, and where links may lead, matters only to who wants one sent. */
function mailNeeds(organizationId: string, address: string, verification: Verification): readonly FactKey[] {
  if (verification.kind !== "send") return [];
  return [suppressionNeed(organizationId, address.trim()), ...linkHostNeeds(organizationId, verification)];
}

/** The username asked for, or the address where none is. */
export function usernameOf(command: Extract<UserCommand, { type: "user.add" }>): string {
  return (command.username ?? command.email.address).trim();
}

/** Usernames are unique over all organizations, whatever their case. */
export function usernameClaim(username: string): ClaimKey {
  return { scope: "username", value: username.toLowerCase() };
}

export function subjectClaim(userId: string): ClaimKey {
  return { scope: "subject", value: userId };
}
