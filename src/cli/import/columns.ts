/** The columns of an import, and what each may hold. */
import { createHash } from "node:crypto";
import { Gender, type NewUser } from "../../client/contract.ts";
import { maskAddress } from "../../observability/mask-address.ts";
import { mailboxLimitProblem, parseMailbox } from "../../verification/email-address.ts";
import { verificationOf, type AddressVerification } from "../address-verification.ts";
import { NOT_UTF8, type RowFault, type RowValues } from "./input-rows.ts";

interface Column {
  readonly isRequired?: true;
  /** Of characters; the service's own limits. */
  readonly maxLength: number;
  /** For docs/cli.md. */
  readonly help: string;
  /** Other names. */
  readonly aliases?: readonly string[];
}

const ID_LENGTH = 200;
const NAME_LENGTH = 200;
const ADDRESS_LENGTH = 200;
const LANGUAGE_LENGTH = 10;

export const COLUMNS = {
  email: { isRequired: true, maxLength: ADDRESS_LENGTH, help: "the address" },
  given_name: { isRequired: true, maxLength: NAME_LENGTH, help: "first name" },
  family_name: { isRequired: true, maxLength: NAME_LENGTH, help: "last name" },
  user_id: {
    maxLength: ID_LENGTH,
    help: "id of your own; without one it is derived from organization and username (or address), so that the same row is always the same user",
  },
  username: {
    maxLength: NAME_LENGTH,
    help: "name to sign in with, unlike all others; without one the address",
  },
  organization: {
    maxLength: ID_LENGTH,
    help: "id of the user's organization; without one that of `--organization`, or the token's",
  },
  nick_name: { maxLength: NAME_LENGTH, help: "nick name" },
  display_name: { maxLength: NAME_LENGTH, help: "name to show; without one first and last name" },
  language: {
    maxLength: LANGUAGE_LENGTH,
    aliases: ["preferred_language"],
    help: "language of mails, such as `de`",
  },
  gender: { maxLength: 20, help: "`female`, `male` or `diverse`" },
  verified: {
    maxLength: 5,
    aliases: ["is_verified", "email_verified"],
    help: "`true`: the address is known to be the user's; `false`: it is not, whatever `--verified` says; empty: as the flags say",
  },
} as const satisfies Record<string, Column>;

export type ColumnName = keyof typeof COLUMNS;

const NAMES = new Map<string, ColumnName>(
  (Object.entries(COLUMNS) as [ColumnName, Column][]).flatMap(([name, { aliases = [] }]) =>
    [name, ...aliases].map((spelling): [string, ColumnName] => [bare(spelling), name]),
  ),
);

/** @param spelling `given_name`, `givenName`, `Given Name` */
export function columnNamed(spelling: string): ColumnName | undefined {
  return NAMES.get(bare(spelling));
}

/** What to say of a name that is none of them. */
export function unknownColumn(name: string): string {
  const shown = JSON.stringify(name.slice(0, 40));
  return `there is no column ${shown}; there are ${Object.keys(COLUMNS).join(", ")} (--ignore-unknown passes over others)`;
}

function bare(spelling: string): string {
  return spelling.replace(/[\s_-]/g, "").toLowerCase();
}

export const REQUIRED_COLUMNS = (Object.entries(COLUMNS) as [ColumnName, Column][])
  .filter(([, { isRequired }]) => isRequired === true)
  .map(([name]) => name);

/** What holds for rows that say nothing of it themselves. */
export interface RowDefaults {
  readonly organization: string | undefined;
  readonly verification: Exclude<AddressVerification, "returnCode">;
}

/** A user that can be added again without harm: the id tells. */
export type NewRowUser = NewUser & { readonly userId: string };

export type ReadUser =
  | { readonly ok: true; readonly user: NewRowUser }
  | { readonly ok: false; readonly faults: readonly RowFault[] };

const GENDERS: Readonly<Record<string, Gender>> = {
  female: Gender.FEMALE,
  male: Gender.MALE,
  diverse: Gender.DIVERSE,
};

/** Checks the row by all rules that the service has for single fields. */
export function readUser(values: RowValues, defaults: RowDefaults): ReadUser {
  const faults: RowFault[] = [];
  const fault = (column: ColumnName, problem: string) => void faults.push({ column, problem });

  /** Without the spaces around it, which people do not mean. */
  function text(column: ColumnName): string {
    const given = values.get(column) ?? "";
    if (typeof given !== "string") {
      fault(column, `is ${kindOf(given)}, and has to be a text`);
      return "";
    }
    const value = given.trim();
    const { maxLength }: Column = COLUMNS[column];
    if (value.includes(NOT_UTF8)) fault(column, "is not UTF-8");
    else if (value.length > maxLength && Array.from(value).length > maxLength) {
      fault(column, `has more than ${maxLength} characters`);
    } else if (value === "" && given !== "") fault(column, "is blank");
    return value;
  }

  function required(column: ColumnName): string {
    const value = text(column);
    if (value === "" && !faults.some((known) => known.column === column)) fault(column, "is missing");
    return value;
  }

  const address = required("email");
  if (address !== "") {
    const problem = addressProblem(address);
    if (problem !== undefined) fault("email", `"${maskAddress(address)}" is no address: ${problem}`);
  }
  const givenName = required("given_name");
  const familyName = required("family_name");
  const username = text("username");
  const nickName = text("nick_name");
  const displayName = text("display_name");
  const preferredLanguage = text("language");
  const organization = text("organization") || defaults.organization;
  const userId = text("user_id") || derivedUserId(organization ?? "", username || address);
  const genderName = text("gender").toLowerCase();
  const gender = GENDERS[genderName];
  if (genderName !== "" && gender === undefined) fault("gender", "is not female, male or diverse");
  const isVerified = truth(values.get("verified"));
  if (isVerified === "neither") fault("verified", "is not true or false");
  if (faults.length > 0) return { ok: false, faults };
  return {
    ok: true,
    user: {
      userId,
      ...(username !== "" && { username }),
      ...(organization !== undefined && { organization: { org: { case: "orgId", value: organization } } }),
      profile: {
        givenName,
        familyName,
        ...(nickName !== "" && { nickName }),
        ...(displayName !== "" && { displayName }),
        ...(preferredLanguage !== "" && { preferredLanguage }),
        ...(gender !== undefined && { gender }),
      },
      email: {
        email: address,
        verification: verificationOf(verificationFor(isVerified, defaults.verification)),
      },
    },
  };
}

function verificationFor(
  isVerified: boolean | "neither" | undefined,
  fallback: RowDefaults["verification"],
): RowDefaults["verification"] {
  if (isVerified === true) return "verified";
  return isVerified === false && fallback === "verified" ? "none" : fallback;
}

function truth(value: unknown): boolean | "neither" | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "boolean") return value;
  const word = typeof value === "string" ? value.toLowerCase() : "";
  return word === "true" ? true : word === "false" ? false : "neither";
}

function addressProblem(address: string): string | undefined {
  const parsed = parseMailbox(address);
  if (!parsed.ok) return parsed.problem;
  if (parsed.mailbox.displayName !== undefined) return "it has a name before the address";
  return mailboxLimitProblem(parsed.mailbox);
}

/** 32 hexadecimal digits. Usernames are told apart without regard to case, and so are these. */
export function derivedUserId(organization: string, username: string): string {
  const key = JSON.stringify([organization, username.toLowerCase()]);
  return createHash("sha256").update(key).digest("hex").slice(0, 32);
}

/** `a number` */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
