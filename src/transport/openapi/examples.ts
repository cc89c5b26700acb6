/**
 * Requests and answers as the document shows them, by method: the main job from a new user to a verified address, then
 * the rest. They hold together: what an answer gives, a later request takes.
 */
import type { JsonObject } from "@bufbuild/protobuf";

export interface CallExample {
  /** What the call is for, in a few words. */
  readonly summary: string;
  /** The whole message; the document spreads it over path, query and body. */
  readonly request: JsonObject;
  readonly response: JsonObject;
}

const USER_ID = "316204588921847812";
const ORGANIZATION_ID = "316204587999101956";
const CODE = "7KQ2MX";

function detailsAt(sequence: number): JsonObject {
  return {
    sequence: String(sequence),
    changeDate: "2026-03-14T09:26:53.589Z",
    resourceOwner: ORGANIZATION_ID,
  };
}

const user: JsonObject = {
  userId: USER_ID,
  details: detailsAt(4),
  state: "USER_STATE_ACTIVE",
  username: "ada@example.com",
  loginNames: ["ada@example.com"],
  preferredLoginName: "ada@example.com",
  human: {
    profile: {
      givenName: "Ada",
      familyName: "Lovelace",
      nickName: "",
      displayName: "Ada Lovelace",
      preferredLanguage: "und",
      gender: "GENDER_UNSPECIFIED",
    },
    email: { email: "ada@example.com", isVerified: true },
    phone: {},
  },
};

/** By the method's full name; the first example of each can be sent as it is. */
export const callExamples: Readonly<Record<string, Readonly<Record<string, CallExample>>>> = {
  "zitadel.user.v2.UserService.AddHumanUser": {
    unverified: {
      summary: "A user whose address is not verified yet; no mail is sent",
      request: {
        userId: USER_ID,
        profile: { givenName: "Ada", familyName: "Lovelace" },
        email: { email: "ada@example.com", isVerified: false },
      },
      response: { userId: USER_ID, details: detailsAt(1) },
    },
    mailed: {
      summary: "A user who gets the code by mail at once",
      request: {
        username: "ada",
        profile: { givenName: "Ada", familyName: "Lovelace", preferredLanguage: "en" },
        email: { email: "ada@example.com", sendCode: {} },
      },
      response: { userId: USER_ID, details: detailsAt(2) },
    },
  },
  "zitadel.user.v2.UserService.SendEmailCode": {
    returned: {
      summary: "The code comes back, for a mail of your own",
      request: { userId: USER_ID, returnCode: {} },
      response: { details: detailsAt(2), verificationCode: CODE },
    },
    mailed: {
      summary: "The code goes out by mail, with a link to your own page",
      request: {
        userId: USER_ID,
        sendCode: { urlTemplate: "https://app.example.com/verify?user={{.UserID}}&code={{.Code}}" },
      },
      response: { details: detailsAt(2) },
    },
  },
  "zitadel.user.v2.UserService.ResendEmailCode": {
    mailed: {
      summary: "A new code by mail, in place of one that is still unused",
      request: { userId: USER_ID, sendCode: {} },
      response: { details: detailsAt(3) },
    },
  },
  "zitadel.user.v2.UserService.VerifyEmail": {
    code: {
      summary: "What the person typed",
      request: { userId: USER_ID, verificationCode: CODE },
      response: { details: detailsAt(4) },
    },
  },
  "zitadel.user.v2.UserService.GetUserByID": {
    verified: {
      summary: "A user with a verified address",
      request: { userId: USER_ID },
      response: { details: detailsAt(4), user },
    },
  },
  "zitadel.user.v2.UserService.ListUsers": {
    byEmail: {
      summary: "Users with an address, whatever its case",
      request: {
        query: { offset: "0", limit: 20, asc: true },
        sortingColumn: "USER_FIELD_NAME_EMAIL",
        queries: [
          {
            emailQuery: {
              emailAddress: "ada@example.com",
              method: "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE",
            },
          },
        ],
      },
      response: {
        details: { totalResult: "1", processedSequence: "4", timestamp: "2026-03-14T09:27:00Z" },
        sortingColumn: "USER_FIELD_NAME_EMAIL",
        result: [user],
      },
    },
  },
  "zitadel.user.v2.UserService.SetEmail": {
    returned: {
      summary: "Another address; its code comes back",
      request: { userId: USER_ID, email: "ada.lovelace@example.com", returnCode: {} },
      response: { details: detailsAt(6), verificationCode: CODE },
    },
    verified: {
      summary: "Another address, verified on the caller's word",
      request: { userId: USER_ID, email: "ada.lovelace@example.com", isVerified: true },
      response: { details: detailsAt(6) },
    },
  },
  "zitadel.user.v2.UserService.UpdateHumanUser": {
    profile: {
      summary: "Another name",
      request: { userId: USER_ID, profile: { givenName: "Augusta Ada", familyName: "King" } },
      response: { details: detailsAt(7) },
    },
  },
  "zitadel.user.v2.UserService.LockUser": {
    user: {
      summary: "A user who may not go on for now",
      request: { userId: USER_ID },
      response: { details: detailsAt(8) },
    },
  },
  "zitadel.user.v2.UserService.UnlockUser": {
    user: {
      summary: "A locked user",
      request: { userId: USER_ID },
      response: { details: detailsAt(9) },
    },
  },
  "zitadel.user.v2.UserService.DeactivateUser": {
    user: {
      summary: "A user who is away",
      request: { userId: USER_ID },
      response: { details: detailsAt(10) },
    },
  },
  "zitadel.user.v2.UserService.ReactivateUser": {
    user: {
      summary: "A user who is back",
      request: { userId: USER_ID },
      response: { details: detailsAt(11) },
    },
  },
  "zitadel.user.v2.UserService.DeleteUser": {
    user: {
      summary: "A user who is gone for good",
      request: { userId: USER_ID },
      response: { details: detailsAt(12) },
    },
  },
};
