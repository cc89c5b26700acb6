/**
 * google.api.http rules as a table of routes, made from the descriptors at start-up (google/api/http.proto).
 *
 * Everything that a rule can get wrong is found here, before a request comes: templates, fields that do not exist or that
 * no URL can hold, and two rules for the same requests all stop the start.
 */
import {
  getOption,
  hasOption,
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  type DescService,
} from "@bufbuild/protobuf";
import { http as httpOption } from "../../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../gen/google/api/http_pb.ts";
import { options as methodOptions } from "../../gen/zitadel/protoc_gen_zitadel/v2/options_pb.ts";
import type { Binding } from "../rpc/call.ts";
import { fieldPathName } from "../rpc/text-values.ts";
import { parsePathTemplate, variableValue, type PathTemplate } from "./path-template.ts";
import { RouteTree } from "./route-tree.ts";

/** How the messages of a method lie in an HTTP request and its answer. */
export interface HttpMapping {
  /** What the request's body holds: the whole message, one field, or nothing. */
  readonly body: "message" | DescField | undefined;
  /** Field paths that the URL's path holds, in the order of the template. */
  readonly pathFields: readonly (readonly DescField[])[];
  /** What the answer's body holds. */
  readonly responseBody: "message" | DescField;
  /** HTTP status of an answer that is no error. */
  readonly successStatus: number;
}

/** At a procedure's own path: messages are the bodies. */
export const PROCEDURE_MAPPING: HttpMapping = {
  body: "message",
  pathFields: [],
  responseBody: "message",
  successStatus: 200,
};

export interface Route extends HttpMapping {
  /** The HTTP method; ANY_METHOD for every one. */
  readonly verb: string;
  readonly template: PathTemplate;
  readonly method: DescMethodUnary;
}

export type RouteMatch =
  | { readonly kind: "found"; readonly route: Route; readonly bindings: readonly Binding[] }
  /** The path is known under other verbs only. */
  | { readonly kind: "otherVerbs"; readonly verbs: readonly string[] }
  | { readonly kind: "malformed" }
  | { readonly kind: "unknown" };

export class RouteTable {
  /** In the order of their declaration. */
  readonly routes: readonly Route[];
  readonly #tree = new RouteTree<Route>();

  /** @throws Error for a rule that cannot be obeyed, or that takes the requests of another */
  constructor(services: readonly DescService[]) {
    this.routes = services.flatMap((service) => service.methods.flatMap(routesOf));
    for (const route of this.routes) {
      const other = this.#tree.add(route.verb, route.template, route);
      if (other !== undefined) throw problem(route.method, `${shown(route)} collides with ${shown(other)}`);
    }
  }

  /** @param path of a request, without the query */
  match(verb: string, path: string): RouteMatch {
    const match = this.#tree.find(verb, path);
    if (match.value === undefined) return missOf(match.methods);
    const { value: route, segments } = match;
    const bindings: Binding[] = [];
    for (const [index, variable] of route.template.variables.entries()) {
      const value = variableValue(route.template, variable, segments);
      if (value === undefined) return { kind: "malformed" };
      bindings.push({ fields: route.pathFields[index] ?? [], value });
    }
    return { kind: "found", route, bindings };
  }
}

function missOf(methods: readonly string[]): RouteMatch {
  if (methods.length === 0) return { kind: "unknown" };
  const verbs = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return { kind: "otherVerbs", verbs: [...new Set(verbs)] };
}

function routesOf(method: DescMethod): Route[] {
  if (!hasOption(method, httpOption)) return [];
  if (!isUnary(method)) throw problem(method, "streams have no place in REST");
  const rule = getOption(method, httpOption);
  return [rule, ...rule.additionalBindings].map((each, index) => {
    if (index > 0 && each.additionalBindings.length > 0) {
      throw problem(method, "additional_bindings are nested");
    }
    return compileRule(method, each);
  });
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function compileRule(method: DescMethodUnary, rule: HttpRule): Route {
  const { pattern } = rule;
  if (pattern.case === undefined) throw problem(method, "there is no pattern");
  const [verb, text] =
    pattern.case === "custom"
      ? [pattern.value.kind, pattern.value.path]
      : [pattern.case.toUpperCase(), pattern.value];
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(verb)) throw problem(method, `"${verb}" is no HTTP method`);
  const template = parseTemplate(method, text);
  const pathFields = template.variables.map(({ fieldPath }) => variableField(method, fieldPath));
  const body = rule.body === "*" ? "message" : fieldOf(method, method.input, rule.body, "body");
  const bound = pathFields.map(fieldPathName);
  const twice = bound.find((name, index) => bound.indexOf(name) !== index || name === rule.body);
  if (twice !== undefined) throw problem(method, `${twice} is bound twice`);
  if (body !== undefined && (verb === "GET" || verb === "HEAD")) throw problem(method, `${verb} has no body`);
  return {
    verb,
    template,
    method,
    body,
    pathFields,
    responseBody: fieldOf(method, method.output, rule.responseBody, "response_body") ?? "message",
    successStatus: successStatusOf(method),
  };
}

function parseTemplate(method: DescMethod, text: string): PathTemplate {
  try {
    return parsePathTemplate(text);
  } catch (error) {
    throw problem(method, error instanceof Error ? error.message : String(error));
  }
}

/** Path variables are single values, in the message or in messages of it. */
function variableField(method: DescMethod, names: readonly string[]): readonly DescField[] {
  const fields: DescField[] = [];
  let message: DescMessage | undefined = method.input;
  for (const name of names) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw problem(method, `there is no field ${names.join(".")}`);
    fields.push(field);
    message = field.fieldKind === "message" ? field.message : undefined;
  }
  const last = fields.at(-1);
  if (last?.fieldKind !== "scalar" && last?.fieldKind !== "enum") {
    throw problem(method, `the field ${names.join(".")} is no single value, which a path could hold`);
  }
  return fields;
}

function fieldOf(
  method: DescMethod,
  message: DescMessage,
  name: string,
  what: "body" | "response_body",
): DescField | undefined {
  if (name === "") return undefined;
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw problem(method, `${what}: ${message.typeName} has no field ${name}`);
  return field;
}

function successStatusOf(method: DescMethod): number {
  const declared = hasOption(method, methodOptions)
    ? getOption(method, methodOptions).httpResponse
    : undefined;
  const status = declared?.successCode ?? 0;
  if (status === 0) return 200;
  if (status < 200 || status > 299) throw problem(method, `the success code ${status} is none`);
  return status;
}

function shown({ verb, template, method }: Route): string {
  return `${verb} ${template.text} (${method.name})`;
}

function problem({ parent, name }: DescMethod, what: string): Error {
  return new Error(`google.api.http of ${parent.typeName}.${name}: ${what}`);
}
