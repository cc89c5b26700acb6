// Clients of any of our services, in gRPC and in REST, which reads its paths off the contract.
import { getOption, type DescMethodUnary, type DescService, type JsonObject } from "@bufbuild/protobuf";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { askOverRpc, queryText, readRestAnswer, unaryMethod } from "./json-calls.ts";

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
    ask(token, name, request, headers = {}) {
      const all = { ...(token !== "" && { authorization: `Bearer ${token}` }), ...headers };
      return askOverRpc(transport, unaryMethod(service, name), request, all);
    },
    close: () => sessionManager.abort(),
  };
}

export function openRest(url: string, service: DescService): ServiceClient {
  return {
    async ask(token, name, request, headers = {}) {
      const { verb, path, query, body } = restCall(unaryMethod(service, name), request);
      const response = await fetch(`${url}${path}${query === "" ? "" : `?${query}`}`, {
        method: verb,
        headers: {
          ...(token !== "" && { authorization: `Bearer ${token}` }),
          "content-type": "application/json",
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return readRestAnswer(response);
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
  return { verb, path, query: queryText(rest), body: undefined };
}
