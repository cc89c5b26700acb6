// Clients of any of our services, in gRPC and in REST, which reads its paths off the contract.
import {
  fromJson,
  getOption,
  toJson,
  type DescMethodUnary,
  type DescService,
  type JsonObject,
  type JsonValue,
} from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Refused } from "./delivery-clients.ts";

/** @param token of the caller; "" for none */
export type Ask = (
  token: string,
  method: string,
  request: JsonObject,
  headers?: Readonly<Record<string, string>>,
) => Promise<JsonObject>;

export interface ServiceClient {
  readonly ask: Ask;
  close(): void;
}

export type OpenClient = (url: string, service: DescService) => ServiceClient;

export const clientFormats: readonly (readonly [name: string, open: OpenClient])[] = [
  ["gRPC", openGrpc],
  ["REST", openRest],
];

export function openGrpc(url: string, service: DescService): ServiceClient {
  const sessionManager = new Http2SessionManager(url);
  const transport = createGrpcTransport({ baseUrl: url, sessionManager });
  return {
    async ask(token, name, request, headers = {}) {
      const method = methodOf(service, name);
      const all = { ...(token !== "" && { authorization: `Bearer ${token}` }), ...headers };
      try {
        const input = fromJson(method.input, request);
        const answer = await transport.unary(method, undefined, 10_000, all, input);
        return toJson(method.output, answer.message) as JsonObject;
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error;
        const [info] = error.findDetails(ErrorInfoSchema);
        throw new Refused(error.code, info?.reason ?? "", error.rawMessage);
      }
    },
    close: () => sessionManager.abort(),
  };
}

interface RestStatus {
  readonly code: number;
  readonly message: string;
  readonly details?: readonly { readonly "@type": string; readonly reason?: string }[];
}

export function openRest(url: string, service: DescService): ServiceClient {
  return {
    async ask(token, name, request, headers = {}) {
      const { verb, path, query, body } = restCall(methodOf(service, name), request);
      const response = await fetch(`${url}${path}${query === "" ? "" : `?${query}`}`, {
        method: verb,
        headers: {
          ...(token !== "" && { authorization: `Bearer ${token}` }),
          "content-type": "application/json",
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const answer: unknown = await response.json();
      if (response.ok) return answer as JsonObject;
      const { code, message, details = [] } = answer as RestStatus;
      const info = details.find((detail) => detail["@type"].endsWith("google.rpc.ErrorInfo"));
      throw new Refused(code, info?.reason ?? "", message);
    },
    close: () => {},
  };
}

/** By the method's first binding. */
function restCall(method: DescMethodUnary, request: JsonObject) {
  const { pattern, body: bodyField } = getOption(method, http);
  const rest = { ...request };
  if (pattern.case === undefined || pattern.case === "custom") throw new Error(`no path of ${method.name}`);
  const path = pattern.value.replaceAll(/\{(\w+)\}/g, (_all, field: string) => {
    const name = method.input.fields.find((each) => each.name === field)?.jsonName ?? field;
    const value = rest[name];
    delete rest[name];
    return encodeURIComponent(typeof value === "string" ? value : "");
  });
  const verb = pattern.case.toUpperCase();
  if (bodyField === "*") return { verb, path, query: "", body: rest };
  if (bodyField !== "") return { verb, path, query: "", body: rest[bodyField] ?? {} };
  return { verb, path, query: queryOf(rest), body: undefined };
}

function queryOf(request: JsonObject): string {
  const text = (value: JsonValue) => (typeof value === "string" ? value : JSON.stringify(value));
  const pairs = Object.entries(request).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => [name, text(each)] as [string, string]),
  );
  return new URLSearchParams(pairs).toString();
}

function methodOf(service: DescService, name: string): DescMethodUnary {
  const method = service.methods.find((each) => each.name === name);
  if (method?.methodKind !== "unary") throw new Error(`${service.typeName} has no unary method ${name}`);
  return method as DescMethodUnary;
}
