// Requests that HTTP has nothing against: what is wrong with them is in their bodies and the values of their headers.
import { fromJson, toBinary, type DescMessage, type JsonObject } from "@bufbuild/protobuf";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { Health, HealthCheckRequestSchema } from "../../gen/health/v1/health_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import type { Random } from "../support/random.ts";
import type { MethodName } from "../support/wire-formats.ts";
import { randomJson, randomProtobuf, type Known } from "./messages.ts";
import { mutate } from "./mutate.ts";

export interface FuzzedRequest {
  readonly verb: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

export interface Setting extends Known {
  readonly token: string;
  /** A request of UserService that nothing is wrong with. */
  validMessage(method: MethodName): JsonObject;
}

const RPCS: readonly (readonly [path: string, input: DescMessage])[] = [
  ...UserService.methods.map((method) => [`/${UserService.typeName}/${method.name}`, method.input] as const),
  // Not Watch, which does not end.
  [`/${Health.typeName}/Check`, HealthCheckRequestSchema],
  ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", HealthCheckRequestSchema],
  ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", HealthCheckRequestSchema],
];

/** Verb, path, and whose message the body is; `*` stands for a user's id. */
const REST_ROUTES: readonly (readonly [
  verb: string,
  path: string,
  method: keyof typeof UserService.method,
])[] = [
  ["POST", "/v2/users/human", "addHumanUser"],
  ["GET", "/v2/users/*", "getUserByID"],
  ["POST", "/v2/users", "listUsers"],
  ["POST", "/v2/users/*/email", "setEmail"],
  ["POST", "/v2/users/*/email/resend", "resendEmailCode"],
  ["POST", "/v2/users/*/email/send", "sendEmailCode"],
  ["POST", "/v2/users/*/email/verify", "verifyEmail"],
  ["PUT", "/v2/users/human/*", "updateHumanUser"],
  ["POST", "/v2/users/*/deactivate", "deactivateUser"],
  ["POST", "/v2/users/*/reactivate", "reactivateUser"],
  ["POST", "/v2/users/*/lock", "lockUser"],
  ["POST", "/v2/users/*/unlock", "unlockUser"],
  ["DELETE", "/v2/users/*", "deleteUser"],
];

const OTHER_PATHS = [
  "/",
  "/verify",
  "/verify?code=ABC234&userId=1&orgId=1",
  "/verify?code=%ff&userId[]=1",
  "/inbox",
  "/inbox?page=-1",
  "/openapi.json",
  "/healthz",
  "/readyz",
  "/metrics",
  "/favicon.ico",
  "//",
  "//[",
  "/%",
  "/%ff%00",
  "/v2/users/%zz",
  "/v2/users//email",
  "/v2/users/../../etc",
  "/zitadel.user.v2.UserService/",
  "/zitadel.user.v2.UserService/NoSuchThing",
  "/no.such.Service/Call",
  "/?a=b?c=d#e",
  `/${"a".repeat(3_000)}`,
];
const VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const IDS = [
  "nobody",
  "%20",
  "%2F",
  "%25",
  "%00",
  "%ff",
  "%E2%82%AC",
  "%",
  "%zz",
  "..",
  "a%2fb",
  "0",
  "x".repeat(201),
];

/** Binary formats, framed or not. */
const GRPC_TYPES = ["application/grpc", "application/grpc+proto"];
const GRPC_WEB_TYPES = ["application/grpc-web", "application/grpc-web+proto"];
const GRPC_JSON_TYPES = ["application/grpc+json", "application/grpc-web+json"];
const TEXT_TYPES = ["application/grpc-web-text", "application/grpc-web-text+proto"];
const ODD_TYPES = [
  "",
  "text/plain",
  "application/JSON; charset=utf-8",
  "application/json;",
  "Application/gRPC",
  "application/grpc;a=b",
  "application/connect+json",
  "application/connect+proto",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "\u00e5/\u00ff",
  ";",
  "application/grpc".repeat(50),
];

/** Values that a header may have on the wire. */
const HEADERS: readonly (readonly [name: string, values: readonly string[]])[] = [
  [
    "authorization",
    ["", "Bearer", "Bearer ", "bearer x", "Basic YTpi", "Bearer \u00e5", `Bearer ${"x".repeat(9_000)}`],
  ],
  ["grpc-timeout", ["5S", "0n", "1n", "1m", "99999999H", "123456789S", "S", "-1S", "1.5S", "\u00e5"]],
  ["connect-timeout-ms", ["0", "1", "5000", "9999999999", "99999999999", "-1", "x", ""]],
  ["grpc-encoding", ["identity", "gzip", "br", "snappy", "", "gzip,gzip"]],
  ["content-encoding", ["identity", "gzip", "br", "deflate", "", "gzip, br"]],
  ["grpc-accept-encoding", ["gzip", "identity", "snappy,br", ",,,", ""]],
  ["accept-encoding", ["gzip", "br", "*", "gzip;q=0", "identity;q=0"]],
  ["connect-protocol-version", ["1", "2", "", "x"]],
  ["x-request-id", ["a", "a b", "x".repeat(129), "\u00e5", "%0d%0a"]],
  ["x-zitadel-orgid", ["1", "", "' OR 1=1", "\u00e5"]],
  ["traceparent", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0-0-0", "ff", "\u00e5"]],
  ["origin", ["http://localhost:3000", "null", "http://[", "https://example.com"]],
  ["access-control-request-method", ["POST", "x", ""]],
  ["access-control-request-headers", ["content-type,x-grpc-web", "*", ",,"]],
  ["accept", ["application/json", "*/*;q=9", ""]],
  ["te", ["trailers", ""]],
  ["cookie", ["a=b", "=;=;"]],
  ["x-forwarded-for", ["127.0.0.1", "unknown, [::1]", ","]],
  ["x-forwarded-proto", ["https", "x"]],
  ["if-none-match", ["*", '"x"']],
  ["range", ["bytes=0-0", "x"]],
];

export function randomRequest(random: Random, setting: Setting): FuzzedRequest {
  const request = random.chance(0.05) ? otherRequest(random) : apiRequest(random, setting);
  const headers = new Map<string, string>([["authorization", `Bearer ${setting.token}`], ...request.headers]);
  while (random.chance(0.3)) {
    const [name, values] = random.pick(HEADERS);
    headers.set(name, random.pick(values));
  }
  if (random.chance(0.05)) headers.delete(random.pick(["authorization", "content-type"]));
  return { ...request, headers: [...headers] };
}

function otherRequest(random: Random): FuzzedRequest {
  const verb = random.pick(VERBS);
  const body =
    verb === "GET" || verb === "HEAD"
      ? Buffer.alloc(0)
      : random.pick([
          Buffer.alloc(0),
          Buffer.from("userId=1&code=ABC234"),
          Buffer.from("code=%ff&&=&userId"),
          random.bytes(50),
        ]);
  const headers = [
    ["content-type", random.pick(["application/x-www-form-urlencoded", ...ODD_TYPES])],
  ] as const;
  return { verb, path: random.pick(OTHER_PATHS), headers, body };
}

function apiRequest(random: Random, setting: Setting): FuzzedRequest {
  const isRest = random.chance(0.35);
  const [verb, path, input] = isRest
    ? restTarget(random, setting)
    : (["POST", ...random.pick(RPCS)] as const);
  const contentType = random.chance(0.04)
    ? random.pick(ODD_TYPES)
    : random.pick(
        isRest
          ? ["application/json", "application/json", "application/json", ...GRPC_TYPES, ...GRPC_WEB_TYPES]
          : [
              "application/json",
              "application/json",
              "application/proto",
              "application/proto",
              ...GRPC_TYPES,
              ...GRPC_WEB_TYPES,
              ...GRPC_JSON_TYPES,
              ...TEXT_TYPES,
            ],
      );
  const isJson = contentType.includes("json");
  const isFramed = contentType.includes("grpc");
  const valid = random.chance(VALID_PROBABILITY) ? validMessage(input, setting) : undefined;
  const message = isJson
    ? jsonBody(input, valid, random, setting)
    : binaryBody(input, valid, random, setting);
  const headers: [string, string][] = [["content-type", contentType]];
  if (isFramed && !contentType.includes("web")) headers.push(["te", "trailers"]);
  const body = isFramed ? framed(message, random, headers) : plain(message, random, headers);
  return {
    verb: random.chance(0.02) ? random.pick(VERBS) : verb,
    path: random.chance(0.1) ? `${path}?${randomQuery(random)}` : path,
    headers,
    body: contentType.includes("-text") && random.chance(0.95) ? Buffer.from(body.toString("base64")) : body,
  };
}

function restTarget(
  random: Random,
  { userIds }: Setting,
): readonly [verb: string, path: string, input: DescMessage] {
  const [verb, template, method] = random.pick(REST_ROUTES);
  const id = random.chance(0.7) ? encodeURIComponent(random.pick(userIds)) : random.pick(IDS);
  return [verb, template.replace("*", id), UserService.method[method].input];
}

function randomQuery(random: Random): string {
  const pairs = [
    "userId=1",
    "user_id=%00",
    "query.limit=5",
    "query.limit=x",
    "queries=1",
    "returnCode=",
    "a",
    "=",
    "%ff=%",
  ];
  return Array.from({ length: 1 + random.below(4) }, () => random.pick(pairs)).join("&");
}

const JSON_PIECES = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  '"',
  "\\u0000",
  "1e999",
  '{"a":',
  "/**/",
  "\ufeff",
  "true",
];

/** Of requests that are right but for a change or none: they get further than those that are all chance. */
const VALID_PROBABILITY = 0.5;

function validMessage(input: DescMessage, setting: Setting): JsonObject | undefined {
  const method = UserService.methods.find((candidate) => candidate.input === input);
  return method === undefined ? undefined : setting.validMessage(method.name);
}

function binaryBody(
  input: DescMessage,
  valid: JsonObject | undefined,
  random: Random,
  setting: Setting,
): Buffer {
  const message =
    valid === undefined
      ? randomProtobuf(input, random, setting)
      : Buffer.from(toBinary(input, fromJson(input, valid)));
  return maybeMutated(message, random);
}

function jsonBody(
  input: DescMessage,
  valid: JsonObject | undefined,
  random: Random,
  setting: Setting,
): Buffer {
  if (random.chance(0.01)) {
    const depth = random.pick([100, 1_000, 10_000]);
    return Buffer.from(
      random.pick([
        "[".repeat(depth),
        '{"queries":['.repeat(depth),
        `{"queries":[${'{"notQuery":{"query":'.repeat(depth)}{}${"}}".repeat(depth)}]}`,
      ]),
    );
  }
  const text = JSON.stringify(valid ?? randomJson(input, random, setting));
  if (random.chance(0.15)) {
    const at = random.below(text.length + 1);
    return Buffer.from(text.slice(0, at) + random.pick(JSON_PIECES) + text.slice(at + random.below(3)));
  }
  return maybeMutated(Buffer.from(text), random);
}

function maybeMutated(bytes: Buffer, random: Random): Buffer {
  return random.chance(0.35) ? mutate(bytes, random) : bytes;
}

function compressed(bytes: Buffer, encoding: string, random: Random): Buffer {
  const right = encoding === "gzip" ? gzipSync(bytes) : brotliCompressSync(bytes);
  return random.chance(0.4) ? mutate(right, random) : right;
}

function plain(message: Buffer, random: Random, headers: [string, string][]): Buffer {
  if (!random.chance(0.06)) return message;
  const encoding = random.pick(["gzip", "br"]);
  headers.push(["content-encoding", encoding]);
  return compressed(message, encoding, random);
}

function framed(message: Buffer, random: Random, headers: [string, string][]): Buffer {
  let flags = 0;
  let content = message;
  if (random.chance(0.06)) {
    const encoding = random.pick(["gzip", "br"]);
    headers.push(["grpc-encoding", encoding]);
    content = compressed(message, encoding, random);
    flags = random.chance(0.8) ? 1 : 0;
  }
  if (random.chance(0.03)) flags = random.below(256);
  const frame = Buffer.concat([Buffer.from([flags, 0, 0, 0, 0]), content]);
  frame.writeUInt32BE(random.chance(0.03) ? random.below(0xffff_ffff) : content.length, 1);
  const body = random.chance(0.03) ? Buffer.concat([frame, frame]) : frame;
  return random.chance(0.12) ? mutate(body, random) : body;
}
