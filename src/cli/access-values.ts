/** Values of the flags of `token`, `account` and `org`. */
import { InvalidArgumentError } from "commander";
import { durationMs, timeOrAgo } from "./values.ts";

/** `90d` for in ninety days, or a time as ISO 8601 has it; without a zone it is UTC. @throws InvalidArgumentError */
export function timeAhead(text: string): Date {
  if (/^\d+[a-z]+$/.test(text)) return new Date(Date.now() + durationMs(text));
  try {
    return timeOrAgo(text);
  } catch {
    throw new InvalidArgumentError(
      "It has to be 12h or 90d for in so long, or a time such as 2027-03-31T00:00Z.",
    );
  }
}

export interface RoleFlag {
  readonly role: string;
  /** "" where the flag names none. */
  readonly organizationId: string;
}

/** `ORG_OWNER`, or `ORG_OWNER:acme` for an organization; may be given several times. @throws InvalidArgumentError */
export function roleFlag(text: string, before: readonly RoleFlag[] = []): readonly RoleFlag[] {
  const [, role, organizationId = ""] = /^([A-Z][A-Z_]*)(?::(.+))?$/.exec(text) ?? [];
  if (role !== undefined) return [...before, { role, organizationId }];
  throw new InvalidArgumentError(
    "It has to be a role such as ORG_USER_MANAGER, or one for an organization such as ORG_USER_MANAGER:acme.",
  );
}

/** Collects the values of a flag that may be given several times. */
export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
