// Calls of zitadel.user.v2 with whatever token, over one format, on a connection of their own.
import type { JsonObject } from "@bufbuild/protobuf";
import { randomUUID } from "node:crypto";
import { exchangeHttp1, exchangeHttp2, type RawAnswer, type RawRequest, type Target } from "./raw-http.ts";
import { rest, textAt, type Answer, type Format, type MethodName } from "./wire-formats.ts";

/** A service, and the token of its admin. */
export interface Service extends Target {
  readonly token: string;
}

export function exchange(
  service: Target,
  format: Format,
  token: string,
  { headers, ...request }: RawRequest,
): Promise<RawAnswer> {
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  return over(service, { ...request, headers: { ...headers, authorization: `Bearer ${token}` } });
}

export async function ask(
  service: Target,
  format: Format,
  token: string,
  method: MethodName,
  message: JsonObject,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const request = format.encode(method, message);
  const answer = await exchange(service, format, token, {
    ...request,
    headers: { ...request.headers, ...headers },
  });
  return format.decode(method, answer);
}

/** As the admin. @throws Error with the refusal */
export async function asAdmin(
  service: Service,
  method: MethodName,
  message: JsonObject,
  format: Format = rest,
): Promise<JsonObject> {
  const { message: reply, error } = await ask(service, format, service.token, method, message);
  if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
  return reply as JsonObject;
}

/** A user with an address that is not verified, and no code for it. @returns its id */
export async function addUser(
  service: Service,
  address: string = `user-${randomUUID()}@example.com`,
): Promise<string> {
  const added = await asAdmin(service, "AddHumanUser", {
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: address, isVerified: false },
  });
  return textAt(added, "userId");
}

export async function newCode(service: Service, userId: string): Promise<string> {
  return textAt(await asAdmin(service, "SendEmailCode", { userId, returnCode: {} }), "verificationCode");
}

/** Number of the events that the user has. */
export async function eventsOf(service: Service, userId: string): Promise<number> {
  return Number(textAt(await asAdmin(service, "GetUserByID", { userId }), "user", "details", "sequence"));
}
