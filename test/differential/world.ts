// What the sequence of requests knows of the users it has made, so that most requests are about somebody who exists.
import type { JsonObject } from "@bufbuild/protobuf";
import type { Random } from "../support/random.ts";
import { at, type MethodName } from "../support/wire-formats.ts";

const RECENT_USERS = 12;

export class World {
  readonly organizationId: string;
  readonly #random: Random;
  readonly #userIds: string[] = [];
  readonly #codes = new Map<string, string>();
  #serial = 0;

  constructor(random: Random, organizationId: string) {
    this.#random = random;
    this.organizationId = organizationId;
  }

  /** Reads new users and codes off an answer. */
  learn(method: MethodName, request: JsonObject, answer: JsonObject): void {
    const createdId = at(answer, "userId") ?? at(answer, "id");
    const id = createdId ?? request["userId"];
    const userId = typeof id === "string" ? id : JSON.stringify(id);
    if (typeof createdId === "string") this.#userIds.push(createdId);
    const code = at(answer, "verificationCode") ?? at(answer, "emailCode");
    if (typeof code === "string") this.#codes.set(userId, code);
    if (method === "VerifyEmail") this.#codes.delete(userId);
    // Some stay, for calls about users who are gone.
    if (method === "DeleteUser" && this.#random.chance(0.8)) this.#forget(userId);
  }

  /** A message that the contract allows; whether the call succeeds also depends on what was done before. */
  message(method: MethodName): JsonObject {
    const userId = this.#userId(method);
    switch (method) {
      case "AddHumanUser":
        return {
          ...this.#maybe({ userId: this.#newName("user") }),
          ...this.#maybe({ username: this.#newName("name") }),
          ...this.#maybe({ organization: { orgId: this.organizationId } }),
          profile: this.#profile(),
          email: this.#email(),
        };
      case "CreateUser":
        return {
          organizationId: this.organizationId,
          ...this.#maybe({ userId: this.#newName("user") }),
          ...this.#maybe({ username: this.#newName("name") }),
          human: { profile: this.#profile(), email: this.#email() },
        };
      case "UpdateHumanUser":
        return {
          userId,
          ...this.#maybe({ username: this.#newName("name") }),
          ...this.#maybe({ profile: this.#profile() }),
          ...this.#maybe({ email: this.#email() }),
        };
      case "UpdateUser":
        return {
          userId,
          ...this.#maybe({ username: this.#newName("name") }),
          ...this.#maybe({
            human: { ...this.#maybe({ profile: this.#profile() }), ...this.#maybe({ email: this.#email() }) },
          }),
        };
      case "SetEmail":
        return { userId, ...this.#email() };
      case "SendEmailCode":
      case "ResendEmailCode":
        return {
          userId,
          ...this.#random.pick([{}, { sendCode: {} }, { returnCode: {} }, { returnCode: {} }]),
        };
      case "VerifyEmail":
        return { userId, verificationCode: this.#codes.get(userId) ?? "ABC234" };
      case "ListUsers":
        return this.#search();
      default:
        return { userId };
    }
  }

  #forget(userId: string): void {
    this.#codes.delete(userId);
    const index = this.#userIds.indexOf(userId);
    if (index !== -1) this.#userIds.splice(index, 1);
  }

  #userId(method: MethodName): string {
    const waiting = [...this.#codes.keys()];
    if (method === "VerifyEmail" && waiting.length > 0 && this.#random.chance(0.8)) {
      return this.#random.pick(waiting.slice(-RECENT_USERS));
    }
    if (this.#userIds.length === 0 || this.#random.chance(0.05)) return "nobody";
    return this.#random.pick(this.#random.chance(0.8) ? this.#userIds.slice(-RECENT_USERS) : this.#userIds);
  }

  #maybe(fields: JsonObject): JsonObject {
    return this.#random.chance(0.5) ? fields : {};
  }

  #newName(prefix: string): string {
    this.#serial += 1;
    return this.#random.pick([
      `${prefix}-${this.#serial}`,
      `${prefix}-${this.#serial}`,
      `${prefix} ${this.#serial} å/ü%?#`,
      `${prefix}-${this.#serial}-𝒳`,
    ]);
  }

  #profile(): JsonObject {
    return {
      givenName: this.#random.pick(["Ada", "Åsa", "𝒜", "名"]),
      familyName: "Lovelace",
      ...this.#maybe({ nickName: "ada" }),
      ...this.#maybe({ displayName: "Ada L." }),
      ...this.#maybe({ preferredLanguage: "en" }),
      ...this.#maybe({ gender: this.#random.pick(["GENDER_FEMALE", 2, 0]) }),
    };
  }

  #email(): JsonObject {
    this.#serial += 1;
    const verification = this.#random.pick<JsonObject>([
      {},
      { sendCode: {} },
      { sendCode: { urlTemplate: "https://example.com/{{.UserID}}?code={{.Code}}" } },
      { returnCode: {} },
      { returnCode: {} },
      { isVerified: true },
    ]);
    return { email: `user-${this.#serial}@example.com`, ...verification };
  }

  #search(): JsonObject {
    const query = this.#random.pick<JsonObject>([
      { emailQuery: { emailAddress: "user-1", method: "TEXT_QUERY_METHOD_STARTS_WITH" } },
      { inUserIdsQuery: { userIds: this.#userIds.slice(-3) } },
      { firstNameQuery: { firstName: "ada", method: 1 } },
      { stateQuery: { state: "USER_STATE_ACTIVE" } },
      { notQuery: { query: { typeQuery: { type: "TYPE_HUMAN" } } } },
      { orQuery: { queries: [{ userNameQuery: { userName: "name-2" } }, { inUserEmailsQuery: {} }] } },
    ]);
    return {
      query: { offset: String(this.#random.below(5)), limit: 1 + this.#random.below(20), asc: true },
      ...this.#maybe({ sortingColumn: "USER_FIELD_NAME_EMAIL" }),
      ...this.#maybe({ queries: [query] }),
    };
  }
}
