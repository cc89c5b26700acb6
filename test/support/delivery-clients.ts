// countersign.v1.DeliveryService in four formats: a call's name and its request as JSON give an answer as JSON. The
// formats of RPC are connect's own clients; REST is written out.
import { fromJson, toJson, type DescMethodUnary, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { ConnectError, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { TestApplication } from "./application.ts";

export type DeliveryMethod = (typeof DeliveryService.methods)[number]["name"];

export type Headers = Readonly<Record<string, string>>;

/** @throws Refused */
export type Ask = (method: DeliveryMethod, request: JsonObject, headers?: Headers) => Promise<JsonObject>;

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

export const deliveryFormats: readonly (readonly [name: string, make: (of: TestApplication) => Ask])[] = [
  ["gRPC", ({ url, token }) => overRpc(createGrpcTransport({ baseUrl: url }), token)],
  [
    "gRPC-Web",
    ({ url, token }) => overRpc(createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" }), token),
  ],
  [
    "Connect",
    ({ url, token }) =>
      overRpc(createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat: false }), token),
  ],
  ["REST", ({ url, token }) => overRest(url, token)],
];

/** @param token of the caller */
export function overRest(url: string, token: string): Ask {
  return async (method, request, headers = {}) => {
    const [verb, path] = restRoute(method, request);
    const response = await fetch(url + path, {
      method: verb,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      ...(verb === "POST" && { body: JSON.stringify(request) }),
    });
    const answer: unknown = await response.json();
    if (response.ok) return answer as JsonObject;
    const { code, message, details } = answer as RestStatus;
    const info = details.find((detail) => detail["@type"].endsWith("google.rpc.ErrorInfo"));
    throw new Refused(code, info?.reason ?? "", message);
  };
}

interface RestStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly "@type": string; readonly reason?: string }[];
}

type RestRoute = readonly [verb: string, path: string];

function restRoute(method: DeliveryMethod, request: JsonObject): RestRoute {
  const base = "/countersign/v1";
  const id = encodeURIComponent(textOf(request["deliveryId"]));
  const { address, ...rest } = request;
  const routes: Readonly<Record<string, RestRoute>> = {
    ListDeliveries: ["GET", `${base}/deliveries?${query(request)}`],
    GetDelivery: ["GET", `${base}/deliveries/${id}`],
    RetryDelivery: ["POST", `${base}/deliveries/${id}/retry`],
    CancelDelivery: ["POST", `${base}/deliveries/${id}/cancel`],
    SendTestMail: ["POST", `${base}/deliveries/test`],
    ReportBounce: ["POST", `${base}/bounces`],
    ListSuppressions: ["GET", `${base}/suppressions?${query(request)}`],
    RemoveSuppression: [
      "DELETE",
      `${base}/suppressions/${encodeURIComponent(textOf(address))}?${query(rest)}`,
    ],
  };
  const route = routes[method];
  if (route === undefined) throw new Error(`no REST path of ${method}`);
  return route;
}

/** Of a string, a number or nothing. */
function textOf(value: JsonValue | undefined): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value);
}

function query(request: JsonObject): string {
  const pairs = Object.entries(request).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => [name, textOf(each)] as [string, string]),
  );
  return new URLSearchParams(pairs).toString();
}

function overRpc(transport: Transport, token: string): Ask {
  return async (name, request, headers = {}) => {
    const method = DeliveryService.methods.find((each) => each.name === name) as DescMethodUnary;
    const all = { authorization: `Bearer ${token}`, ...headers };
    try {
      const input = fromJson(method.input, request);
      const answer = await transport.unary(method, undefined, 10_000, all, input);
      return toJson(method.output, answer.message) as JsonObject;
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      const [info] = error.findDetails(ErrorInfoSchema);
      throw new Refused(error.code, info?.reason ?? "", error.rawMessage);
    }
  };
}
