/** The events of a user, with ZITADEL's type and payload names. */
import type { CodeMac } from "../code.ts";
import type { Gender } from "./state.ts";

interface Event<Type extends string, Payload extends object> {
  readonly type: Type;
  readonly payload: Payload;
}

type Empty = Readonly<Record<string, never>>;

/** ZITADEL's payload of a new human. */
export interface HumanAdded {
  readonly userName: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly nickName?: string;
  readonly displayName: string;
  readonly preferredLanguage?: string;
  readonly gender?: Gender;
  readonly email: string;
}

export interface CodeAdded {
  /** Ties this event, the outbox row and `code.sent` together. */
  readonly codeId: string;
  readonly code: CodeMac;
  /** Life of the code in nanoseconds. */
  readonly expiry: number;
  /** The link template in force, the default included. */
  readonly url_template: string;
  /** The code was handed to the caller; no mail is sent. */
  readonly code_returned?: true;
  /** So many of the newest codes work from here on, this one among them; absent: this one alone. */
  readonly live_codes?: number;
}

export type UserEvent =
  | Event<"user.human.added", HumanAdded>
  | Event<"user.human.profile.changed", Partial<Omit<HumanAdded, "userName" | "email">>>
  | Event<"user.username.changed", { readonly userName: string }>
  | Event<"user.human.initialization.code.added", Empty>
  | Event<"user.human.initialization.check.succeeded", Empty>
  | Event<"user.human.email.changed", { readonly email: string }>
  | Event<"user.human.email.code.added", CodeAdded>
  | Event<"user.human.email.code.sent", { readonly codeId: string }>
  | Event<"user.human.email.verified", { readonly codeId?: string }>
  | Event<"user.human.email.verification.failed", { readonly codeId?: string }>
  | Event<"user.locked", Empty>
  | Event<"user.unlocked", Empty>
  | Event<"user.deactivated", Empty>
  | Event<"user.reactivated", Empty>
  | Event<"user.removed", Empty>;
