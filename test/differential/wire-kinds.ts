// The ways in which a call can be put on the wire, as data.
import { fromJson, toBinary, type DescMessage, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { frame, procedurePath, type MethodName } from "../support/wire-formats.ts";

export interface WireKind {
  readonly name: string;
  readonly httpVersion: 1 | 2;
  readonly family: "grpc" | "grpc-web" | "connect" | "rest";
  readonly encoding: "json" | "proto";
  readonly contentType: string;
  /** At the path of google.api.http instead of the RPC's own. */
  readonly atRestPath: boolean;
  /** Sent as base64 text to the direct path. connect-node does not know the form: it gets the same bytes as they are. */
  readonly asText: boolean;
}

function kind(
  name: string,
  httpVersion: 1 | 2,
  family: WireKind["family"],
  contentType: string,
  options: Partial<WireKind> = {},
): WireKind {
  const encoding = contentType.endsWith("json") ? "json" : "proto";
  const at = { atRestPath: family === "rest", asText: false };
  return {
    name: `${name}, HTTP/${httpVersion}`,
    httpVersion,
    family,
    encoding,
    contentType,
    ...at,
    ...options,
  };
}

const atRestPath = { atRestPath: true };

export const wireKinds: readonly WireKind[] = [
  kind("gRPC", 2, "grpc", "application/grpc"),
  kind("gRPC+proto", 2, "grpc", "application/grpc+proto"),
  // connect-node's in both ways: gRPC over HTTP/1.1, gRPC with JSON.
  kind("gRPC", 1, "grpc", "application/grpc"),
  kind("gRPC JSON", 2, "grpc", "application/grpc+json"),
  kind("gRPC-Web", 1, "grpc-web", "application/grpc-web+proto"),
  kind("gRPC-Web", 2, "grpc-web", "application/grpc-web"),
  kind("gRPC-Web JSON", 1, "grpc-web", "application/grpc-web+json"),
  kind("gRPC-Web text", 1, "grpc-web", "application/grpc-web+proto", { asText: true }),
  kind("gRPC-Web text", 2, "grpc-web", "application/grpc-web+proto", { asText: true }),
  kind("Connect JSON", 1, "connect", "application/json"),
  kind("Connect JSON", 2, "connect", "application/json"),
  kind("Connect binary", 1, "connect", "application/proto"),
  kind("Connect binary", 2, "connect", "application/proto"),
  kind("REST", 1, "rest", "application/json"),
  kind("REST", 2, "rest", "application/json"),
  kind("gRPC at the REST path", 2, "grpc", "application/grpc", atRestPath),
  kind("gRPC-Web at the REST path", 1, "grpc-web", "application/grpc-web+proto", atRestPath),
  kind("gRPC-Web at the REST path", 2, "grpc-web", "application/grpc-web+proto", atRestPath),
];

export const methodNames = UserService.methods.map(({ name }) => name);

/** A mutation may have put anything where an id belongs. */
function textOf(value: JsonValue | undefined): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function isFramed({ family }: WireKind): boolean {
  return family === "grpc" || family === "grpc-web";
}

export function inputOf(method: MethodName): DescMessage {
  const found = UserService.methods.find(({ name }) => name === method);
  if (found === undefined) throw new Error(`no method ${method}`);
  return found.input;
}

/** google.api.http: verb and path template. CreateUser and UpdateUser have none. */
export const restRoutes: Readonly<Partial<Record<MethodName, readonly [verb: string, path: string]>>> = {
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

export function canCarry(wireKind: WireKind, method: MethodName): boolean {
  if (!wireKind.atRestPath) return true;
  const [verb] = restRoutes[method] ?? [];
  // gRPC's verb is POST, whatever the path.
  return verb !== undefined && (wireKind.family === "rest" || verb === "POST");
}

/** A request before it is put into headers and a body; mutations change it in place. */
export interface Draft {
  readonly kind: WireKind;
  readonly method: MethodName;
  verb: string;
  path: string;
  message: JsonObject;
  /** The message in its encoding. */
  payload: Buffer;
  /** What is sent: the payload, in a frame where the format has frames. */
  body: Buffer | undefined;
  readonly headers: Record<string, string>;
}

/** Verb, path and the message that is left for the body. */
export function placeMessage(draft: Draft): void {
  const route = restRoutes[draft.method];
  if (!draft.kind.atRestPath || route === undefined) {
    draft.path = procedurePath(draft.method);
    return;
  }
  const [verb, template] = route;
  draft.verb = verb;
  draft.path = template.replace("{userId}", encodeURIComponent(textOf(draft.message["userId"])));
  if (template.includes("{userId}")) delete draft.message["userId"];
}

/** @throws Error for a message that has no binary form */
export function encodePayload({ kind: { encoding }, method, message }: Draft): Buffer {
  if (encoding === "json") return Buffer.from(JSON.stringify(message));
  const schema = inputOf(method);
  return Buffer.from(toBinary(schema, fromJson(schema, message)));
}

export function encodeBody({ kind: wireKind, verb, payload }: Draft): Buffer | undefined {
  if (isFramed(wireKind)) return frame(payload);
  return verb === "GET" || verb === "DELETE" ? undefined : payload;
}
