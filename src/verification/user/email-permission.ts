/** Who may add a user, and who may have a code issued: asked before a call is decided, and before it is answered again. */
import { checkPermission, type Caller } from "../caller.ts";
import type { Failure } from "../failures.ts";
import type { UserCommand, Verification } from "./commands.ts";

/** A user, and the organization that it belongs to. */
export interface Owner {
  readonly userId: string;
  readonly organizationId: string;
}

/** @returns the failure that refuses the call, or undefined */
export function checkAddPermission(caller: Caller, organizationId: string): Failure | undefined {
  return checkPermission(caller, "user.write", { organizationId }, "not allowed");
}

/**
 * Whoever gets the code in hand, or vouches for the address, proves nothing by it: that takes the permission even on
 * one's own account (CVE-2026-27946, CVE-2026-54693 are what happens otherwise).
 *
 * @returns the failure that refuses the call, or undefined
 */
export function checkEmailPermission(
  caller: Caller,
  verification: Verification,
  owner: Owner,
): Failure | undefined {
  const selfRule = verification.kind === "send" || verification.kind === "none" ? "allowed" : "not allowed";
  return checkPermission(caller, "user.write", owner, selfRule);
}

/** What the command asks for, of a user known from elsewhere than the command's aggregate. */
export function checkRepeatPermission(
  caller: Caller,
  command: UserCommand,
  owner: Owner,
): Failure | undefined {
  switch (command.type) {
    case "email.set":
    case "email.sendCode":
    case "email.resendCode":
      return checkEmailPermission(caller, command.verification, owner);
    default:
      return checkAddPermission(caller, owner.organizationId);
  }
}
