// countersign.v1.VerificationService: codes that are asked about before they are spent, and what became of an address.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { toJson, type JsonObject } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { randomUUID } from "node:crypto";
import {
  CheckCodeResponseSchema,
  GetEmailStatusResponseSchema,
  VerificationService,
} from "../../gen/countersign/v1/verification_service_pb.ts";
import { callFailure } from "../../src/client/call-failure.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { addUser, newCode } from "../support/user-service-calls.ts";
import { textAt } from "../support/wire-formats.ts";

jest.setTimeout(30_000);

const TTL_MS = 3_600_000;
const TRIES = 5;
const WRONG = "AAAAAA";

let application: TestApplication;
let clockOffsetMs = 0;

beforeAll(async () => {
  application = await startTestApplication({ sources: { nowMs: () => Date.now() + clockOffsetMs } });
});
afterAll(() => application.stop());

class Refused extends Error {
  readonly code: string;
  readonly reason: string | undefined;

  constructor(code: string, reason: string | undefined, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** Answers in JSON's words. @throws Refused */
interface Client {
  checkCode(request: { userId: string; verificationCode: string }, token?: string): Promise<JsonObject>;
  getEmailStatus(request: { userId: string }, token?: string): Promise<JsonObject>;
}

function overRpc(transport: Transport): Client {
  const client = createClient(VerificationService, transport);
  const headersOf = (token?: string) => ({
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const refuse = (error: unknown) => {
    const { code, reason, message } = callFailure(error);
    throw new Refused(code, reason, message);
  };
  return {
    checkCode: async (request, token) =>
      toJson(
        CheckCodeResponseSchema,
        await client.checkCode(request, headersOf(token)).catch(refuse),
      ) as JsonObject,
    getEmailStatus: async (request, token) =>
      toJson(
        GetEmailStatusResponseSchema,
        await client.getEmailStatus(request, headersOf(token)).catch(refuse),
      ) as JsonObject,
  };
}

const GRPC_CODES = ["", "", "", "invalid_argument", "", "not_found", "", "permission_denied"];
GRPC_CODES[8] = "resource_exhausted";
GRPC_CODES[9] = "failed_precondition";
GRPC_CODES[16] = "unauthenticated";

function overRest(): Client {
  const ask = async (verb: string, path: string, token?: string, body?: JsonObject) => {
    const response = await fetch(application.url + path, {
      method: verb,
      headers: {
        "content-type": "application/json",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const json = (await response.json()) as JsonObject;
    if (response.ok) return json;
    const details = json["details"] as { "@type": string; reason?: string }[];
    const info = details.find((detail) => detail["@type"].endsWith("ErrorInfo"));
    throw new Refused(GRPC_CODES[json["code"] as number] ?? "", info?.reason, textAt(json, "message"));
  };
  const at = (userId: string) => `/countersign/v1/users/${encodeURIComponent(userId)}/email`;
  return {
    checkCode: ({ userId, ...body }, token) => ask("POST", `${at(userId)}/code/check`, token, body),
    getEmailStatus: ({ userId }, token) => ask("GET", `${at(userId)}/status`, token),
  };
}

const formats: readonly (readonly [string, () => Client])[] = [
  ["gRPC", () => overRpc(createGrpcTransport({ baseUrl: application.url }))],
  ["gRPC-Web", () => overRpc(createGrpcWebTransport({ baseUrl: application.url, httpVersion: "1.1" }))],
  ["Connect", () => overRpc(createConnectTransport({ baseUrl: application.url, httpVersion: "1.1" }))],
  ["REST", overRest],
];

async function call(method: string, path: string, body?: JsonObject): Promise<JsonObject> {
  const response = await fetch(application.url + path, {
    method,
    headers: { authorization: `Bearer ${application.token}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as JsonObject;
}

async function isVerified(userId: string): Promise<boolean> {
  const { user } = (await call("GET", `/v2/users/${userId}`)) as unknown as {
    user: { human: { email: { isVerified?: boolean } } };
  };
  return user.human.email.isVerified ?? false;
}

async function refusal(asked: Promise<unknown>): Promise<Pick<Refused, "code" | "reason" | "message">> {
  return asked.then(
    () => {
      throw new Error("the call was not refused");
    },
    (error: unknown) => {
      if (!(error instanceof Refused)) throw error;
      const { code, reason, message } = error;
      return { code, reason, message };
    },
  );
}

const INVALID = {
  code: "invalid_argument",
  reason: "CODE_INVALID",
  message: "Code is invalid (COMMAND-eis9R)",
};

describe.each(formats)("over %s", (_name, make) => {
  test("CheckCode shows what a code is good for and spends nothing, with and without a token", async () => {
    const client = make();
    const userId = await addUser(application);
    const before = Date.now();
    const code = await newCode(application, userId);
    for (const token of [undefined, application.token]) {
      for (const spelling of [code, ` ${code.slice(0, 3)}-${code.slice(3).toLowerCase()} `]) {
        const { expireTime, ...rest } = await client.checkCode({ userId, verificationCode: spelling }, token);
        expect(rest).toEqual({ maskedAddress: "u***@example.com" });
        const expiresAtMs = Date.parse(expireTime as string);
        expect(expiresAtMs).toBeGreaterThanOrEqual(before + TTL_MS);
        expect(expiresAtMs).toBeLessThanOrEqual(Date.now() + TTL_MS);
      }
    }
    expect(await isVerified(userId)).toBe(false);
    await call("POST", `/v2/users/${userId}/email/verify`, { verificationCode: code });
    expect(await isVerified(userId)).toBe(true);
    expect(await client.checkCode({ userId, verificationCode: code })).toMatchObject({
      maskedAddress: "u***@example.com",
      isUsed: true,
    });
  });

  test("wrong tries count, and VerifyEmail counts on", async () => {
    const client = make();
    const userId = await addUser(application);
    const code = await newCode(application, userId);
    for (let left = TRIES - 1; left >= 1; left -= 1) {
      expect(
        await refusal(client.checkCode({ userId, verificationCode: WRONG }, application.token)),
      ).toMatchObject(INVALID);
    }
    const wrong = await fetch(`${application.url}/v2/users/${userId}/email/verify`, {
      method: "POST",
      headers: { authorization: `Bearer ${application.token}` },
      body: JSON.stringify({ verificationCode: WRONG }),
    });
    expect(wrong.status).toBe(400);
    const { reason } = await refusal(client.checkCode({ userId, verificationCode: code }, application.token));
    expect(reason).toBe("CODE_USED_UP");
    // Another client has tries of its own.
    await client.checkCode({ userId, verificationCode: code });
  });

  test("a stranger gets one single refusal", async () => {
    const client = make();
    const withCode = await addUser(application);
    const superseded = await newCode(application, withCode);
    await newCode(application, withCode);
    const withoutCode = await addUser(application);
    for (const [userId, verificationCode] of [
      [withCode, WRONG],
      [withCode, superseded],
      [withoutCode, WRONG],
      ["nobody", WRONG],
    ] as const) {
      expect(await refusal(client.checkCode({ userId, verificationCode }))).toEqual(INVALID);
    }
    for (let tries = 0; tries < TRIES; tries += 1) {
      await refusal(client.checkCode({ userId: withCode, verificationCode: WRONG }));
    }
    expect(await refusal(client.checkCode({ userId: withCode, verificationCode: WRONG }))).toEqual(INVALID);
  });

  test("GetEmailStatus follows the address, for who may read the user", async () => {
    const client = make();
    const address = `${randomUUID()}@example.com`;
    const userId = await addUser(application, address);
    const status = async () =>
      (await client.getEmailStatus({ userId }, application.token))["status"] as JsonObject;
    expect(await status()).toEqual({
      userId,
      organizationId: application.organizationId,
      address,
      sequence: "1",
      changeTime: expect.any(String),
    });
    const code = await newCode(application, userId);
    const { codeExpireTime } = await status();
    expect(Date.parse(codeExpireTime as string)).toBeGreaterThan(Date.now());
    clockOffsetMs = TTL_MS + 1_000;
    expect(await status()).not.toHaveProperty("codeExpireTime");
    clockOffsetMs = 0;
    await call("POST", `/v2/users/${userId}/email/verify`, { verificationCode: code });
    const verified = await status();
    expect(verified).toMatchObject({ isVerified: true, sequence: "3" });
    expect(verified).not.toHaveProperty("codeExpireTime");

    expect((await refusal(client.getEmailStatus({ userId }))).code).toBe("unauthenticated");
    expect(await refusal(client.getEmailStatus({ userId: "nobody" }, application.token))).toMatchObject({
      code: "not_found",
      reason: "USER_NOT_FOUND",
    });
  });
});

test("requests are held to the contract's limits", async () => {
  const client = overRest();
  const { token } = application;
  expect(await refusal(client.checkCode({ userId: "u", verificationCode: "" }, token))).toMatchObject({
    code: "invalid_argument",
    reason: "REQUEST_INVALID",
  });
  const long = "A".repeat(21);
  expect((await refusal(client.checkCode({ userId: "u", verificationCode: long }))).reason).toBe(
    "REQUEST_INVALID",
  );
});

test("nothing went wrong in the service", () => {
  expect(application.errors).toEqual([]);
});
