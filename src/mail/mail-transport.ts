/** Where mails go: relays, a provider, the dev inbox. Transports run on the mail thread. */
import type { Mail } from "./message.ts";
import type { RetryDelay } from "./retry-policy.ts";

export interface MailTransport {
  /** For the log and the start banner; names no user and no password. */
  readonly description: string;
  /** How many mails it can hand over at the same time; further ones wait their turn. At least 1. */
  readonly connections: number;
  /**
   * Hands one mail over, once the permit allows it. Never rejects, and settles well within the lease of a delivery.
   * "accepted" means that the other side took responsibility for the mail.
   */
  send(mail: Mail, permit: HandOverPermit): Promise<SendOutcome>;
  /** Gives up what is still being sent and closes all connections; its sends settle as transient. */
  close(): Promise<void>;
}

/**
 * Leave to hand one mail over. It is asked for when nothing else is left to do - the connection is open, the relay has
 * said hello - and the first byte of the mail's envelope follows at once: so nothing ages between the check and the mail.
 */
export interface HandOverPermit {
  /** May be asked again, for another relay. @returns false when the mail must not go any more */
  take(): Promise<boolean>;
  /**
   * The other side has seen the envelope, whatever it says of it: commands that waited for that are answered. Need not be
   * said where the end of the send follows soon.
   */
  arrived(): void;
}

/** What transports log with: the mail thread has no log of its own and passes lines on. */
export interface MailLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** One relay's part in a send. Nothing in it names a recipient, a code or a link: it is logged and stored. */
export interface RelayTry {
  /** `host:port`. */
  readonly relay: string;
  readonly outcome: "accepted" | "transient" | "permanent";
  /** The relay's last reply, such as 250. */
  readonly replyCode?: number;
  /** RFC 3463, such as 4.7.1. */
  readonly enhancedCode?: string;
  /** The reply's text or the error's codes. */
  readonly text: string;
}

/** With the mail's Message-ID once it is composed, which transports need not say. */
export type SendOutcome = { readonly messageId?: string } & SendResult;

type SendResult =
  | { readonly kind: "accepted"; readonly tries: readonly RelayTry[] }
  /** The permit was refused: nothing was handed over. */
  | { readonly kind: "withdrawn" }
  /** A later try may succeed. */
  | {
      readonly kind: "transient";
      /** May be logged and stored. */
      readonly problem: string;
      readonly tries: readonly RelayTry[];
      /** From the row of the retry table that fits. */
      readonly delay: RetryDelay;
      /** No relay takes anything before this time, in milliseconds since the Unix epoch: others need not try either. */
      readonly pausedUntilMs?: number;
    }
  /** No later try would succeed. */
  | { readonly kind: "permanent"; readonly problem: string; readonly tries: readonly RelayTry[] };
