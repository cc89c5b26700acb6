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

export type UserCommand =
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
  | {
      readonly type: "email.verify";
      readonly userId: string;
      /** The MACs that the submitted code has under every live key; empty when no code was submitted. */
      readonly candidates: readonly CodeMac[];
      /** Whose wrong tries are counted together: the principal's id, or the address of an anonymous caller. */
      readonly client: string;
    }
  /** The mail with this code was accepted by a relay; only the dispatcher says so. */
  | { readonly type: "email.recordSent"; readonly userId: string; readonly codeId: string }
  | { readonly type: LifeCycleCommandType; readonly userId: string };

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

export interface UserReply {
  readonly details: Details;
  /** The fresh code goes to the caller. */
  readonly returnsCode: boolean;
}
