// A caller that loses its role gets no kept answer any more, above all no code; with the role back it gets it again.
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { randomUUID } from "node:crypto";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { asAdmin, ask } from "../support/user-service-calls.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import { formats, isServedOverRest, rest, textAt, type MethodName } from "../support/wire-formats.ts";

const NO_ROLE: Refusal = {
  code: 5,
  text: "membership not found",
  id: "AUTHZ-cdgFk",
  reason: "MEMBERSHIP_NOT_FOUND",
};
const DENIED: Refusal = {
  code: 7,
  text: "No matching permissions found",
  id: "AUTH-AWfge",
  reason: "PERMISSION_DENIED",
};
// What a method itself asks for, before it is called.
const DENIED_METHOD: Refusal = { ...DENIED, id: "AUTH-5mWD2" };

let application: TestApplication;

beforeAll(async () => {
  application = await startTestApplication();
});
afterAll(() => application.stop());
afterEach(() => expect(application.takeErrors()).toEqual([]));

async function access(method: string, path: string, body: JsonObject): Promise<JsonObject> {
  const response = await fetch(`${application.url}/countersign/v1/service-accounts${path}`, {
    method,
    headers: { authorization: `Bearer ${application.token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as JsonObject;
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

interface Account {
  readonly token: string;
  readonly setRole: (role: string | undefined) => Promise<unknown>;
}

async function newAccount(): Promise<Account> {
  const serviceAccountId = `robot-${randomUUID()}`;
  const { organizationId } = application;
  const rolesOf = (role: string | undefined) => (role === undefined ? [] : [{ role, organizationId }]);
  await access("POST", "", {
    serviceAccountId,
    organizationId,
    username: serviceAccountId,
    roles: rolesOf("ORG_USER_MANAGER"),
  });
  const created = await access("POST", `/${serviceAccountId}/tokens`, {});
  return {
    token: textAt(created, "token"),
    setRole: (role) => access("PUT", `/${serviceAccountId}/roles`, { roles: rolesOf(role) }),
  };
}

const profile = { givenName: "Ada", familyName: "Lovelace" };
const address = () => `${randomUUID()}@example.com`;

async function addUser(): Promise<string> {
  const email = { email: address(), isVerified: false };
  const { userId } = await asAdmin(application, "AddHumanUser", { profile, email });
  await asAdmin(application, "SendEmailCode", { userId: userId as string, returnCode: {} });
  return userId as string;
}

type Request = () => Promise<JsonObject>;

const calls: readonly (readonly [method: MethodName, request: Request, denied: Refusal])[] = [
  ["SendEmailCode", async () => ({ userId: await addUser(), returnCode: {} }), DENIED],
  ["ResendEmailCode", async () => ({ userId: await addUser(), returnCode: {} }), DENIED],
  ["SetEmail", async () => ({ userId: await addUser(), email: address(), returnCode: {} }), DENIED],
  ["SendEmailCode", async () => ({ userId: await addUser() }), DENIED],
  ["AddHumanUser", async () => ({ profile, email: { email: address(), returnCode: {} } }), DENIED_METHOD],
  [
    "CreateUser",
    async () => ({
      organizationId: application.organizationId,
      human: { profile, email: { email: address(), returnCode: {} } },
    }),
    DENIED,
  ],
];

const rows = formats.flatMap((format) =>
  calls
    .filter(([method]) => format !== rest || isServedOverRest(method))
    .map(([method, request, denied]) => [format.name, method, format, request, denied] as const),
);

test.each(rows)("%s: %s", async (_name, method, format, request, denied) => {
  const { token, setRole } = await newAccount();
  const message = await request();
  const headers = { "idempotency-key": randomUUID() };
  const call = () => ask(application, format, token, method, message, headers);

  const first = await call();
  expect(first.error).toBeUndefined();
  expect((await call()).message).toEqual(first.message);

  await setRole("ORG_OWNER_VIEWER");
  expect((await call()).error).toEqual(refused(denied));
  await setRole(undefined);
  expect((await call()).error).toEqual(refused(NO_ROLE));

  await setRole("ORG_USER_MANAGER");
  const again = await call();
  expect(again.message).toEqual(first.message);
  expect(again.headers["idempotency-replayed"]).toBe("true");
});
