/** Which rows outside the user the rules look at. */
import type { ClaimKey, FactKey } from "../decider.ts";
import { attemptNeeds } from "./attempts.ts";
import type { UserCommand } from "./commands.ts";
import type { UserState } from "./state.ts";

export function needs(state: UserState, command: UserCommand): readonly FactKey[] {
  switch (command.type) {
    case "user.add":
      return [
        { kind: "organization", organizationId: command.organizationId },
        { kind: "claim", claim: subjectClaim(command.userId) },
        { kind: "claim", claim: usernameClaim(usernameOf(command)) },
      ];
    case "user.update":
      return command.username === undefined
        ? []
        : [{ kind: "claim", claim: usernameClaim(command.username.trim()) }];
    case "email.verify":
      return attemptNeeds(state, command);
    default:
      return [];
  }
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
