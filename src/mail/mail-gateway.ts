/** Where the dispatcher hands its deliveries to: composing and sending are done elsewhere, off the main thread. */
import type { HandOver } from "./hand-over.ts";
import type { SendOutcome } from "./mail-transport.ts";
import type { MailRequest } from "./message.ts";

export interface MailGateway {
  /** For the log and the start banner; names no user and no password. */
  readonly description: string;
  /** How many mails can be handed over at the same time. */
  readonly connections: number;
  /** Whether mails leave this machine. Reserved domains (RFC 2606) get none then. Default: false. */
  readonly leavesMachine?: boolean;
  /** Composes one mail and hands it over when `handOver` allows it. Never rejects. */
  deliver(request: MailRequest, handOver: HandOver): Promise<SendOutcome>;
  /** Gives up what is still being sent; its deliveries settle as transient. */
  close(): Promise<void>;
}
