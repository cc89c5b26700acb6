// What the dispatcher asks a gateway to deliver.
import type { MailRequest } from "../../src/mail/message.ts";

export function mailRequest(changes: Partial<MailRequest> = {}): MailRequest {
  return {
    deliveryId: "delivery-1",
    recipient: "ada@example.com",
    user: {
      userId: "user-1",
      organizationId: "org1",
      username: "ada",
      givenName: "Ada",
      familyName: "Lovelace",
      nickName: "",
      displayName: "Ada Lovelace",
      preferredLanguage: "",
      createdAtMs: Date.UTC(2026, 0, 1),
      changedAtMs: Date.UTC(2026, 0, 2),
    },
    code: "ABC234",
    link: "https://example.com/verify?code=ABC234",
    queuedAtMs: Date.UTC(2026, 0, 3),
    expiresAtMs: Date.UTC(2026, 0, 3, 1),
    ...changes,
  };
}
