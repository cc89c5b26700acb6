/** Every request that the load makes, as data. */
import { CODE_MARKER, USER_MARKER, type LoadOrder } from "./load/order.ts";

export type Format = "grpc" | "grpc-web" | "connect" | "rest" | "better-auth";
export type Call = "return_code" | "send_code" | "verify";

/** What a request has of an order; the rest depends on server and scenario. */
export type Request = Pick<LoadOrder, "protocol" | "path" | "headers" | "body" | "success" | "codes">;

const USER_ID = `user${USER_MARKER}`;
const SERVICE = "/zitadel.user.v2.UserService";

const PROCEDURES: Readonly<Record<Call, string>> = {
  return_code: `${SERVICE}/SendEmailCode`,
  send_code: `${SERVICE}/SendEmailCode`,
  verify: `${SERVICE}/VerifyEmail`,
};

const REST_PATHS: Readonly<Record<Call, string>> = {
  return_code: `/v2/users/${USER_ID}/email/send`,
  send_code: `/v2/users/${USER_ID}/email/send`,
  verify: `/v2/users/${USER_ID}/email/verify`,
};

const JSON_BODIES: Readonly<Record<Call, object>> = {
  return_code: { returnCode: {} },
  send_code: { sendCode: {} },
  verify: { verificationCode: CODE_MARKER },
};

// user_id is field 1 everywhere; send_code is field 2 and return_code field 3, empty; verification_code is field 2.
const MESSAGES: Readonly<Record<Call, Buffer>> = {
  return_code: Buffer.concat([textField(1, USER_ID), textField(3, "")]),
  send_code: Buffer.concat([textField(1, USER_ID), textField(2, "")]),
  verify: Buffer.concat([textField(1, USER_ID), textField(2, CODE_MARKER)]),
};

/** @param collects whether the codes of the answers are kept for VerifyEmail: over gRPC only */
export function requestOf(format: Format, call: Call, token: string, collects = false): Request {
  const codes = call === "verify" ? "submit" : collects ? "collect" : "ignore";
  const authorization = `Bearer ${token}`;
  const json = { "content-type": "application/json", authorization };
  switch (format) {
    case "grpc":
      return {
        protocol: "http2",
        path: PROCEDURES[call],
        headers: { "content-type": "application/grpc", te: "trailers", authorization },
        body: framed(MESSAGES[call]),
        success: "grpc-status in trailers",
        codes,
      };
    case "grpc-web":
      return {
        protocol: "http1",
        path: PROCEDURES[call],
        headers: { "content-type": "application/grpc-web+proto", authorization },
        body: framed(MESSAGES[call]),
        success: "grpc-status in body",
        codes,
      };
    case "connect":
      return {
        protocol: "http1",
        path: PROCEDURES[call],
        headers: json,
        body: base64({ userId: USER_ID, ...JSON_BODIES[call] }),
        success: "status 200",
        codes,
      };
    case "rest":
      return {
        protocol: "http1",
        path: REST_PATHS[call],
        headers: json,
        body: base64(JSON_BODIES[call]),
        success: "status 200",
        codes,
      };
    case "better-auth":
      return {
        protocol: "http1",
        path: "/api/auth/email-otp/send-verification-otp",
        headers: { "content-type": "application/json" },
        body: base64({ email: `${USER_ID}@example.com`, type: "email-verification" }),
        success: "status 200",
        codes,
      };
  }
}

function textField(number: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), Buffer.from(value)]);
}

/** A message of gRPC: a flag, the length, the bytes. */
function framed(message: Buffer): string {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]).toString("base64");
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64");
}
