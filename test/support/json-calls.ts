// Calls with JSON for messages, over any transport or REST, and how they are refused.
import {
  fromJson,
  toJson,
  type DescMethodUnary,
  type DescService,
  type JsonObject,
} from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

export class Refused extends Error {
  /** gRPC's number. */
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** `code REASON`, or "ok". */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "ok";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return `${error.code} ${error.reason}`;
  }
}

/** Calls with JSON for messages. @throws Refused */
export async function askOverRpc(
  transport: Transport,
  method: DescMethodUnary,
  request: JsonObject,
  headers: Readonly<Record<string, string>>,
): Promise<JsonObject> {
  try {
    const input = fromJson(method.input, request);
    const answer = await transport.unary(method, undefined, 10_000, headers, input);
    return toJson(method.output, answer.message) as JsonObject;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    const [info] = error.findDetails(ErrorInfoSchema);
    throw new Refused(error.code, info?.reason ?? "", error.rawMessage);
  }
}

interface RestStatus {
  readonly code: number;
  readonly message: string;
  readonly details?: readonly { readonly "@type": string; readonly reason?: string }[];
}

/** @throws Refused */
export async function readRestAnswer(response: Response): Promise<JsonObject> {
  const answer: unknown = await response.json();
  if (response.ok) return answer as JsonObject;
  const { code, message, details = [] } = answer as RestStatus;
  const info = details.find((detail) => detail["@type"].endsWith("google.rpc.ErrorInfo"));
  throw new Refused(code, info?.reason ?? "", message);
}

/** @throws Error where the service has no such method */
export function unaryMethod(service: DescService, name: string): DescMethodUnary {
  const method = service.methods.find((each) => each.name === name);
  if (method?.methodKind !== "unary") throw new Error(`${service.typeName} has no unary method ${name}`);
  return method as DescMethodUnary;
}

/** Each value of a list is a pair of its own. */
export function queryText(request: JsonObject): string {
  const pairs = Object.entries(request).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map(
      (each) => [name, typeof each === "string" ? each : JSON.stringify(each)] as [string, string],
    ),
  );
  return new URLSearchParams(pairs).toString();
}
