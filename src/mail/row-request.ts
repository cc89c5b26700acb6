/**
 * From a row of the outbox to the mail that is asked for: the code is unsealed, the link made, and the reader described
 * as the user is by now. Only a mail with a code has a user; the others say what their rows say.
 */
import type { Keyring } from "../store/keyring.ts";
import type { ClaimedDelivery } from "../store/store.ts";
import { parseLinkTemplate, renderLink } from "../verification/url-template.ts";
import type { UserState } from "../verification/user/state.ts";
import { errorText } from "./error-text.ts";
import type { MailRequest, MailUser } from "./message.ts";
import { TEST_MAIL_LANGUAGE, TEST_MARK } from "./messages/test-mail.ts";

/**
 * @param user whose code it is; undefined for mails without one
 * @returns why the mail cannot be made, now or ever, in place of the request
 */
export function rowRequest(
  delivery: ClaimedDelivery,
  user: UserState | undefined,
  keyring: Pick<Keyring, "open">,
): MailRequest | { readonly problem: string } {
  switch (delivery.kind) {
    case "code":
      return user === undefined
        ? { problem: "there is no such user" }
        : codeMailRequest(delivery, user, keyring);
    case "test":
      return testMailRequest(delivery);
    case "notice":
      return noticeRequest(delivery);
  }
}

function codeMailRequest(
  delivery: ClaimedDelivery,
  user: UserState,
  keyring: Pick<Keyring, "open">,
): MailRequest | { readonly problem: string } {
  const { deliveryId, userId, organizationId, recipient, urlTemplate, acceptLanguage } = delivery;
  const { queuedAtMs, expiresAtMs } = delivery;
  let code: string;
  try {
    code = keyring.open(delivery.sealedCode, deliveryId);
  } catch (error) {
    return { problem: `the code cannot be opened: ${(error as Error).message}` };
  }
  const parsed = parseLinkTemplate(urlTemplate);
  if (!parsed.ok) return { problem: `the link template cannot be read: ${parsed.failure.name}` };
  try {
    const link = renderLink(parsed.template, { UserID: userId, Code: code, OrgID: organizationId });
    const mailUser = mailUserOf(userId, user);
    return { deliveryId, recipient, user: mailUser, code, link, acceptLanguage, queuedAtMs, expiresAtMs };
  } catch (error) {
    return { problem: `the link cannot be made: ${errorText(error)}` };
  }
}

function testMailRequest(delivery: ClaimedDelivery): MailRequest {
  const { deliveryId, recipient, queuedAtMs, expiresAtMs } = delivery;
  const user = { ...namelessUser(delivery), preferredLanguage: TEST_MAIL_LANGUAGE };
  return { kind: "test", deliveryId, recipient, user, code: TEST_MARK, link: "", queuedAtMs, expiresAtMs };
}

/** Says what its row says: by now the user may have another name, or another language, or none. */
function noticeRequest(delivery: ClaimedDelivery): MailRequest {
  const { deliveryId, recipient, newAddress, acceptLanguage, queuedAtMs, expiresAtMs } = delivery;
  const user = namelessUser(delivery);
  const common = { deliveryId, recipient, user, acceptLanguage, queuedAtMs, expiresAtMs };
  return { ...common, kind: "notice", code: "", link: "", newAddress };
}

function namelessUser({ userId, organizationId, queuedAtMs }: ClaimedDelivery): MailUser {
  return {
    userId,
    organizationId,
    username: "",
    givenName: "",
    familyName: "",
    nickName: "",
    displayName: "",
    preferredLanguage: "",
    createdAtMs: queuedAtMs,
    changedAtMs: queuedAtMs,
  };
}

function mailUserOf(userId: string, { organizationId, username, profile, email, ...state }: UserState) {
  const { givenName, familyName, nickName, displayName, preferredLanguage } = profile;
  return {
    userId,
    organizationId,
    username,
    givenName,
    familyName,
    nickName,
    displayName,
    preferredLanguage,
    createdAtMs: state.createdAtMs,
    changedAtMs: state.changedAtMs,
    ...(email.isVerified && { verifiedAddress: email.address }),
  };
}
