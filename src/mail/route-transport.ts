/** The way out itself, from the data of its route; the mail thread's, which loads what it takes. */
import { DevInboxTransport, type KeepMail } from "./dev-inbox.ts";
import type { MailRoute } from "./mail-route.ts";
import type { MailLogger, MailTransport } from "./mail-transport.ts";
import { SmtpTransport } from "./smtp/smtp-transport.ts";
import { WebhookTransport } from "./webhook/webhook-transport.ts";

export interface RouteContext {
  readonly logger: MailLogger;
  /** Keeps mails of the dev inbox. */
  readonly keep: KeepMail;
}

export function createTransport(route: MailRoute, { logger, keep }: RouteContext): MailTransport {
  switch (route.kind) {
    case "inbox":
      return new DevInboxTransport(keep);
    case "smtp":
      return new SmtpTransport({ relays: route.relays, logger });
    case "webhook":
      return new WebhookTransport({ endpoint: route.endpoint, logger });
  }
}
