// REST by google.api.http on the wire, where the formats' common tests do not look: paths, HEAD, queries, bodies.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { gzipSync } from "node:zlib";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { expectGoodCalls } from "../support/good-call.ts";
import { exchangeHttp1, exchangeHttp2, type RawAnswer, type RawRequest } from "../support/raw-http.ts";
import { refused } from "../support/refusals.ts";
import {
  at,
  encodeMessage,
  formats,
  frame,
  grpc,
  grpcWeb,
  methodOf,
  rest,
  textAt,
  type Format,
  type MethodName,
} from "../support/wire-formats.ts";

let application: TestApplication;
let users = 0;

beforeAll(async () => {
  application = await startTestApplication();
});
afterAll(() => application.stop());
afterEach(() => expectGoodCalls(application));

const versions = [
  ["HTTP/1.1", exchangeHttp1],
  ["HTTP/2", exchangeHttp2],
] as const;

const LIFE_CYCLE = [
  ["LockUser", "lock"],
  ["UnlockUser", "unlock"],
  ["DeactivateUser", "deactivate"],
  ["ReactivateUser", "reactivate"],
] as const;

function withToken(request: RawRequest): RawRequest {
  return { ...request, headers: { authorization: `Bearer ${application.token}`, ...request.headers } };
}

function send(request: RawRequest, exchange = exchangeHttp1): Promise<RawAnswer> {
  return exchange(application, withToken(request));
}

/** The answer's message; fails when it was refused. */
async function succeed(method: MethodName, request: RawRequest, format: Format = rest): Promise<JsonObject> {
  const answer = await send(request, format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1);
  const { message, error } = format.decode(method, answer);
  if (message === undefined) throw new Error(JSON.stringify(error));
  return message as JsonObject;
}

async function addUser(userId?: string): Promise<string> {
  users += 1;
  const request = rest.encode("AddHumanUser", {
    ...(userId !== undefined && { userId }),
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: `user-${users}@example.com`, isVerified: false },
  });
  return textAt(await succeed("AddHumanUser", request), "userId");
}

async function errorOf(request: RawRequest, exchange = exchangeHttp1) {
  const answer = await send(request, exchange);
  return { status: answer.status, error: rest.decode("GetUserByID", answer).error };
}

describe("paths", () => {
  test.each(["a/b", "a:b", "a%2Fb", "%", "100%", "a b+c", "..", ".", "Zoë 😀", "?#&=", "human", "new"])(
    "a user called %j is reached by every method",
    async (name) => {
      const userId = await addUser(`${name}${name === "human" || name === "new" ? "" : users}`);
      const path = `/v2/users/${encodeURIComponent(userId).replaceAll(".", "%2E")}`;
      expect(at(await succeed("GetUserByID", { method: "GET", path }), "user", "userId")).toBe(userId);
      const sendCode = { method: "POST", path: `${path}/email/send`, body: `{"returnCode":{}}` };
      const { verificationCode } = await succeed("SendEmailCode", sendCode);
      const verify = {
        method: "POST",
        path: `${path}/email/verify`,
        body: JSON.stringify({ verificationCode }),
      };
      await succeed("VerifyEmail", verify);
      const update = {
        method: "PUT",
        path: path.replace("/users/", "/users/human/"),
        body: `{"username":"${users}"}`,
      };
      await succeed("UpdateHumanUser", update);
      for (const [method, step] of LIFE_CYCLE)
        await succeed(method, { method: "POST", path: `${path}/${step}` });
      await succeed("DeleteUser", { method: "DELETE", path });
      expect((await errorOf({ method: "GET", path })).status).toBe(404);
    },
  );

  test("letters of a path may be encoded", async () => {
    const userId = await addUser();
    const path = `/%762/use%72s/${userId.replace("1", "%31")}`;
    expect(at(await succeed("GetUserByID", { method: "GET", path }), "user", "userId")).toBe(userId);
  });

  test.each(["/v2/users/%", "/v2/users/%zz", "/v2/users/%ff", "/v2/users/a%C3", "/v2/users/%ED%A0%80"])(
    "%s is malformed",
    async (path) => {
      for (const [, exchange] of versions) {
        expect(await errorOf({ method: "GET", path }, exchange)).toEqual({
          status: 400,
          error: refused({
            code: 3,
            text: "malformed percent-encoding in the path",
            reason: "REQUEST_MALFORMED",
          }),
        });
      }
    },
  );

  test("an id with a NUL is nobody's", async () => {
    const { status, error } = await errorOf({ method: "GET", path: "/v2/users/a%00b" });
    expect({ status, error }).toMatchObject({ status: 404 });
    const sendCode = { method: "POST", path: "/v2/users/a%00b/email/send", body: "{}" };
    expect((await errorOf(sendCode)).status).toBe(404);
  });

  test("an id of 201 characters is refused, naming the field", async () => {
    const description = "value length must be between 1 and 200 runes, inclusive";
    expect(await errorOf({ method: "GET", path: `/v2/users/${"x".repeat(201)}` })).toEqual({
      status: 400,
      error: refused({
        code: 3,
        text: `invalid GetUserByIDRequest.UserId: ${description}`,
        reason: "REQUEST_INVALID",
        field: ["user_id", description],
      }),
    });
  });
});

describe.each(versions)("HEAD over %s", (_version, exchange) => {
  test("is GET without the body", async () => {
    const path = `/v2/users/${await addUser()}`;
    const get = await send({ method: "GET", path }, exchange);
    const head = await send({ method: "HEAD", path }, exchange);
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const name of ["content-type", "cache-control", "x-content-type-options"]) {
      expect(head.headers[name]).toBe(get.headers[name]);
    }
    expect(head.headers["content-length"]).toBe(String(get.body.length));
  });

  test.each([
    ["/v2/users/nobody", 404],
    ["/nope", 404],
    ["/v2/users", 405],
    ["/v2/users/%zz", 400],
  ])("of %s is %i without a body", async (path, status) => {
    const answer = await send({ method: "HEAD", path }, exchange);
    expect([answer.status, answer.body.length]).toEqual([status, 0]);
    expect(answer.headers["content-type"]).toBe("application/json");
  });
});

describe("queries", () => {
  test.each(["?", "?nope=1", "?userId=x&user_id=y", "?a=%20&&=&b", "?user_id.x=1"])(
    "GET with %s is GET",
    async (query) => {
      const userId = await addUser();
      const path = `/v2/users/${userId}${query}`;
      expect(at(await succeed("GetUserByID", { method: "GET", path }), "user", "userId")).toBe(userId);
    },
  );

  test("a malformed one is refused", async () => {
    for (const query of ["?%", "?a=%zz", "?a=%ff"]) {
      expect(await errorOf({ method: "GET", path: `/v2/users/1${query}` })).toEqual({
        status: 400,
        error: refused({
          code: 3,
          text: "malformed percent-encoding in the query",
          reason: "REQUEST_MALFORMED",
        }),
      });
    }
  });

  test("where the body is the message, it is not looked at", async () => {
    const path = `/v2/users/${await addUser()}/email/send?%zz&returnCode=x`;
    expect(Object.keys(await succeed("SendEmailCode", { method: "POST", path, body: "" }))).toEqual([
      "details",
    ]);
  });
});

describe("bodies", () => {
  const path = "/v2/users/nobody/email/send";

  test.each<[what: string, body: string | Buffer, headers: Record<string, string>, text: string]>([
    [
      "packed",
      gzipSync("{}"),
      { "content-encoding": "gzip" },
      "content-encoding gzip is not served on REST paths",
    ],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x22]), {}, "the body is not UTF-8"],
  ])("one that is %s is refused", async (_what, body, headers, text) => {
    for (const [, exchange] of versions) {
      expect(await errorOf({ method: "POST", path, headers, body }, exchange)).toEqual({
        status: 400,
        error: refused({ code: 3, text, reason: "REQUEST_MALFORMED" }),
      });
    }
  });

  test("of methods that have none is not looked at", async () => {
    const userId = await addUser();
    const request = { method: "DELETE", path: `/v2/users/${userId}`, body: "{{{" };
    expect(at(await succeed("DeleteUser", request), "details", "sequence")).toBe("2");
  });
});

describe("every path takes gRPC and gRPC-Web", () => {
  const bound: readonly [MethodName, path: string, message: JsonObject][] = [
    ["SetEmail", "/v2/users/{}/email", { email: "other@example.com" }],
    ["SendEmailCode", "/v2/users/{}/email/send", {}],
    ["LockUser", "/v2/users/{}/lock", {}],
    ["DeactivateUser", "/v2/users/{}/deactivate", {}],
    ["ListUsers", "/v2/users", { query: { limit: 1 } }],
  ];

  test.each([
    ["application/grpc", grpc],
    ["application/grpc+proto", grpc],
    ["application/grpc-web+proto", grpcWeb],
    ["application/grpc-web", grpcWeb],
  ])("%s", async (contentType, format) => {
    for (const [method, template, message] of bound) {
      const request = {
        method: "POST",
        path: template.replace("{}", encodeURIComponent(await addUser(`path/${users}`))),
        headers: { "content-type": contentType },
        body: frame(encodeMessage(methodOf(method).input, message)),
      };
      expect(at(await succeed(method, request, format), "details")).toBeDefined();
    }
  });

  test.each([
    ["application/grpc", grpc],
    ["application/grpc-web+proto", grpcWeb],
  ])("%s: a rule broken by the path is refused in the format's own way", async (contentType, format) => {
    const request = withToken({
      method: "POST",
      path: `/v2/users/${"x".repeat(201)}/lock`,
      headers: { "content-type": contentType },
      body: frame(new Uint8Array()),
    });
    const answer = await (format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1)(application, request);
    const description = "value length must be between 1 and 200 runes, inclusive";
    expect(format.decode("LockUser", answer)).toMatchObject({
      httpStatus: 200,
      error: refused({
        code: 3,
        text: `invalid LockUserRequest.UserId: ${description}`,
        reason: "REQUEST_INVALID",
        field: ["user_id", description],
      }),
    });
  });
});

test.each(["application/grpc", "application/grpc-web+proto"])(
  "a GET that says it is %s is REST: gRPC is always POST",
  async (contentType) => {
    const userId = await addUser();
    const headers = { "content-type": contentType };
    for (const [, exchange] of versions) {
      const answer = await send({ method: "GET", path: `/v2/users/${userId}`, headers }, exchange);
      expect(at(rest.decode("GetUserByID", answer).message, "user", "userId")).toBe(userId);
    }
  },
);

test("REST and the other formats answer one thing", async () => {
  const userId = await addUser();
  const answers = [];
  for (const format of formats) {
    answers.push(at(await succeed("GetUserByID", format.encode("GetUserByID", { userId }), format), "user"));
  }
  for (const answer of answers) expect(answer).toEqual(answers[0]);
});
