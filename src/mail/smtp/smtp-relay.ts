/** Where a relay is, and who Countersign is there. */
import { isLoopback } from "../../verification/host-name.ts";

export interface SmtpRelay {
  /** IP address, without brackets, or host name. */
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte, rather than STARTTLS. */
  readonly secure: boolean;
  readonly user?: string;
  readonly password?: string;
}

/** Connections per relay. */
export const SMTP_CONNECTIONS = 5;

/** `SMTP mail.example.com:587, then backup.example.com:587`; names no user and no password. */
export function describeRelays(relays: readonly SmtpRelay[]): string {
  return `SMTP ${relays.map(relayName).join(", then ")}`;
}

/** `host:port`, with IPv6 addresses as URLs spell them. */
export function relayName({ host, port }: SmtpRelay): string {
  return `${urlHost(host)}:${port}`;
}

/** Credentials never cross a network in clear. */
export function needsStartTls({ host, secure, user }: SmtpRelay): boolean {
  return user !== undefined && !secure && !isLoopback(urlHost(host));
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
