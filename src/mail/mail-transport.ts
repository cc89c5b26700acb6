/** Where mails go: a relay, a provider, the dev inbox. */
import type { Mail } from "./message.ts";

export interface MailTransport {
  /** For the log and the start banner; names no user and no password. */
  readonly description: string;
  /**
   * Hands one mail over. Never rejects, and settles well within the lease of a delivery (a minute).
   * "accepted" means that the other side took responsibility for the mail.
   */
  send(mail: Mail): Promise<SendOutcome>;
  /** Gives up what is still being sent and closes all connections. */
  close(): Promise<void>;
}

export type SendOutcome =
  | { readonly kind: "accepted" }
  /**
   * "transient": a later try may succeed; "permanent": it would not.
   * The problem may be logged and stored: reply codes and errno, never a recipient, a code or a link.
   */
  | { readonly kind: "transient" | "permanent"; readonly problem: string };
