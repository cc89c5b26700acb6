/** Which way mails go, as plain data: decided on the main thread, built on the mail thread. */
import { isLoopback } from "../verification/host-name.ts";
import { DEV_INBOX_CONNECTIONS, DEV_INBOX_DESCRIPTION } from "./dev-inbox.ts";
import { describeRelays, SMTP_CONNECTIONS, type SmtpRelay } from "./smtp/smtp-relay.ts";
import { describeEndpoint, WEBHOOK_CONNECTIONS, type WebhookEndpoint } from "./webhook/webhook-endpoint.ts";

export type MailRoute =
  | { readonly kind: "inbox" }
  /** Relays in the order in which they are tried. */
  | { readonly kind: "smtp"; readonly relays: readonly SmtpRelay[] }
  | { readonly kind: "webhook"; readonly endpoint: WebhookEndpoint };

/** For the log and the start banner; names no user and no password. */
export function describeRoute(route: MailRoute): string {
  switch (route.kind) {
    case "inbox":
      return DEV_INBOX_DESCRIPTION;
    case "smtp":
      return describeRelays(route.relays);
    case "webhook":
      return describeEndpoint(route.endpoint);
  }
}

/** How many mails can be handed over at the same time. */
export function connectionsOf(route: MailRoute): number {
  switch (route.kind) {
    case "inbox":
      return DEV_INBOX_CONNECTIONS;
    case "smtp":
      return SMTP_CONNECTIONS;
    case "webhook":
      return WEBHOOK_CONNECTIONS;
  }
}

/** Whether mails may leave this machine: one way out that is not on loopback is enough. */
export function leavesMachine(route: MailRoute): boolean {
  switch (route.kind) {
    case "inbox":
      return false;
    case "smtp":
      return !route.relays.every(({ host }) => isLoopback(host.includes(":") ? `[${host}]` : host));
    case "webhook":
      return !isLoopback(new URL(route.endpoint.url).hostname);
  }
}
