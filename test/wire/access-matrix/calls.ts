// How each call of the table is made, and how to tell whether it did what it was asked for.
import type { JsonObject } from "@bufbuild/protobuf";
import { AccessService } from "../../../gen/countersign/v1/access_service_pb.ts";
import { UserService } from "../../../gen/zitadel/user/v2/user_service_pb.ts";
import { textAt } from "../../support/wire-formats.ts";
import type { TargetName } from "./table.ts";
import { OTHER, OWN, type Caller, type Landmarks, type World } from "./world.ts";

export interface Trial {
  readonly request: JsonObject;
  /** A value that has to be in the answer to whoever may have it, and in nobody else's. Absent: every success counts. */
  readonly seen?: string;
  /** What else says that the caller may: `code REASON`. */
  readonly passed?: string;
}

/** What a call is about, in its turn: the same call has its own user, account or mail each time. */
export interface Aim {
  readonly world: World;
  readonly target: TargetName;
  readonly caller: Caller;
}

export type Call = (aim: Aim) => Promise<Trial> | Trial;

const NOBODY = "nobody-has-this-id";
const NO_ORGANIZATION = "no-such-org";

const profile = { givenName: "Ada", familyName: "Lovelace" };

function organizationOf({ target }: Aim): string {
  if (target === "missing") return NO_ORGANIZATION;
  return target === "other" ? OTHER : OWN;
}

/** @returns undefined for what is missing */
function landmarksOf(aim: Aim): Landmarks | undefined {
  return aim.target === "missing" ? undefined : aim.world.landmarks(organizationOf(aim));
}

async function userOf(aim: Aim): Promise<string> {
  if (aim.target === "missing") return NOBODY;
  return aim.target === "self" ? aim.caller.id : aim.world.addUser(organizationOf(aim));
}

async function accountOf(aim: Aim): Promise<string> {
  const { world, target, caller } = aim;
  if (target === "missing") return NOBODY;
  if (target === "self") return caller.id;
  return world.addAccount(organizationOf(aim), ...(target === "stronger" ? [{ role: "IAM_OWNER" }] : []));
}

/** Of a user, after what the admin does to it. */
function ofUser(
  request: (aim: Aim) => JsonObject,
  before?: readonly [method: string, request: JsonObject],
): Call {
  return async (aim) => {
    const userId = await userOf(aim);
    if (before !== undefined && userId !== NOBODY) {
      await aim.world.admin(UserService, before[0], { userId, ...before[1] });
    }
    return { request: { userId, ...request(aim) } };
  };
}

function ofAccount(request: JsonObject = {}, before?: string): Call {
  return async (aim) => {
    const serviceAccountId = await accountOf(aim);
    if (before !== undefined && serviceAccountId !== NOBODY) {
      await aim.world.admin(AccessService, before, { serviceAccountId });
    }
    return { request: { serviceAccountId, ...request } };
  };
}

const newAddress = ({ world }: Aim) => `${world.newName("address")}@example.com`;
const newHuman = (aim: Aim) => ({ profile, email: { email: newAddress(aim), isVerified: true } });

/** The e-mail part of SetEmail and of the updates. */
function setsAddress(change: JsonObject): Record<string, Call> {
  const email = (aim: Aim) => ({ email: newAddress(aim), ...change });
  return {
    SetEmail: ofUser(email),
    UpdateHumanUser: ofUser((aim) => ({ email: email(aim) })),
    UpdateUser: ofUser((aim) => ({ human: { email: email(aim) } })),
  };
}

function named(calls: Readonly<Record<string, Call>>, what: string): Record<string, Call> {
  return Object.fromEntries(Object.entries(calls).map(([name, call]) => [`${name} ${what}`, call]));
}

const CODE_SENT = ["SendEmailCode", { returnCode: {} }] as const;

const ofCode: Call = async (aim) => {
  const userId = await userOf(aim);
  if (userId === NOBODY) return { request: { userId, verificationCode: "ABCDEF" } };
  const answer = await aim.world.admin(UserService, "SendEmailCode", { userId, returnCode: {} });
  return { request: { userId, verificationCode: textAt(answer, "verificationCode") } };
};

const USER_CALLS: Readonly<Record<string, Call>> = {
  ...setsAddress({ sendCode: {} }),
  ...named(setsAddress({ isVerified: true }), "is_verified"),
  ...named(setsAddress({ returnCode: {} }), "return_code"),
  SendEmailCode: ofUser(() => ({ sendCode: {} })),
  "SendEmailCode return_code": ofUser(() => ({ returnCode: {} })),
  ResendEmailCode: ofUser(() => ({ sendCode: {} }), CODE_SENT),
  "ResendEmailCode return_code": ofUser(() => ({ returnCode: {} }), CODE_SENT),
  VerifyEmail: ofCode,
  "VerifyEmail wrong code": ofUser(() => ({ verificationCode: "ABCDEF" })),
  AddHumanUser: (aim) => ({ request: { organization: { orgId: organizationOf(aim) }, ...newHuman(aim) } }),
  CreateUser: (aim) => ({ request: { organizationId: organizationOf(aim), human: newHuman(aim) } }),
  GetUserByID: ofUser(() => ({})),
  ListUsers: (aim) => ({
    request: { query: { limit: 1_000, asc: true }, sortingColumn: "USER_FIELD_NAME_CREATION_DATE" },
    seen: aim.target === "self" ? aim.caller.id : (landmarksOf(aim)?.userId ?? NOBODY),
  }),
  LockUser: ofUser(() => ({})),
  UnlockUser: ofUser(() => ({}), ["LockUser", {}]),
  DeactivateUser: ofUser(() => ({})),
  ReactivateUser: ofUser(() => ({}), ["DeactivateUser", {}]),
  DeleteUser: ofUser(() => ({})),
};

const VERIFICATION_CALLS: Readonly<Record<string, Call>> = {
  CheckCode: ofCode,
  "CheckCode wrong code": ofUser(() => ({ verificationCode: "ABCDEF" })),
  GetEmailStatus: ofUser(() => ({})),
  // Whoever may watch is told at once where the address stands.
  WatchEmail: ofUser(() => ({})),
};

const deliveryOf = (aim: Aim) => landmarksOf(aim)?.deliveryId ?? NOBODY;
/** The mail was sent: who may act on it is told that there is nothing to do any more. */
const onSentMail: Call = (aim) => ({ request: { deliveryId: deliveryOf(aim) }, passed: "9 DELIVERY_ENDED" });

const listDeliveries: Call = (aim) => ({ request: { pageSize: 1_000 }, seen: deliveryOf(aim) });
const listSuppressions: Call = (aim) => ({
  request: { pageSize: 1_000 },
  seen: landmarksOf(aim)?.suppressed ?? NOBODY,
});

/** A list of one organization. */
function ofOrganization(list: Call): Call {
  return async (aim) => {
    const { request, ...rest } = await list(aim);
    return { request: { ...request, organizationId: organizationOf(aim) }, ...rest };
  };
}

const DELIVERY_CALLS: Readonly<Record<string, Call>> = {
  ListDeliveries: listDeliveries,
  "ListDeliveries organization_id": ofOrganization(listDeliveries),
  ListSuppressions: listSuppressions,
  "ListSuppressions organization_id": ofOrganization(listSuppressions),
  GetDelivery: (aim) => ({ request: { deliveryId: deliveryOf(aim) } }),
  RetryDelivery: onSentMail,
  CancelDelivery: onSentMail,
  ReportBounce: (aim) => ({
    request: { bounce: { messageId: `${deliveryOf(aim)}@example.com`, type: "BOUNCE_TYPE_TRANSIENT" } },
  }),
  SendTestMail: (aim) => ({ request: { organizationId: organizationOf(aim), recipient: newAddress(aim) } }),
  RemoveSuppression: async (aim) => ({
    request: {
      organizationId: organizationOf(aim),
      address:
        aim.target === "missing" ? newAddress(aim) : await aim.world.addSuppression(organizationOf(aim)),
    },
  }),
};

const INBOX_CALLS: Readonly<Record<string, Call>> = {
  ListMails: (aim) => ({ request: { pageSize: 500 }, seen: deliveryOf(aim) }),
  GetMail: (aim) => ({ request: { mailId: deliveryOf(aim) } }),
  WaitForMail: (aim) => ({
    request: { to: landmarksOf(aim)?.recipient ?? newAddress(aim), timeout: "0s" },
  }),
};

const listEvents: Call = (aim) => {
  const { position, userId } = aim.world.landmarks(organizationOf(aim));
  return { request: { afterPosition: String(position - 1), oldestFirst: true }, seen: userId };
};

/** From the landmark's event on; `seen` is found, or not, before the last of the landmarks. */
const watchEvents: Call = (aim) => {
  const { position, userId } = aim.world.landmarks(organizationOf(aim));
  return { request: { afterPosition: String(position - 1) }, seen: userId };
};

const EVENT_CALLS: Readonly<Record<string, Call>> = {
  ListEvents: listEvents,
  "ListEvents organization_id": ofOrganization(listEvents),
  WatchEvents: watchEvents,
  "WatchEvents organization_id": ofOrganization(watchEvents),
};

const renamed: Call = (aim) => ({
  request: { organizationId: organizationOf(aim), name: aim.world.newName("Name") },
});

const ORGANIZATION_CALLS: Readonly<Record<string, Call>> = {
  CreateOrganization: ({ world }) => ({ request: { name: world.newName("Organization") } }),
  "CreateOrganization sender_address": ({ world }) => ({
    request: { name: world.newName("Organization"), settings: { senderAddress: "no-reply@example.com" } },
  }),
  GetOrganization: (aim) => ({ request: { organizationId: organizationOf(aim) } }),
  ListOrganizations: (aim) => ({ request: { pageSize: 1_000 }, seen: organizationOf(aim) }),
  RenameOrganization: renamed,
  UpdateOrganizationSettings: (aim) => ({
    request: { organizationId: organizationOf(aim), settings: { displayName: aim.world.newName("Shown") } },
  }),
  "UpdateOrganizationSettings sender_address": (aim) => ({
    request: { organizationId: organizationOf(aim), settings: { senderAddress: newAddress(aim) } },
  }),
};

function newAccount(...roles: readonly JsonObject[]): Call {
  return (aim) => ({
    request: {
      organizationId: organizationOf(aim),
      username: aim.world.newName("robot"),
      roles: roles.map((role) => ({ ...role })),
    },
  });
}

const listAccounts: Call = (aim) => ({
  request: { pageSize: 1_000 },
  seen: landmarksOf(aim)?.serviceAccountId ?? NOBODY,
});
const listTokens: Call = (aim) => ({
  request: { pageSize: 1_000 },
  seen: landmarksOf(aim)?.tokenId ?? NOBODY,
});

const ACCESS_CALLS: Readonly<Record<string, Call>> = {
  CreateServiceAccount: newAccount(),
  "CreateServiceAccount ORG_OWNER": newAccount({ role: "ORG_OWNER" }),
  "CreateServiceAccount ORG_OWNER of another organization": newAccount({
    role: "ORG_OWNER",
    organizationId: OTHER,
  }),
  "CreateServiceAccount IAM_OWNER": newAccount({ role: "IAM_OWNER" }),
  GetServiceAccount: ofAccount(),
  ListServiceAccounts: listAccounts,
  "ListServiceAccounts organization_id": ofOrganization(listAccounts),
  SetServiceAccountRoles: ofAccount({ roles: [{ role: "ORG_USER_MANAGER" }] }),
  DeactivateServiceAccount: ofAccount(),
  ReactivateServiceAccount: ofAccount({}, "DeactivateServiceAccount"),
  DeleteServiceAccount: ofAccount(),
  // A JWT ends in an hour, so what it makes has to end before.
  CreateAccessToken: (aim) => ofAccount({ expireTime: new Date(Date.now() + 60_000).toISOString() })(aim),
  ListAccessTokens: listTokens,
  "ListAccessTokens organization_id": ofOrganization(listTokens),
  "ListAccessTokens service_account_id": (aim) => {
    const { target, caller } = aim;
    if (target === "self")
      return { request: { serviceAccountId: caller.id }, seen: caller.tokenId || NOBODY };
    const { serviceAccountId = NOBODY, tokenId = NOBODY } = landmarksOf(aim) ?? {};
    return { request: { serviceAccountId }, seen: tokenId };
  },
  RevokeAccessToken: async (aim) => {
    const { world, target, caller } = aim;
    if (target === "missing") return { request: { tokenId: NOBODY } };
    if (target === "self") return { request: { tokenId: caller.tokenId } };
    return { request: { tokenId: (await world.addToken(await accountOf(aim))).tokenId } };
  },
};

export const CALLS: Readonly<Record<string, Call>> = {
  ...USER_CALLS,
  ...VERIFICATION_CALLS,
  ...DELIVERY_CALLS,
  ...INBOX_CALLS,
  ...EVENT_CALLS,
  ...ORGANIZATION_CALLS,
  ...ACCESS_CALLS,
};
