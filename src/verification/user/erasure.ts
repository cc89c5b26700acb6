/**
 * What is left of a user's events once the personal data in them is erased.
 *
 * The history stays: which events there were, in which order, when, and by whom. What stays of a payload is listed here
 * for each type, and everything else in it is blanked: a field that is new somewhere is personal until somebody says
 * otherwise. Texts become empty, so that an event keeps the shape that `evolve` knows; other values go.
 */
import type { UserEvent } from "./events.ts";

type KeysOf<Payload> = Payload extends unknown ? keyof Payload : never;

const KEPT: {
  readonly [Type in UserEvent["type"]]: readonly KeysOf<
    Extract<UserEvent, { readonly type: Type }>["payload"]
  >[];
} = {
  "user.human.added": [],
  "user.human.profile.changed": [],
  "user.username.changed": [],
  "user.human.initialization.code.added": [],
  "user.human.initialization.check.succeeded": [],
  "user.human.email.changed": [],
  "user.human.email.code.added": ["codeId", "code", "expiry", "code_returned", "live_codes"],
  "user.human.email.code.sent": ["codeId"],
  "user.human.email.verified": ["codeId"],
  "user.human.email.verification.failed": ["codeId"],
  "user.locked": [],
  "user.unlocked": [],
  "user.deactivated": [],
  "user.reactivated": [],
  "user.removed": [],
};

/** The payload of a user's event without personal data; erased once more it stays as it is. */
export function withoutPersonalData(type: string, payload: object): object {
  const kept: readonly string[] = Object.hasOwn(KEPT, type) ? KEPT[type as UserEvent["type"]] : [];
  const left: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(payload)) {
    if (kept.includes(field)) left[field] = value;
    else if (typeof value === "string") left[field] = "";
  }
  return left;
}

/** The address that an event gives the user, if it does and it was not erased. */
export function addressIn(payload: object): string | undefined {
  const { email } = payload as { readonly email?: unknown };
  return typeof email === "string" && email !== "" ? email : undefined;
}
