/**
 * Who may call what, written by hand: what access-matrix.test.ts holds the service to, and what docs/access.md shows
 * (`npm run docs` copies it there). Nothing here is made from the roles' permissions in src/verification/roles.ts: who
 * changes those says here what that opens and what it closes.
 */

/** Callers, one for each column. */
export const CALLERS = [
  "nobody",
  "no role",
  "IAM_OWNER",
  "IAM_OWNER_VIEWER",
  "IAM_ORG_MANAGER",
  "IAM_USER_MANAGER",
  "IAM_LOGIN_CLIENT",
  "ORG_OWNER",
  "ORG_OWNER_VIEWER",
  "ORG_USER_MANAGER",
  "ORG_USER_PERMISSION_EDITOR",
  "ORG_USER_SELF_MANAGER",
  "person",
] as const;

export type CallerName = (typeof CALLERS)[number];

export interface Word {
  /** `code REASON id` of the refusal, "ok", or "none" for an answer without what was looked for. */
  readonly outcome: string;
  readonly meaning: string;
}

/** What stands in the cells. `gone` is a different refusal for each call: see `GONE`. */
export const WORDS = {
  yes: { outcome: "ok", meaning: "allowed" },
  none: { outcome: "none", meaning: "answered, without what the caller may not read" },
  "401": { outcome: "16 AUTH_HEADER_MISSING", meaning: "UNAUTHENTICATED" },
  "7fs1e": {
    outcome: "16 TOKEN_INVALID AUTH-7fs1e",
    meaning: "`AUTH-7fs1e`: tokens of such a user are none",
  },
  cdgFk: {
    outcome: "5 MEMBERSHIP_NOT_FOUND AUTHZ-cdgFk",
    meaning: "`AUTHZ-cdgFk`: the caller has no role at all",
  },
  "5mWD2": {
    outcome: "7 PERMISSION_DENIED AUTH-5mWD2",
    meaning: "`AUTH-5mWD2`: none of its roles holds what the call takes",
  },
  AWfge: {
    outcome: "7 PERMISSION_DENIED AUTH-AWfge",
    meaning: "`AUTH-AWfge`: likewise, told after a closer look",
  },
  Swrgg2: {
    outcome: "7 PERMISSION_DENIED AUTH-Swrgg2",
    meaning: "`AUTH-Swrgg2`: it holds that for another organization only",
  },
  Bs7Ds: { outcome: "7 ORGANIZATION_NOT_FOUND AUTH-Bs7Ds", meaning: "`AUTH-Bs7Ds`: no such organization" },
  exceeds: {
    outcome: "7 ROLES_EXCEED_CALLER",
    meaning: "`ROLES_EXCEED_CALLER`: the account holds more than the caller",
  },
  itself: {
    outcome: "9 SERVICE_ACCOUNT_IS_CALLER",
    meaning: "`SERVICE_ACCOUNT_IS_CALLER`: others have to do that",
  },
  eis9R: { outcome: "3 CODE_INVALID COMMAND-eis9R", meaning: "`COMMAND-eis9R`, and not why" },
  why: { outcome: "3 NO_CODE COMMAND-eis9R", meaning: "`COMMAND-eis9R`, and why" },
  gone: { outcome: "gone", meaning: "not found, the same as if it were not there" },
  "-": { outcome: "", meaning: "cannot be" },
} as const satisfies Record<string, Word>;

export type CellWord = keyof typeof WORDS;

/** How each call says that something is not there. */
export const GONE: Readonly<Record<string, string>> = {
  SetEmail: "5 USER_NOT_FOUND COMMAND-ieJ2e",
  SendEmailCode: "5 USER_NOT_FOUND COMMAND-ieJ2e",
  ResendEmailCode: "5 USER_NOT_FOUND COMMAND-ieJ2e",
  VerifyEmail: "5 USER_NOT_FOUND COMMAND-ieJ2e",
  UpdateHumanUser: "5 USER_NOT_FOUND COMMAND-ugjs0upun6",
  UpdateUser: "5 USER_NOT_FOUND COMMAND-ugjs0upun6",
  GetUserByID: "5 USER_NOT_FOUND QUERY-Dfbg2",
  LockUser: "5 USER_NOT_FOUND COMMAND-450yxuqrh1",
  UnlockUser: "5 USER_NOT_FOUND COMMAND-x377t913pw",
  DeactivateUser: "5 USER_NOT_FOUND COMMAND-5gp2p62iin",
  ReactivateUser: "5 USER_NOT_FOUND COMMAND-9hy5kzbuk6",
  DeleteUser: "5 USER_NOT_FOUND COMMAND-bd4ir1mblj",
  CheckCode: "5 USER_NOT_FOUND COMMAND-ieJ2e",
  GetEmailStatus: "5 USER_NOT_FOUND QUERY-Dfbg2",
  WatchEmail: "5 USER_NOT_FOUND QUERY-Dfbg2",
  GetDelivery: "5 DELIVERY_NOT_FOUND",
  RetryDelivery: "5 DELIVERY_NOT_FOUND",
  CancelDelivery: "5 DELIVERY_NOT_FOUND",
  ReportBounce: "5 DELIVERY_NOT_FOUND",
  GetMail: "5 INBOX_MAIL_NOT_FOUND",
  WaitForMail: "4 NO_MAIL_CAME",
  GetOrganization: "5 ORGANIZATION_UNKNOWN",
  RenameOrganization: "5 ORGANIZATION_UNKNOWN",
  UpdateOrganizationSettings: "5 ORGANIZATION_UNKNOWN",
  GetServiceAccount: "5 SERVICE_ACCOUNT_NOT_FOUND",
  SetServiceAccountRoles: "5 SERVICE_ACCOUNT_NOT_FOUND",
  DeactivateServiceAccount: "5 SERVICE_ACCOUNT_NOT_FOUND",
  ReactivateServiceAccount: "5 SERVICE_ACCOUNT_NOT_FOUND",
  DeleteServiceAccount: "5 SERVICE_ACCOUNT_NOT_FOUND",
  CreateAccessToken: "5 SERVICE_ACCOUNT_NOT_FOUND",
  RevokeAccessToken: "5 ACCESS_TOKEN_NOT_FOUND",
};

/** What the calls are about. */
export const TARGETS = {
  own: "somebody or something else in the caller's organization",
  other: "in another organization",
  self: "the caller's own account",
  missing: "an id that is nobody's",
  stronger: "an account of the caller's organization that has the role IAM_OWNER",
} as const;

export type TargetName = keyof typeof TARGETS;

/**
 * Calls, what they are about, and a word for each of CALLERS. After a call's name stands what is set in its request; `|`
 * in the cells only helps the eye: nobody, no role | IAM_... | ORG_... | person.
 */
const TABLE = `
zitadel.user.v2.UserService

SetEmail, SendEmailCode, ResendEmailCode, UpdateHumanUser, UpdateUser,
  SetEmail is_verified, UpdateHumanUser is_verified, UpdateUser is_verified,
  SetEmail return_code, SendEmailCode return_code, ResendEmailCode return_code, UpdateHumanUser return_code, UpdateUser return_code,
  LockUser, UnlockUser, DeactivateUser, ReactivateUser
  own      401   cdgFk | yes   AWfge yes   yes   yes   | yes    AWfge  yes    AWfge  AWfge | cdgFk
  other    401   cdgFk | yes   AWfge yes   yes   yes   | Swrgg2 AWfge  Swrgg2 AWfge  AWfge | cdgFk
  missing  401   gone  | gone  gone  gone  gone  gone  | gone   gone   gone   gone   gone  | gone

SetEmail, SendEmailCode, ResendEmailCode, UpdateHumanUser, UpdateUser, GetUserByID, ListUsers
  self     -     -     | -     -     -     -     -     | -      -      -      -      -     | yes

SetEmail is_verified, UpdateHumanUser is_verified, UpdateUser is_verified,
  SetEmail return_code, SendEmailCode return_code, ResendEmailCode return_code, UpdateHumanUser return_code, UpdateUser return_code,
  LockUser, DeactivateUser, DeleteUser
  self     -     -     | -     -     -     -     -     | -      -      -      -      -     | cdgFk

UnlockUser, ReactivateUser
  self     -     -     | -     -     -     -     -     | -      -      -      -      -     | 7fs1e

DeleteUser
  own      401   cdgFk | yes   AWfge yes   yes   AWfge | yes    AWfge  yes    AWfge  AWfge | cdgFk
  other    401   cdgFk | yes   AWfge yes   yes   AWfge | Swrgg2 AWfge  Swrgg2 AWfge  AWfge | cdgFk
  missing  401   gone  | gone  gone  gone  gone  gone  | gone   gone   gone   gone   gone  | gone

AddHumanUser
  own      401   cdgFk | yes   5mWD2 yes   yes   yes   | yes    5mWD2  yes    5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   yes   yes   | Swrgg2 5mWD2  Swrgg2 5mWD2  5mWD2 | cdgFk
  missing  401   cdgFk | Bs7Ds 5mWD2 Bs7Ds Bs7Ds Bs7Ds | Bs7Ds  5mWD2  Bs7Ds  5mWD2  5mWD2 | cdgFk

CreateUser
  own      401   cdgFk | yes   AWfge yes   yes   yes   | yes    AWfge  yes    AWfge  AWfge | cdgFk
  other    401   cdgFk | yes   AWfge yes   yes   yes   | Swrgg2 AWfge  Swrgg2 AWfge  AWfge | cdgFk
  missing  401   Bs7Ds | Bs7Ds Bs7Ds Bs7Ds Bs7Ds Bs7Ds | Bs7Ds  Bs7Ds  Bs7Ds  Bs7Ds  Bs7Ds | Bs7Ds

VerifyEmail
  own      yes   yes   | yes   yes   yes   yes   yes   | yes    yes    yes    yes    yes   | yes
  other    yes   yes   | yes   yes   yes   yes   yes   | yes    yes    yes    yes    yes   | yes
  self     -     -     | -     -     -     -     -     | -      -      -      -      -     | yes
  missing  eis9R gone  | gone  gone  gone  gone  gone  | gone   gone   gone   gone   gone  | gone

VerifyEmail wrong code
  own      eis9R eis9R | why   why   why   why   why   | why    why    why    why    eis9R | eis9R
  other    eis9R eis9R | why   why   why   why   why   | eis9R  eis9R  eis9R  eis9R  eis9R | eis9R
  self     -     -     | -     -     -     -     -     | -      -      -      -      -     | why

GetUserByID
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    AWfge | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | Swrgg2 Swrgg2 Swrgg2 Swrgg2 AWfge | cdgFk
  missing  401   gone  | gone  gone  gone  gone  gone  | gone   gone   gone   gone   gone  | gone

ListUsers
  own      401   none  | yes   yes   yes   yes   yes   | yes    yes    yes    yes    none  | none
  other    401   none  | yes   yes   yes   yes   yes   | none   none   none   none   none  | none


countersign.v1.VerificationService

CheckCode
  own      yes   yes   | yes   yes   yes   yes   yes   | yes    yes    yes    yes    yes   | yes
  other    yes   yes   | yes   yes   yes   yes   yes   | yes    yes    yes    yes    yes   | yes
  self     -     -     | -     -     -     -     -     | -      -      -      -      -     | yes
  missing  eis9R gone  | gone  gone  gone  gone  gone  | gone   gone   gone   gone   gone  | gone

CheckCode wrong code
  own      eis9R eis9R | why   why   why   why   why   | why    why    why    why    eis9R | eis9R
  other    eis9R eis9R | why   why   why   why   why   | eis9R  eis9R  eis9R  eis9R  eis9R | eis9R
  self     -     -     | -     -     -     -     -     | -      -      -      -      -     | why

GetEmailStatus, WatchEmail
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    AWfge | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | Swrgg2 Swrgg2 Swrgg2 Swrgg2 AWfge | cdgFk
  self     -     -     | -     -     -     -     -     | -      -      -      -      -     | yes
  missing  401   gone  | gone  gone  gone  gone  gone  | gone   gone   gone   gone   gone  | gone


countersign.v1.DeliveryService

ListDeliveries, ListSuppressions
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | none   none   none   none   5mWD2 | cdgFk

ListDeliveries organization_id, ListSuppressions organization_id
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | Swrgg2 Swrgg2 Swrgg2 Swrgg2 5mWD2 | cdgFk
  missing  401   cdgFk | none  none  none  none  none  | Swrgg2 Swrgg2 Swrgg2 Swrgg2 5mWD2 | cdgFk

GetDelivery
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | gone   gone   gone   gone   5mWD2 | cdgFk
  missing  401   cdgFk | gone  gone  gone  gone  gone  | gone   gone   gone   gone   5mWD2 | cdgFk

RetryDelivery, CancelDelivery, ReportBounce
  own      401   cdgFk | yes   5mWD2 yes   yes   yes   | yes    5mWD2  yes    5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   yes   yes   | gone   5mWD2  gone   5mWD2  5mWD2 | cdgFk
  missing  401   cdgFk | gone  5mWD2 gone  gone  gone  | gone   5mWD2  gone   5mWD2  5mWD2 | cdgFk

SendTestMail, RemoveSuppression
  own      401   cdgFk | yes   5mWD2 yes   yes   yes   | yes    5mWD2  yes    5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   yes   yes   | Swrgg2 5mWD2  Swrgg2 5mWD2  5mWD2 | cdgFk
  missing  401   cdgFk | Bs7Ds 5mWD2 Bs7Ds Bs7Ds Bs7Ds | Bs7Ds  5mWD2  Bs7Ds  5mWD2  5mWD2 | cdgFk


countersign.v1.InboxService

ListMails
  own      401   cdgFk | yes   5mWD2 yes   yes   yes   | yes    5mWD2  yes    5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   yes   yes   | none   5mWD2  none   5mWD2  5mWD2 | cdgFk

GetMail, WaitForMail
  own      401   cdgFk | yes   5mWD2 yes   yes   yes   | yes    5mWD2  yes    5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   yes   yes   | gone   5mWD2  gone   5mWD2  5mWD2 | cdgFk
  missing  401   cdgFk | gone  5mWD2 gone  gone  gone  | gone   5mWD2  gone   5mWD2  5mWD2 | cdgFk


countersign.v1.EventService

ListEvents, WatchEvents
  own      401   cdgFk | yes   yes   yes   5mWD2 5mWD2 | yes    yes    5mWD2  5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   5mWD2 5mWD2 | none   none   5mWD2  5mWD2  5mWD2 | cdgFk

ListEvents organization_id, WatchEvents organization_id
  own      401   cdgFk | yes   yes   yes   5mWD2 5mWD2 | yes    yes    5mWD2  5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   5mWD2 5mWD2 | Swrgg2 Swrgg2 5mWD2  5mWD2  5mWD2 | cdgFk


countersign.v1.OrganizationService

CreateOrganization
  missing  401   cdgFk | yes   5mWD2 yes   5mWD2 5mWD2 | 5mWD2  5mWD2  5mWD2  5mWD2  5mWD2 | cdgFk

CreateOrganization sender_address
  missing  401   cdgFk | yes   5mWD2 AWfge 5mWD2 5mWD2 | 5mWD2  5mWD2  5mWD2  5mWD2  5mWD2 | cdgFk

GetOrganization
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | Swrgg2 Swrgg2 Swrgg2 Swrgg2 5mWD2 | cdgFk
  missing  401   cdgFk | gone  gone  gone  gone  gone  | gone   gone   gone   gone   5mWD2 | cdgFk

ListOrganizations
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | none   none   none   none   5mWD2 | cdgFk

RenameOrganization, UpdateOrganizationSettings
  own      401   cdgFk | yes   5mWD2 yes   5mWD2 5mWD2 | yes    5mWD2  5mWD2  5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   5mWD2 5mWD2 | Swrgg2 5mWD2  5mWD2  5mWD2  5mWD2 | cdgFk
  missing  401   cdgFk | gone  5mWD2 gone  5mWD2 5mWD2 | gone   5mWD2  5mWD2  5mWD2  5mWD2 | cdgFk

UpdateOrganizationSettings sender_address
  own      401   cdgFk | yes   5mWD2 AWfge 5mWD2 5mWD2 | AWfge  5mWD2  5mWD2  5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 AWfge 5mWD2 5mWD2 | Swrgg2 5mWD2  5mWD2  5mWD2  5mWD2 | cdgFk


countersign.v1.AccessService

CreateServiceAccount
  own      401   cdgFk | yes   5mWD2 yes   yes   yes   | yes    5mWD2  yes    5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   yes   yes   | Swrgg2 5mWD2  Swrgg2 5mWD2  5mWD2 | cdgFk
  missing  401   cdgFk | Bs7Ds 5mWD2 Bs7Ds Bs7Ds Bs7Ds | Bs7Ds  5mWD2  Bs7Ds  5mWD2  5mWD2 | cdgFk

CreateServiceAccount ORG_OWNER
  own      401   cdgFk | yes   5mWD2 yes   AWfge AWfge | yes    5mWD2  AWfge  5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   AWfge AWfge | Swrgg2 5mWD2  Swrgg2 5mWD2  5mWD2 | cdgFk

CreateServiceAccount ORG_OWNER of another organization
  own      401   cdgFk | yes   5mWD2 yes   AWfge AWfge | Swrgg2 5mWD2  AWfge  5mWD2  5mWD2 | cdgFk

CreateServiceAccount IAM_OWNER
  own      401   cdgFk | yes   5mWD2 AWfge AWfge AWfge | AWfge  5mWD2  AWfge  5mWD2  5mWD2 | cdgFk

GetServiceAccount
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    AWfge | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | Swrgg2 Swrgg2 Swrgg2 Swrgg2 AWfge | cdgFk
  self     -     yes   | yes   yes   yes   yes   yes   | yes    yes    yes    yes    yes   | -
  missing  401   gone  | gone  gone  gone  gone  gone  | gone   gone   gone   gone   gone  | gone

ListServiceAccounts
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | none   none   none   none   5mWD2 | cdgFk

ListServiceAccounts organization_id
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    5mWD2 | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | Swrgg2 Swrgg2 Swrgg2 Swrgg2 5mWD2 | cdgFk

SetServiceAccountRoles
  own      401   cdgFk | yes   5mWD2 yes   AWfge AWfge | yes    5mWD2  AWfge  5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   AWfge AWfge | Swrgg2 5mWD2  Swrgg2 5mWD2  5mWD2 | cdgFk
  self     -     cdgFk | itself 5mWD2 AWfge AWfge AWfge | itself 5mWD2 AWfge  5mWD2  5mWD2 | -
  stronger 401   cdgFk | yes   5mWD2 AWfge AWfge AWfge | AWfge  5mWD2  AWfge  5mWD2  5mWD2 | cdgFk
  missing  401   cdgFk | gone  5mWD2 gone  gone  gone  | gone   5mWD2  gone   5mWD2  5mWD2 | cdgFk

DeactivateServiceAccount, ReactivateServiceAccount, CreateAccessToken
  own      401   cdgFk | yes   5mWD2 yes   yes   yes   | yes    5mWD2  yes    5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   yes   yes   | Swrgg2 5mWD2  Swrgg2 5mWD2  5mWD2 | cdgFk
  stronger 401   cdgFk | yes   5mWD2 exceeds exceeds exceeds | exceeds 5mWD2 exceeds 5mWD2 5mWD2 | cdgFk
  missing  401   cdgFk | gone  5mWD2 gone  gone  gone  | gone   5mWD2  gone   5mWD2  5mWD2 | cdgFk

DeactivateServiceAccount
  self     -     cdgFk | itself 5mWD2 itself itself itself | itself 5mWD2 itself 5mWD2 5mWD2 | -

CreateAccessToken
  self     -     cdgFk | yes   5mWD2 yes   yes   yes   | yes    5mWD2  yes    5mWD2  5mWD2 | -

DeleteServiceAccount
  own      401   cdgFk | yes   5mWD2 yes   yes   5mWD2 | yes    5mWD2  yes    5mWD2  5mWD2 | cdgFk
  other    401   cdgFk | yes   5mWD2 yes   yes   5mWD2 | Swrgg2 5mWD2  Swrgg2 5mWD2  5mWD2 | cdgFk
  self     -     cdgFk | itself 5mWD2 itself itself 5mWD2 | itself 5mWD2 itself 5mWD2 5mWD2 | -
  stronger 401   cdgFk | yes   5mWD2 exceeds exceeds 5mWD2 | exceeds 5mWD2 exceeds 5mWD2 5mWD2 | cdgFk
  missing  401   cdgFk | gone  5mWD2 gone  gone  5mWD2 | gone   5mWD2  gone   5mWD2  5mWD2 | cdgFk

ListAccessTokens
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    AWfge | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | none   none   none   none   AWfge | cdgFk

ListAccessTokens service_account_id
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    AWfge | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | none   none   none   none   AWfge | cdgFk
  self     -     yes   | yes   yes   yes   yes   yes   | yes    yes    yes    yes    yes   | none
  missing  401   cdgFk | none  none  none  none  none  | none   none   none   none   AWfge | cdgFk

ListAccessTokens organization_id
  own      401   cdgFk | yes   yes   yes   yes   yes   | yes    yes    yes    yes    AWfge | cdgFk
  other    401   cdgFk | yes   yes   yes   yes   yes   | Swrgg2 Swrgg2 Swrgg2 Swrgg2 AWfge | cdgFk

RevokeAccessToken
  own      401   gone  | yes   AWfge yes   yes   yes   | yes    AWfge  yes    AWfge  gone  | gone
  other    401   gone  | yes   AWfge yes   yes   yes   | gone   gone   gone   gone   gone  | gone
  self     -     yes   | yes   yes   yes   yes   yes   | yes    yes    yes    yes    yes   | -
  stronger 401   gone  | yes   AWfge exceeds exceeds exceeds | exceeds AWfge exceeds AWfge gone | gone
  missing  401   gone  | gone  gone  gone  gone  gone  | gone   gone   gone   gone   gone  | gone
`;

export interface Line {
  readonly service: string;
  /** Names, each with what is set in its request after a blank. */
  readonly calls: readonly string[];
  readonly target: TargetName;
  readonly cells: Readonly<Record<CallerName, CellWord>>;
}

/** @throws Error for a line that has another number of cells than there are callers, or a word that is none */
export function readTable(): readonly Line[] {
  const lines: Line[] = [];
  let service = "";
  for (const block of TABLE.trim().split(/\n{2,}/)) {
    const rows = block.split("\n");
    const heads = rows.filter((row) => !isTargetRow(row)).join(" ");
    if (heads === block) {
      service = block;
      continue;
    }
    const calls = heads.split(",").map((call) => call.trim());
    for (const row of rows.filter(isTargetRow)) lines.push({ service, calls, ...readRow(row) });
  }
  return lines;
}

function isTargetRow(row: string): boolean {
  return Object.keys(TARGETS).some((target) => row.trim().startsWith(`${target} `));
}

function readRow(row: string): Pick<Line, "target" | "cells"> {
  const [target = "", ...words] = row.replaceAll("|", " ").trim().split(/\s+/);
  const unknown = words.filter((word) => !Object.hasOwn(WORDS, word));
  if (words.length !== CALLERS.length || unknown.length > 0) {
    throw new Error(`${words.length} cells, unknown: ${unknown.join(" ")}, in: ${row}`);
  }
  const cells = Object.fromEntries(CALLERS.map((caller, index) => [caller, words[index]]));
  return { target: target as TargetName, cells: cells as Line["cells"] };
}
