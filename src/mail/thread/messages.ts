/** What the main thread and the mail thread say to each other, several messages at a time. */
import type { HandOverCell } from "../hand-over.ts";
import type { MailRoute } from "../mail-route.ts";
import type { SendOutcome } from "../mail-transport.ts";
import type { ComposerOptions, Mail, MailRequest } from "../message.ts";

/** What the mail thread starts with. */
export interface MailThreadData {
  readonly route: MailRoute;
  readonly composer: ComposerOptions;
}

export type LogLevel = "info" | "warn" | "error";

export type ToMailThread =
  | { readonly kind: "deliver"; readonly request: MailRequest; readonly cell: HandOverCell }
  /** The answer to `ask`: until when the mail may be taken, on the clock of `monotonicNowMs`; 0 when it must not go. */
  | { readonly kind: "answer"; readonly deliveryId: string; readonly untilMs: number }
  /** The answer to `keep`: undefined when the mail was kept, or why it was not. */
  | { readonly kind: "kept"; readonly deliveryId: string; readonly problem: string | undefined }
  | { readonly kind: "close" };

export type FromMailThread =
  /** A connection is ready: may the mail leave? */
  | { readonly kind: "ask"; readonly deliveryId: string }
  /** The relay has seen the envelope. */
  | { readonly kind: "arrived"; readonly deliveryId: string }
  /** A mail for the dev inbox. */
  | { readonly kind: "keep"; readonly mail: Mail }
  | { readonly kind: "done"; readonly deliveryId: string; readonly outcome: SendOutcome }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    }
  | { readonly kind: "closed" };
