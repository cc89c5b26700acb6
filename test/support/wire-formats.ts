// The four wire formats, written from their specifications and ZITADEL's descriptors, with no client library in between:
// what a test sends and what it sees are the bytes.
import {
  createRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
  type DescMessage,
  type JsonObject,
  type JsonValue,
} from "@bufbuild/protobuf";
import { UserService } from "@zitadel/proto/zitadel/user/v2/user_service_pb";
import { ErrorDetailSchema } from "@zitadel/proto/zitadel/message_pb";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import type { RawAnswer, RawRequest } from "./raw-http.ts";

/** What a client learns of a refusal, the same in every format. */
export interface WireError {
  /** gRPC's number. */
  readonly code: number;
  readonly message: string;
  /** Each with its type's full name under `@type`. */
  readonly details: readonly JsonObject[];
}

export interface Answer {
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly message?: JsonValue;
  readonly error?: WireError;
}

export type MethodName = (typeof UserService.methods)[number]["name"];

export interface Format {
  readonly name: string;
  readonly httpVersion: 1 | 2;
  /** The HTTP status that the format gives a code. */
  readonly statusOf: (code: number) => number;
  readonly encode: (method: MethodName, message: JsonObject) => RawRequest;
  readonly decode: (method: MethodName, answer: RawAnswer) => Answer;
}

export const SERVICE = "zitadel.user.v2.UserService";

/** gRPC's codes by number, in the Connect protocol's spelling. */
const CODE_NAMES = [
  "ok",
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

/** https://connectrpc.com/docs/protocol#error-codes, which is grpc-gateway's table too. */
const HTTP_STATUS = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** google.api.http of the calls that have it: verb and path. */
const REST_ROUTES: Partial<Record<MethodName, readonly [verb: string, path: string]>> = {
  AddHumanUser: ["POST", "/v2/users/human"],
  GetUserByID: ["GET", "/v2/users/{userId}"],
  ListUsers: ["POST", "/v2/users"],
  SetEmail: ["POST", "/v2/users/{userId}/email"],
  ResendEmailCode: ["POST", "/v2/users/{userId}/email/resend"],
  SendEmailCode: ["POST", "/v2/users/{userId}/email/send"],
  VerifyEmail: ["POST", "/v2/users/{userId}/email/verify"],
  UpdateHumanUser: ["PUT", "/v2/users/human/{userId}"],
  DeactivateUser: ["POST", "/v2/users/{userId}/deactivate"],
  ReactivateUser: ["POST", "/v2/users/{userId}/reactivate"],
  LockUser: ["POST", "/v2/users/{userId}/lock"],
  UnlockUser: ["POST", "/v2/users/{userId}/unlock"],
  DeleteUser: ["DELETE", "/v2/users/{userId}"],
};

const details = createRegistry(ErrorDetailSchema, file_google_rpc_error_details);

export function methodOf(name: MethodName) {
  const method = UserService.methods.find((candidate) => candidate.name === name);
  if (method === undefined) throw new Error(`no method ${name}`);
  return method;
}

export function procedurePath(method: string): string {
  return `/${SERVICE}/${method}`;
}

export function isServedOverRest(method: MethodName): boolean {
  return REST_ROUTES[method] !== undefined;
}

export function encodeMessage(schema: DescMessage, json: JsonObject): Uint8Array {
  return toBinary(schema, fromJson(schema, json));
}

export function decodeMessage(schema: DescMessage, bytes: Uint8Array): JsonObject {
  return toJson(schema, fromBinary(schema, bytes)) as JsonObject;
}

/** One length-prefixed message: a flag byte, the length in big endian, the bytes. */
export function frame(bytes: Uint8Array, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags, 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

interface Frame {
  readonly flags: number;
  readonly bytes: Buffer;
}

export function splitFrames(body: Buffer): Frame[] {
  const frames: Frame[] = [];
  let start = 0;
  while (start < body.length) {
    const end = start + 5 + body.readUInt32BE(start + 1);
    if (end > body.length) throw new Error("the answer ends within a frame");
    frames.push({ flags: body.readUInt8(start), bytes: body.subarray(start + 5, end) });
    start = end;
  }
  return frames;
}

/** @param type full name, or a URL that ends in it */
export function detailJson(type: string, value: Uint8Array): JsonObject {
  const typeName = type.slice(type.lastIndexOf("/") + 1);
  const schema = details.getMessage(typeName);
  if (schema === undefined) throw new Error(`an error detail of unknown type ${typeName}`);
  return { "@type": typeName, ...decodeMessage(schema, value) };
}

/** From gRPC's three trailers. @returns undefined for status 0 */
export function statusError(trailers: Readonly<Record<string, string>>): WireError | undefined {
  const status = trailers["grpc-status"];
  if (status === undefined) throw new Error(`no grpc-status in ${JSON.stringify(trailers)}`);
  if (status === "0") return undefined;
  const encoded = trailers["grpc-status-details-bin"];
  const packed = encoded === undefined ? undefined : fromBinary(StatusSchema, Buffer.from(encoded, "base64"));
  const message = decodeURIComponent(trailers["grpc-message"] ?? "");
  // What the details repeat has to agree with the trailers.
  if (packed !== undefined && (packed.code !== Number(status) || packed.message !== message)) {
    throw new Error(
      `grpc-status-details-bin says ${packed.code} ${packed.message}, not ${status} ${message}`,
    );
  }
  return {
    code: Number(status),
    message,
    details: (packed?.details ?? []).map(({ typeUrl, value: bytes }) => detailJson(typeUrl, bytes)),
  };
}

function requireContentType(answer: RawAnswer, expected: string): void {
  const actual = answer.headers["content-type"];
  if (actual !== expected) {
    throw new Error(`content-type ${actual}, not ${expected}: ${answer.status} ${answer.body.toString()}`);
  }
}

function decodeGrpc(method: MethodName, answer: RawAnswer): Answer {
  const { status: httpStatus, headers, body } = answer;
  if (!headers["content-type"]?.startsWith("application/grpc")) {
    throw new Error(`no gRPC answer: ${httpStatus} ${JSON.stringify(headers)} ${body.toString()}`);
  }
  // Trailers-only answers have the status in the headers.
  const error = statusError("grpc-status" in headers ? headers : answer.trailers);
  const frames = splitFrames(body);
  if (error !== undefined) return { httpStatus, headers, error };
  return { httpStatus, headers, message: decodeOnly(method, frames) };
}

function decodeGrpcWeb(method: MethodName, answer: RawAnswer): Answer {
  const { status: httpStatus, headers, body } = answer;
  if (!headers["content-type"]?.startsWith("application/grpc-web")) {
    throw new Error(`no gRPC-Web answer: ${httpStatus} ${JSON.stringify(headers)} ${body.toString()}`);
  }
  const frames = splitFrames(body);
  const last = frames.at(-1);
  const hasTrailers = last !== undefined && (last.flags & 0x80) !== 0;
  const trailers = hasTrailers ? parseTrailers(last.bytes.toString("utf8")) : headers;
  const error = statusError(trailers);
  if (error !== undefined) return { httpStatus, headers, error };
  return { httpStatus, headers, message: decodeOnly(method, frames.slice(0, -1)) };
}

function parseTrailers(text: string): Record<string, string> {
  const lines = text.split("\r\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

function decodeOnly(method: MethodName, frames: readonly Frame[]): JsonValue {
  const [only, ...more] = frames;
  if (only === undefined || more.length > 0) throw new Error(`${frames.length} messages in a unary answer`);
  const { output } = methodOf(method);
  return decodeMessage(output, only.bytes);
}

interface ConnectErrorJson {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

/** The error object of the Connect protocol. */
export function connectError(text: string): WireError {
  const { code: name, message = "", details: packed = [] } = JSON.parse(text) as ConnectErrorJson;
  const code = CODE_NAMES.indexOf(name);
  if (code <= 0) throw new Error(`no code of the Connect protocol: ${text}`);
  const unpacked = packed.map(({ type, value }) => detailJson(type, Buffer.from(value, "base64")));
  return { code, message, details: unpacked };
}

function decodeConnect(method: MethodName, answer: RawAnswer, contentType: string): Answer {
  const { status: httpStatus, headers, body } = answer;
  if (httpStatus !== 200) {
    requireContentType(answer, "application/json");
    return { httpStatus, headers, error: connectError(body.toString()) };
  }
  requireContentType(answer, contentType);
  const { output } = methodOf(method);
  const message =
    contentType === "application/json"
      ? (JSON.parse(body.toString()) as JsonValue)
      : decodeMessage(output, body);
  return { httpStatus, headers, message };
}

interface RestStatus {
  readonly code: number;
  readonly message: string;
  readonly details?: readonly JsonObject[];
}

function decodeRest(answer: RawAnswer): Answer {
  const { status: httpStatus, headers, body } = answer;
  requireContentType(answer, "application/json");
  if (httpStatus === 200) return { httpStatus, headers, message: JSON.parse(body.toString()) as JsonValue };
  const status = JSON.parse(body.toString()) as RestStatus;
  const named = (status.details ?? []).map(({ "@type": url, ...rest }) => {
    const prefix = "type.googleapis.com/";
    if (typeof url !== "string" || !url.startsWith(prefix))
      throw new Error(`no @type: ${JSON.stringify(url)}`);
    return { "@type": url.slice(prefix.length), ...rest };
  });
  return { httpStatus, headers, error: { code: status.code, message: status.message, details: named } };
}

function encodeRest(method: MethodName, message: JsonObject): RawRequest {
  const route = REST_ROUTES[method];
  if (route === undefined) throw new Error(`${method} has no REST path`);
  const [verb, template] = route;
  const { userId, ...rest } = message;
  const inPath = template.includes("{userId}");
  const path = template.replace("{userId}", encodeURIComponent(typeof userId === "string" ? userId : ""));
  const request = { method: verb, path };
  if (verb === "GET" || verb === "DELETE") return request;
  return {
    ...request,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(inPath ? rest : message),
  };
}

function encodeRpc(method: MethodName, contentType: string, body: Uint8Array | string): RawRequest {
  return {
    method: "POST",
    path: procedurePath(method),
    headers: { "content-type": contentType, ...(contentType === "application/grpc" && { te: "trailers" }) },
    body,
  };
}

const statusByTable = (code: number) => HTTP_STATUS[code] ?? 0;
const alwaysOk = () => 200;

export const grpc: Format = {
  name: "gRPC",
  httpVersion: 2,
  statusOf: alwaysOk,
  encode: (method, message) =>
    encodeRpc(method, "application/grpc", frame(encodeMessage(methodOf(method).input, message))),
  decode: decodeGrpc,
};

export const grpcWeb: Format = {
  name: "gRPC-Web",
  httpVersion: 1,
  statusOf: alwaysOk,
  encode: (method, message) =>
    encodeRpc(method, "application/grpc-web+proto", frame(encodeMessage(methodOf(method).input, message))),
  decode: decodeGrpcWeb,
};

export const connectJson: Format = {
  name: "Connect JSON",
  httpVersion: 1,
  statusOf: statusByTable,
  encode: (method, message) => encodeRpc(method, "application/json", JSON.stringify(message)),
  decode: (method, answer) => decodeConnect(method, answer, "application/json"),
};

export const connectProto: Format = {
  name: "Connect binary",
  httpVersion: 1,
  statusOf: statusByTable,
  encode: (method, message) =>
    encodeRpc(method, "application/proto", encodeMessage(methodOf(method).input, message)),
  decode: (method, answer) => decodeConnect(method, answer, "application/proto"),
};

export const rest: Format = {
  name: "REST",
  httpVersion: 1,
  statusOf: statusByTable,
  encode: encodeRest,
  decode: (_method, answer) => decodeRest(answer),
};

export const formats: readonly Format[] = [grpc, grpcWeb, connectJson, connectProto, rest];

/** The value at a path, undefined where there is none. */
export function at(
  json: JsonValue | undefined,
  ...path: readonly (string | number)[]
): JsonValue | undefined {
  let value = json;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}

/** The text at a path. @throws Error where there is none */
export function textAt(json: JsonValue | undefined, ...path: readonly (string | number)[]): string {
  const value = at(json, ...path);
  if (typeof value !== "string") throw new Error(`no text at ${path.join(".")} of ${JSON.stringify(json)}`);
  return value;
}
