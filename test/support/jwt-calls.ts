// Calls of zitadel.user.v2 with whatever token, over one format, on a connection of their own.
import type { JsonObject } from "@bufbuild/protobuf";
import type { TestApplication } from "./application.ts";
import { exchangeHttp1, exchangeHttp2, type RawAnswer, type RawRequest } from "./raw-http.ts";
import { rest, type Answer, type Format, type MethodName } from "./wire-formats.ts";

export function exchange(
  application: TestApplication,
  format: Format,
  token: string,
  { headers, ...request }: RawRequest,
): Promise<RawAnswer> {
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  return over(application, { ...request, headers: { ...headers, authorization: `Bearer ${token}` } });
}

export async function ask(
  application: TestApplication,
  format: Format,
  token: string,
  method: MethodName,
  message: JsonObject,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const request = format.encode(method, message);
  const answer = await exchange(application, format, token, {
    ...request,
    headers: { ...request.headers, ...headers },
  });
  return format.decode(method, answer);
}

/** As the admin. @throws Error with the refusal */
export async function asAdmin(
  application: TestApplication,
  method: MethodName,
  message: JsonObject,
  format: Format = rest,
): Promise<JsonObject> {
  const { message: reply, error } = await ask(application, format, application.token, method, message);
  if (error !== undefined) throw new Error(`${method}: ${JSON.stringify(error)}`);
  return reply as JsonObject;
}
