/** `countersign user add` and `user show`. */
import { toJson } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { callFailure } from "../client/call-failure.ts";
import {
  AddHumanUserResponseSchema,
  TextQueryMethod,
  UserSchema,
  UserState,
  type NewUser,
  type User,
} from "../client/contract.ts";
import type { CountersignClient } from "../client/node-client.ts";
import { verificationOf } from "./address-verification.ts";
import { EXIT_NOT_FOUND, EXIT_OK } from "./exit-codes.ts";
import { CommandError, withService } from "./service.ts";
import type { ServiceFlags } from "./service-options.ts";
import { renderFacts, timeText } from "./table.ts";
import { writeJson } from "./write-json.ts";

/** Of `user add`. */
export interface AddFlags extends ServiceFlags {
  readonly email: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly userId?: string;
  readonly username?: string;
  readonly organization?: string;
  readonly language?: string;
  readonly verified?: true;
  readonly sendCode?: true;
  readonly returnCode?: true;
}

/** @returns the exit code: 0, 1 when it cannot be added */
export function addUser(flags: AddFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const answer = await client.users.addHumanUser(newUserOf(flags));
    if (flags.json) writeJson(toJson(AddHumanUserResponseSchema, answer));
    else {
      const { userId, emailCode = "" } = answer;
      const said = flags.sendCode === true ? "is on its way to the address" : "";
      process.stdout.write(
        renderFacts([
          ["user id", userId],
          ["organization", answer.details?.resourceOwner ?? ""],
          ["code", emailCode || said],
        ]),
      );
    }
    return EXIT_OK;
  });
}

function newUserOf(flags: AddFlags): NewUser {
  const { email, givenName, familyName, userId, username, organization, language } = flags;
  const chosen = (["verified", "sendCode", "returnCode"] as const).find((name) => flags[name] === true);
  return {
    ...(userId !== undefined && { userId }),
    ...(username !== undefined && { username }),
    ...(organization !== undefined && { organization: { org: { case: "orgId", value: organization } } }),
    profile: { givenName, familyName, ...(language !== undefined && { preferredLanguage: language }) },
    email: { email, verification: verificationOf(chosen ?? "none") },
  };
}

/** @returns the exit code: 0, 4 when there is no such user, 1 when more than one has the address */
export function showUser(idOrAddress: string, flags: ServiceFlags): Promise<number> {
  return withService(flags, async ({ client }) => {
    const user = await findUser(client, idOrAddress);
    if (flags.json) writeJson(toJson(UserSchema, user));
    else process.stdout.write(renderUser(user));
    return EXIT_OK;
  });
}

async function findUser(client: CountersignClient, idOrAddress: string): Promise<User> {
  const byId = await userById(client, idOrAddress);
  if (byId !== undefined) return byId;
  if (!idOrAddress.includes("@")) throw notFound();
  // The exact spelling is quick to find; any other takes a look at all users.
  for (const method of [TextQueryMethod.EQUALS, TextQueryMethod.EQUALS_IGNORE_CASE]) {
    const [user, ...others] = await usersByAddress(client, idOrAddress, method);
    if (user === undefined) continue;
    if (others.length === 0) return user;
    const ids = [user, ...others].map(({ userId }) => userId);
    throw new CommandError(
      `${ids.length === MAX_NAMED ? "many" : ids.length} users have the address: ${ids.join(", ")}; show one by its id`,
    );
  }
  throw notFound();
}

function notFound(): CommandError {
  return new CommandError("there is no user with that id or address", EXIT_NOT_FOUND);
}

async function userById(client: CountersignClient, userId: string): Promise<User | undefined> {
  try {
    return (await client.users.getUserByID({ userId })).user;
  } catch (error) {
    if (callFailure(error).reason === "USER_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Of users who share an address. */
const MAX_NAMED = 20;

async function usersByAddress(
  client: CountersignClient,
  emailAddress: string,
  method: TextQueryMethod,
): Promise<readonly User[]> {
  const { result } = await client.users.listUsers({
    query: { limit: MAX_NAMED, asc: true },
    queries: [{ query: { case: "emailQuery", value: { emailAddress, method } } }],
  });
  return result;
}

const STATES: Partial<Record<UserState, string>> = {
  [UserState.ACTIVE]: "active",
  [UserState.INACTIVE]: "inactive",
  [UserState.DELETED]: "deleted",
  [UserState.LOCKED]: "locked",
  [UserState.INITIAL]: "initial",
};

/** One fact a line; the nick name and others are there only where they are set. */
export function renderUser({ userId, state, username, details, type }: User): string {
  const human = type.case === "human" ? type.value : undefined;
  const {
    givenName = "",
    familyName = "",
    nickName = "",
    displayName = "",
    preferredLanguage = "",
  } = human?.profile ?? {};
  const email = human?.email;
  return renderFacts([
    ["user id", userId],
    ["state", STATES[state] ?? "unknown"],
    ["name", `${givenName} ${familyName}`.trim()],
    ["display name", displayName],
    ["nick name", nickName],
    ["username", username],
    [
      "address",
      email === undefined ? "" : `${email.email} (${email.isVerified ? "verified" : "not verified"})`,
    ],
    ["language", preferredLanguage === "und" ? "" : preferredLanguage],
    ["organization", details?.resourceOwner ?? ""],
    ["created", timeText(details?.creationDate && timestampDate(details.creationDate))],
    ["changed", timeText(details?.changeDate && timestampDate(details.changeDate))],
  ]);
}
