// countersign.v1.DeliveryService in four formats: a call's name and its request as JSON give an answer as JSON. The
// formats of RPC are connect's own clients; REST is written out.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import type { TestApplication } from "./application.ts";
import { askOverRpc, queryText, readRestAnswer, unaryMethod } from "./json-calls.ts";

export type DeliveryMethod = (typeof DeliveryService.methods)[number]["name"];

export type Headers = Readonly<Record<string, string>>;

/** @throws Refused */
export type Ask = (method: DeliveryMethod, request: JsonObject, headers?: Headers) => Promise<JsonObject>;

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
    return readRestAnswer(response);
  };
}

type RestRoute = readonly [verb: string, path: string];

function restRoute(method: DeliveryMethod, request: JsonObject): RestRoute {
  const base = "/countersign/v1";
  const id = encodeURIComponent(textOf(request["deliveryId"]));
  const { address, ...rest } = request;
  const routes: Readonly<Record<string, RestRoute>> = {
    ListDeliveries: ["GET", `${base}/deliveries?${queryText(request)}`],
    GetDelivery: ["GET", `${base}/deliveries/${id}`],
    RetryDelivery: ["POST", `${base}/deliveries/${id}/retry`],
    CancelDelivery: ["POST", `${base}/deliveries/${id}/cancel`],
    SendTestMail: ["POST", `${base}/deliveries/test`],
    ReportBounce: ["POST", `${base}/bounces`],
    ListSuppressions: ["GET", `${base}/suppressions?${queryText(request)}`],
    RemoveSuppression: [
      "DELETE",
      `${base}/suppressions/${encodeURIComponent(textOf(address))}?${queryText(rest)}`,
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

function overRpc(transport: Transport, token: string): Ask {
  return (name, request, headers = {}) =>
    askOverRpc(transport, unaryMethod(DeliveryService, name), request, {
      authorization: `Bearer ${token}`,
      ...headers,
    });
}
