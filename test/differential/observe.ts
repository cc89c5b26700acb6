// An answer as flat facts: what the protocol fixes byte for byte as bytes, the rest decoded.
import { fromBinary, toJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import type { RawAnswer } from "../support/raw-http.ts";
import { detailJson, splitFrames, type MethodName } from "../support/wire-formats.ts";

/** Facts by name; what is absent was not in the answer. */
export type Observation = ReadonlyMap<string, unknown>;

/** How the bytes are cut, when they were sent, whether the connection stays: HTTP's business, and no call's. */
const FRAMING_HEADERS = new Set([
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "trailer",
  "transfer-encoding",
]);
const PUSHBACK_FIELD = "grpc-retry-pushback-ms";
const STATUS_FIELDS = ["grpc-status", "grpc-message", "grpc-status-details-bin", PUSHBACK_FIELD];
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

/** @throws Error when what should be frames, JSON or a message is not */
export function observe(method: MethodName, answer: RawAnswer): Observation {
  const facts = new Map<string, unknown>([["status", answer.status]]);
  for (const [name, value] of Object.entries(answer.headers)) {
    if (FRAMING_HEADERS.has(name) || STATUS_FIELDS.includes(name)) continue;
    facts.set(`header ${name}`, name === "x-request-id" ? withoutChance(value) : value);
  }
  for (const [name, value] of Object.entries(answer.trailers)) {
    if (!STATUS_FIELDS.includes(name)) facts.set(`trailer ${name}`, value);
  }
  observeBody(facts, method, answer);
  return facts;
}

/** Ids that the servers made themselves differ. */
function withoutChance(requestId: string): string {
  return UUID.test(requestId) ? "a new one" : requestId;
}

function observeBody(facts: Map<string, unknown>, method: MethodName, answer: RawAnswer): void {
  const contentType = answer.headers["content-type"] ?? "";
  const body = decompress(answer.body, answer.headers["content-encoding"]);
  if (contentType.startsWith("application/grpc-web-text")) {
    observeGrpcWeb(facts, method, answer, fromBase64(body));
  } else if (contentType.startsWith("application/grpc-web")) observeGrpcWeb(facts, method, answer, body);
  else if (contentType.startsWith("application/grpc")) observeGrpc(facts, method, answer, body);
  else if (contentType === "application/proto") observeMessage(facts, method, body);
  else if (contentType.startsWith("application/json")) observeJson(facts, answer.status, body);
  else facts.set("body", body.toString("latin1"));
}

/** @throws Error for anything but one base64 text */
export function fromBase64(body: Buffer): Buffer {
  const bytes = Buffer.from(body.toString("latin1"), "base64");
  if (bytes.toString("base64") !== body.toString("latin1")) throw new Error("the body is not base64");
  return bytes;
}

function observeGrpc(facts: Map<string, unknown>, method: MethodName, answer: RawAnswer, body: Buffer): void {
  const isTrailersOnly = "grpc-status" in answer.headers;
  facts.set("status is in", isTrailersOnly ? "the headers" : "the trailers");
  observeStatus(facts, isTrailersOnly ? answer.headers : answer.trailers);
  observeFrames(facts, method, answer, splitFrames(body));
}

function observeGrpcWeb(
  facts: Map<string, unknown>,
  method: MethodName,
  answer: RawAnswer,
  body: Buffer,
): void {
  const frames = splitFrames(body);
  const last = frames.at(-1);
  if (last !== undefined && (last.flags & 0x80) !== 0) {
    facts.set("status is in", "the body");
    const trailers = parseTrailers(last.bytes.toString("latin1"));
    observeStatus(facts, trailers);
    for (const [name, value] of Object.entries(trailers)) {
      if (!STATUS_FIELDS.includes(name)) facts.set(`trailer ${name}`, value);
    }
    frames.pop();
  } else {
    facts.set("status is in", "the headers");
    observeStatus(facts, answer.headers);
  }
  observeFrames(facts, method, answer, frames);
}

function observeFrames(
  facts: Map<string, unknown>,
  method: MethodName,
  { headers }: RawAnswer,
  frames: ReturnType<typeof splitFrames>,
): void {
  facts.set("frames", frames.length);
  for (const { flags, bytes } of frames) {
    const isCompressed = (flags & 1) !== 0;
    facts.set("flags", flags);
    const message = isCompressed ? decompress(bytes, headers["grpc-encoding"]) : bytes;
    if (headers["content-type"]?.endsWith("+json") === true)
      facts.set("message", JSON.parse(String(message)));
    else observeMessage(facts, method, message);
  }
}

function observeMessage(facts: Map<string, unknown>, method: MethodName, bytes: Buffer): void {
  facts.set("bytes", bytes.toString("hex"));
  const schema = UserService.methods.find(({ name }) => name === method)?.output;
  if (schema !== undefined) facts.set("message", toJson(schema, fromBinary(schema, bytes)));
}

function observeStatus(facts: Map<string, unknown>, fields: Readonly<Record<string, string>>): void {
  const details = fields["grpc-status-details-bin"];
  facts.set("code", Number(fields["grpc-status"]));
  facts.set("text", decodeURIComponent(fields["grpc-message"] ?? ""));
  facts.set("pushback", fields[PUSHBACK_FIELD]);
  if (details === undefined) return;
  const { code, message, details: packed } = fromBinary(StatusSchema, Buffer.from(details, "base64"));
  facts.set("code in the details", code);
  facts.set("text in the details", message);
  facts.set(
    "details",
    packed.map(({ typeUrl, value }) => {
      const { requestId, ...rest } = detailJson(typeUrl, value);
      return {
        typeUrl,
        ...rest,
        ...(requestId !== undefined && { requestId: withoutChance(requestId as string) }),
      };
    }),
  );
}

interface ErrorJson {
  readonly code: string | number;
  readonly message?: string;
  readonly details?: readonly JsonObject[];
}

function observeJson(facts: Map<string, unknown>, status: number, body: Buffer): void {
  // HEAD has the headers of GET and no body.
  if (body.length === 0) return;
  const json = JSON.parse(body.toString()) as JsonValue;
  if (status === 200) {
    facts.set("message", json);
    return;
  }
  const { code, message, details = [], ...rest } = json as unknown as ErrorJson;
  facts.set("code", code);
  facts.set("text", message);
  facts.set("rest of the error", rest);
  facts.set(
    "details",
    details.map(({ type, value, ...detail }) =>
      typeof type === "string" && typeof value === "string"
        ? { ...detailJson(type, Buffer.from(value, "base64")), ...detail }
        : { type, value, ...detail },
    ),
  );
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

function decompress(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === "gzip") return gunzipSync(body);
  return encoding === "br" ? brotliDecompressSync(body) : body;
}
