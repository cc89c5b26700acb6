/**
 * The notice to an old address that another took its place (OWASP ASVS 5.0, 6.3.7): whoever took an account over sets an
 * address of their own first, and the person would not hear of it otherwise.
 *
 * It is queued in the transaction of the change, whoever made it, when the old address was verified; nobody has shown
 * that an unverified one is the person's. Nothing that comes later takes it back: neither another change nor the end of
 * the user, which would be the next thing to do for whoever has something to hide. So it holds all that it says: when, and
 * the new address, masked, for the old mailbox may be somebody else's by now; and the language, as it was before.
 * An address that takes no mail gets none, and holds nobody up.
 *
 * The operator's policy switches notices on; an organization may switch them off for its own users.
 */
import type { FactKey, Facts, OutboxEntry } from "../decider.ts";
import { MAX_ACCEPT_LANGUAGE_LENGTH, type Environment } from "../environment.ts";
import { maskedAddress } from "../masked-address.ts";
import { suppressionNeed } from "../suppression.ts";
import type { Owner } from "./email-permission.ts";
import type { UserState } from "./state.ts";

/** How long it is tried to send, in milliseconds: over a weekend. */
export const NOTICE_LIFE_MS = 3 * 24 * 60 * 60 * 1_000;

/** What has to be known to decide on a notice, for commands that may change the address. */
export function noticeNeeds(state: UserState, env: Environment): readonly FactKey[] {
  if (env.policy.addressChangeNotice !== true || !state.email.isVerified) return [];
  const { organizationId, email } = state;
  return [{ kind: "organization", organizationId }, suppressionNeed(organizationId, email.address)];
}

/** The mail to the old address, if there is to be one. */
export function addressNotice(
  state: UserState,
  newAddress: string,
  { userId, organizationId }: Owner,
  facts: Facts,
  env: Environment,
): readonly OutboxEntry[] {
  const { address, isVerified } = state.email;
  if (env.policy.addressChangeNotice !== true || !isVerified) return [];
  if (facts.organization(organizationId)?.notices === false) return [];
  if (facts.isSuppressed({ organizationId, address })) return [];
  const { newNotice, nowMs } = env;
  if (newNotice === undefined) {
    throw new TypeError("a command that changes an address needs environment.newNotice");
  }
  const languages = [state.profile.preferredLanguage, newNotice.acceptLanguage].filter((text) => text !== "");
  return [
    {
      kind: "notice",
      deliveryId: newNotice.deliveryId,
      codeId: "",
      userId,
      organizationId,
      recipient: address,
      urlTemplate: "",
      sealedCode: "",
      acceptLanguage: languages.join(",").slice(0, MAX_ACCEPT_LANGUAGE_LENGTH),
      expiresAtMs: nowMs + NOTICE_LIFE_MS,
      newAddress: maskedAddress(newAddress),
    },
  ];
}
