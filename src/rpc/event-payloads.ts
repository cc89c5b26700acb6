/**
 * What of an event's payload goes out: for each type the fields that are named here, and nothing else.
 *
 * Payloads hold what the rules need, digests of codes and tokens among it; and link templates, into which calling services
 * put what they like. So a field is shown because somebody decided that, and a new type does not compile without an entry.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { AccessTokenEvent } from "../verification/access-token.ts";
import type { OrganizationEvent } from "../verification/organization.ts";
import type { ServiceAccountEvent } from "../verification/service-account.ts";
import type { UserEvent } from "../verification/user/events.ts";

type AnyEvent = UserEvent | OrganizationEvent | ServiceAccountEvent | AccessTokenEvent;

type KeysOf<Payload> = Payload extends unknown ? keyof Payload : never;

type ShownFields = {
  readonly [Type in AnyEvent["type"]]: readonly KeysOf<
    Extract<AnyEvent, { readonly type: Type }>["payload"]
  >[];
};

const PROFILE = ["firstName", "lastName", "nickName", "displayName", "preferredLanguage", "gender"] as const;

const SHOWN: ShownFields = {
  "user.human.added": ["userName", "email", ...PROFILE],
  "user.human.profile.changed": PROFILE,
  "user.username.changed": ["userName"],
  "user.human.initialization.code.added": [],
  "user.human.initialization.check.succeeded": [],
  "user.human.email.changed": ["email"],
  "user.human.email.code.added": ["codeId", "expiry", "code_returned", "live_codes"],
  "user.human.email.code.sent": ["codeId"],
  "user.human.email.verified": ["codeId"],
  "user.human.email.verification.failed": ["codeId"],
  "user.locked": [],
  "user.unlocked": [],
  "user.deactivated": [],
  "user.reactivated": [],
  "user.removed": [],
  "org.added": ["name"],
  "org.changed": ["name"],
  "org.settings.changed": [
    "linkHosts",
    "senderName",
    "senderAddress",
    "templateFolder",
    "notices",
    "displayName",
    "logoUrl",
    "color",
  ],
  "user.machine.added": ["userName", "roles"],
  "user.machine.roles.changed": ["roles"],
  "user.pat.added": ["serviceAccountId", "expiresAtMs"],
  "user.pat.removed": [],
};

/** Every type of event there is. */
export const EVENT_TYPES: readonly string[] = Object.keys(SHOWN);

/** @returns nothing for a type that is not known here, such as one of a newer version */
export function shownPayload(type: string, payload: object): JsonObject {
  const fields: readonly string[] = Object.hasOwn(SHOWN, type) ? SHOWN[type as keyof ShownFields] : [];
  const values = payload as Readonly<Record<string, JsonValue | undefined>>;
  const shown: JsonObject = {};
  for (const field of fields) {
    const value = values[field];
    if (value !== undefined) shown[field] = value;
  }
  return shown;
}
