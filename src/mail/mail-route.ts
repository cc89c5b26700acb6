/** Which way mails go, as plain data: decided on the main thread, built on the mail thread. */
import {
  DEV_INBOX_CONNECTIONS,
  DEV_INBOX_DESCRIPTION,
  DevInboxTransport,
  type KeepMail,
} from "./dev-inbox.ts";
import type { MailLogger, MailTransport } from "./mail-transport.ts";
import { describeRelays, SMTP_CONNECTIONS, SmtpTransport, type SmtpRelay } from "./smtp/smtp-transport.ts";

export type MailRoute =
  | { readonly kind: "inbox" }
  /** Relays in the order in which they are tried. */
  | { readonly kind: "smtp"; readonly relays: readonly SmtpRelay[] };

/** For the log and the start banner; names no user and no password. */
export function describeRoute(route: MailRoute): string {
  return route.kind === "inbox" ? DEV_INBOX_DESCRIPTION : describeRelays(route.relays);
}

/** How many mails can be handed over at the same time. */
export function connectionsOf(route: MailRoute): number {
  return route.kind === "inbox" ? DEV_INBOX_CONNECTIONS : SMTP_CONNECTIONS;
}

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
  }
}
