/** What becomes of the address of a new user. */
import type { NewUser } from "../client/contract.ts";

export type AddressVerification = "verified" | "sendCode" | "returnCode" | "none";

export function verificationOf(
  how: AddressVerification,
): NonNullable<NonNullable<NewUser["email"]>["verification"]> {
  switch (how) {
    case "verified":
      return { case: "isVerified", value: true };
    case "sendCode":
      return { case: "sendCode", value: {} };
    case "returnCode":
      return { case: "returnCode", value: {} };
    case "none":
      return { case: "isVerified", value: false };
  }
}
