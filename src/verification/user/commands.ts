/** What can be asked of a user, and what the answer says. */
import type { CodeMac } from "../code.ts";
import type { Gender } from "./state.ts";

/** ZITADEL's `verification` oneof. */
export type Verification =
  /** Nothing set, or `send_code`: mail a code. Without a template the policy's default link is used. */
  | { readonly kind: "send"; readonly urlTemplate?: string }
  /** `return_code`: hand the code to the caller and mail nothing. */
  | { readonly kind: "return" }
  /** `is_verified: true`: the caller vouches for the address. */
  | { readonly kind: "verified" }
  /** `is_verified: false`, set explicitly: neither code nor mail. */
  | { readonly kind: "none" };

/** A verification that issues a code. */
export type CodeVerification = Extract<Verification, { kind: "send" | "return" }>;

export interface NewProfile {
  readonly givenName: string;
  readonly familyName: string;
  readonly nickName?: string;
  readonly displayName?: string;
  readonly preferredLanguage?: string;
  readonly gender?: Gender;
}

export interface EmailChange {
  readonly address: string;
  readonly verification: Verification;
}

/** What a call brings that may be sent again; see idempotency.ts. */
export interface IdempotencyKey {
  /** SHA-256 of principal, method and key, base64url: the key itself is not kept. */
  readonly scope: string;
  /** SHA-256 of the request as it was sent, base64url: before an id is made for a new user. */
  readonly fingerprint: string;
  /** The new code, sealed, or where it stands among those sealed with it; present where the caller asks for the code. */
  readonly sealedCode?: string;
}

export type UserCommand = CommandForUser & {
  readonly idempotency?: IdempotencyKey;
};

type CommandForUser =
  | {
      readonly type: "user.add";
      readonly userId: string;
      readonly organizationId: string;
      /** Defaults to the address. */
      readonly username?: string;
      readonly profile: NewProfile;
      readonly email: EmailChange;
    }
  | {
      readonly type: "user.update";
      readonly userId: string;
      readonly username?: string;
      readonly profile?: Partial<NewProfile>;
      readonly email?: EmailChange;
    }
  | ({ readonly type: "email.set"; readonly userId: string } & EmailChange)
  | { readonly type: "email.sendCode"; readonly userId: string; readonly verification: CodeVerification }
  | { readonly type: "email.resendCode"; readonly userId: string; readonly verification: CodeVerification }
  | ({ readonly type: "email.verify" } & SubmittedCode)
  /** Asks what `email.verify` would answer, and spends nothing where that is success; see decide-check.ts. */
  | ({ readonly type: "email.checkCode" } & SubmittedCode)
  /** The mail with this code was accepted by a relay; only the dispatcher says so. */
  | { readonly type: "email.recordSent"; readonly userId: string; readonly codeId: string }
  | { readonly type: LifeCycleCommandType; readonly userId: string };

export interface SubmittedCode {
  readonly userId: string;
  /** The MACs that the submitted code has under every live key; empty when no code was submitted. */
  readonly candidates: readonly CodeMac[];
  /** Whose wrong tries are counted together: the principal's id, or the address of an anonymous caller. */
  readonly client: string;
}

export type LifeCycleCommandType =
  | "user.lock"
  | "user.unlock"
  | "user.deactivate"
  | "user.reactivate"
  | "user.delete";

export interface Details {
  /** Sequence of the user's last event. */
  readonly sequence: number;
  /** When that event was recorded, in milliseconds since the Unix epoch. */
  readonly changedAtMs: number;
  /** The organization that owns the user. */
  readonly resourceOwner: string;
}

/** What an earlier call was answered beside the details. */
export interface Replay {
  readonly userId: string;
  /** The code that the caller got, sealed. */
  readonly sealedCode?: string;
}

/** What a code is good for. */
export interface CheckedCode {
  /** The address that the code verifies, or has verified. */
  readonly address: string;
  /** When the code ends, in milliseconds since the Unix epoch. */
  readonly expiresAtMs: number;
  /** The code was used already: submitting it again changes nothing, and succeeds. */
  readonly isUsed: boolean;
}

/** What a limit on sending counts by; the cool-down goes by address. */
export type SendLimitName = "cooldown" | "address" | "user" | "principal" | "client";

export interface UserReply {
  readonly details: Details;
  /** The fresh code goes to the caller. */
  readonly returnsCode: boolean;
  /** In a dry run of the limits on sending: the one that would have refused the call. */
  readonly overLimit?: SendLimitName;
  /** Present where nothing was done: the answer is that of an earlier, equal call. */
  readonly replay?: Replay;
  /** The answer to `email.checkCode`. */
  readonly checked?: CheckedCode;
}
