/** From the messages of user.v2 to the domain's words. What is unset in a message stays absent. */
import type { SendEmailVerificationCode, SetHumanEmail } from "../../gen/zitadel/user/v2/email_pb.ts";
import type { SetHumanProfile } from "../../gen/zitadel/user/v2/user_pb.ts";
import type { UpdateUserRequest_Human_Profile } from "../../gen/zitadel/user/v2/update_user_pb.ts";
import type {
  CodeVerification,
  EmailChange,
  NewProfile,
  Verification,
} from "../verification/user/commands.ts";
import type { Gender } from "../verification/user/state.ts";

/** The `verification` oneof as protobuf-es has it, over all messages that carry one. */
type VerificationOneof =
  | { readonly case: "sendCode"; readonly value: SendEmailVerificationCode }
  | { readonly case: "returnCode"; readonly value: unknown }
  | { readonly case: "isVerified"; readonly value: boolean }
  | { readonly case: undefined; readonly value?: undefined };

type CodeOneof = Exclude<VerificationOneof, { case: "isVerified" }>;

export function verificationOf(oneof: VerificationOneof): Verification {
  if (oneof.case === "isVerified") return { kind: oneof.value ? "verified" : "none" };
  return codeVerificationOf(oneof);
}

export function codeVerificationOf(oneof: CodeOneof): CodeVerification {
  if (oneof.case === "returnCode") return { kind: "return" };
  const urlTemplate = oneof.case === "sendCode" ? oneof.value.urlTemplate : undefined;
  return { kind: "send", ...(urlTemplate !== undefined && { urlTemplate }) };
}

export function emailChangeOf(email: SetHumanEmail): EmailChange {
  return { address: email.email, verification: verificationOf(email.verification) };
}

/** Given and family name are always set in the messages of AddHumanUser, CreateUser and UpdateHumanUser. */
export function wholeProfileOf(profile: SetHumanProfile): NewProfile {
  return {
    givenName: profile.givenName,
    familyName: profile.familyName,
    ...optionalProfileOf(profile),
  };
}

export function partialProfileOf(profile: UpdateUserRequest_Human_Profile): Partial<NewProfile> {
  return {
    ...(profile.givenName !== undefined && { givenName: profile.givenName }),
    ...(profile.familyName !== undefined && { familyName: profile.familyName }),
    ...optionalProfileOf(profile),
  };
}

function optionalProfileOf(profile: SetHumanProfile | UpdateUserRequest_Human_Profile) {
  const { nickName, displayName, preferredLanguage, gender } = profile;
  return {
    ...(nickName !== undefined && { nickName }),
    ...(displayName !== undefined && { displayName }),
    ...(preferredLanguage !== undefined && { preferredLanguage }),
    // An open enum: numbers that the contract does not define count as unspecified.
    ...(gender !== undefined && { gender: (gender >= 0 && gender <= 3 ? gender : 0) as Gender }),
  };
}
