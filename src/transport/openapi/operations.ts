/** Paths and operations of the document: one operation for each route. */
import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { takesIdempotencyKey } from "../../rpc/idempotency.ts";
import { hasText } from "../../rpc/text-values.ts";
import type { Route } from "../http-rules.ts";
import type { PathTemplate, TemplateSegment } from "../path-template.ts";
import { ANY_METHOD } from "../route-tree.ts";
import { isBound } from "../unary/rest-query.ts";
import { errorResponses } from "./errors.ts";
import { callExamples, type CallExample } from "./examples.ts";
import { commentOf, described, type SchemaCatalogue } from "./schemas.ts";

/** The HTTP methods that OpenAPI has a place for. */
const VERBS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

export interface OperationOptions {
  readonly schemas: SchemaCatalogue;
  /** Whether the call works without a token. */
  readonly isOpen: (route: Route) => boolean;
}

interface PathParameter {
  readonly name: string;
  readonly fields: readonly DescField[];
  /** What stands in the path for it. */
  readonly pattern: readonly TemplateSegment[];
}

interface DocumentedPath {
  readonly text: string;
  readonly names: readonly string[];
  readonly operations: JsonObject;
}

/** @returns `paths` */
export function describePaths(routes: readonly Route[], options: OperationOptions): JsonObject {
  // Paths that differ in the names of their variables alone are one path to OpenAPI.
  const paths = new Map<string, DocumentedPath>();
  const bindings = new Map<string, number>();
  for (const route of routes) {
    const parameters = pathParametersOf(route);
    const shape = renderPath(route.template, parameters, () => "");
    const path = paths.get(shape) ?? {
      text: renderPath(route.template, parameters, ({ name }) => name),
      names: parameters.map(({ name }) => name),
      operations: {},
    };
    paths.set(shape, path);
    const { method } = route;
    const operation = `${method.parent.name}_${method.name}`;
    const count = (bindings.get(operation) ?? 0) + 1;
    bindings.set(operation, count);
    const named = parameters.map((parameter, index) => ({
      ...parameter,
      name: path.names[index] ?? parameter.name,
    }));
    for (const verb of verbsOf(route)) {
      const operationId = count === 1 ? operation : `${operation}${count}`;
      path.operations[verb] = { operationId, ...describeOperation(route, named, options) };
    }
  }
  return Object.fromEntries([...paths.values()].map(({ text, operations }) => [text, operations]));
}

/** A route for any method is shown under POST, which always works; other verbs have no place in the document. */
function verbsOf({ verb }: Route): readonly string[] {
  return verb === ANY_METHOD ? ["post"] : VERBS.filter((known) => known === verb.toLowerCase());
}

function describeOperation(
  route: Route,
  pathParameters: readonly PathParameter[],
  { schemas, isOpen }: OperationOptions,
): JsonObject {
  const { method, successStatus } = route;
  const name = `${method.parent.typeName}.${method.name}`;
  const examples = Object.hasOwn(callExamples, name) ? (callExamples[name] ?? {}) : {};
  const body = bodyOf(route, schemas, examples);
  return {
    tags: [method.parent.name],
    ...summaryOf(name),
    parameters: [
      ...pathParameters.map((parameter) => describePathParameter(parameter, schemas, examples)),
      ...queryFields(method.input, route).map((fields) => describeQueryParameter(fields, schemas, examples)),
      ...headersOf(route).map((common) => ({ $ref: `#/components/parameters/${common}` })),
    ],
    ...(body !== undefined && { requestBody: body }),
    responses: { [String(successStatus)]: successOf(route, schemas, examples), ...errorResponses() },
    ...(isOpen(route) && { security: [{}, { bearer: [] }] }),
    ...(method.proto.options?.deprecated === true && { deprecated: true }),
  };
}

type Examples = Readonly<Record<string, CallExample>>;

/** The first sentence is the summary. */
function summaryOf(name: string): JsonObject {
  const comment = commentOf(name);
  if (comment === undefined) return {};
  const [summary = ""] = /^.*?[.](?=\s|$)/s.exec(comment) ?? [comment];
  return { summary: summary.replace(/[.]$/, ""), ...described(name) };
}

const COMMON_PARAMETERS = ["Organization", "RequestId", "Timeout"];

/** Names in `parameterComponents`. */
function headersOf({ method }: Route): readonly string[] {
  return takesIdempotencyKey(method) ? ["IdempotencyKey", ...COMMON_PARAMETERS] : COMMON_PARAMETERS;
}

/** `components.parameters`: headers that operations take. */
export const parameterComponents: JsonObject = {
  IdempotencyKey: {
    name: "idempotency-key",
    in: "header",
    description:
      "Makes the call safe to send again for 24 hours: it has one effect and one answer, which carries `idempotency-replayed: true` from the second time on.",
    schema: { type: "string", pattern: "^[!-~]{1,255}$" },
  },
  Organization: {
    name: "x-zitadel-orgid",
    in: "header",
    description: "Id of the organization that the call is for. Absent: the caller's own.",
    schema: { type: "string" },
  },
  RequestId: {
    name: "x-request-id",
    in: "header",
    description: "Comes back with the answer and stands in the log. Absent: the service makes one.",
    schema: { type: "string", pattern: "^[\\w.:/+=-]{1,128}$" },
  },
  Timeout: {
    name: "grpc-timeout",
    in: "header",
    description: "How long the client waits: up to eight digits and one of H, M, S, m, u, n, such as `500m`.",
    schema: { type: "string", pattern: "^[0-9]{1,8}[HMSmun]$" },
  },
};

/** `components.headers` */
export const headerComponents: JsonObject = {
  RequestId: { description: "Names the call in the service's log.", schema: { type: "string" } },
};

function describePathParameter(
  { name, fields, pattern }: PathParameter,
  schemas: SchemaCatalogue,
  examples: Examples,
): JsonObject {
  const field = fields.at(-1);
  const schema = field === undefined ? { type: "string" } : schemas.field(field);
  const [first] = pattern;
  const isPlain = pattern.length === 1 && first?.kind === "one";
  const example = exampleAt(examples, fields);
  return {
    name,
    in: "path",
    required: true,
    ...(field !== undefined && described(`${field.parent.typeName}.${field.name}`)),
    schema: isPlain ? schema : { ...schema, pattern: patternOf(pattern) },
    ...(example !== undefined && { example }),
  };
}

function describeQueryParameter(
  fields: readonly DescField[],
  schemas: SchemaCatalogue,
  examples: Examples,
): JsonObject {
  const [field] = fields.slice(-1);
  const example = exampleAt(examples, fields);
  return {
    name: jsonPath(fields),
    in: "query",
    ...(field !== undefined && described(`${field.parent.typeName}.${field.name}`)),
    schema: field === undefined ? {} : schemas.field(field),
    ...(example !== undefined && { example }),
  };
}

/** Fields that the query may set: single values and lists of them, through single messages. */
function queryFields(
  message: DescMessage,
  route: Route,
  path: readonly DescField[] = [],
  around: readonly DescMessage[] = [message],
): (readonly DescField[])[] {
  return message.fields.flatMap((field) => {
    const fields = [...path, field];
    if (field.fieldKind === "map" || isBound(fields, route)) return [];
    const inner = field.message;
    if (inner === undefined || hasText(inner)) return [fields];
    // google.protobuf's others have a JSON form of their own; a message in itself would go on for ever.
    const isLeftOut =
      field.fieldKind === "list" || inner.typeName.startsWith("google.protobuf.") || around.includes(inner);
    return isLeftOut ? [] : queryFields(inner, route, fields, [...around, inner]);
  });
}

function bodyOf(route: Route, schemas: SchemaCatalogue, examples: Examples): JsonObject | undefined {
  const { body, method } = route;
  if (body === undefined) return undefined;
  const inPath = route.pathFields.flatMap((fields) => (fields.length === 1 ? fields : []));
  const message = schemas.messageWithout(method.input, inPath);
  const required = (message["required"] ?? []) as string[];
  const values = Object.entries(examples).map(([name, { summary, request }]) => {
    const value = body === "message" ? without(request, inPath) : request[body.jsonName];
    return [name, { summary, ...(value !== undefined && { value }) }] as const;
  });
  if (body !== "message") {
    return { required: required.includes(body.jsonName), content: contentOf(schemas.field(body), values) };
  }
  // Where nothing is in the path, the message goes by its name.
  const schema = inPath.length === 0 ? schemas.message(method.input) : message;
  return { required: required.length > 0, content: contentOf(schema, values) };
}

function successOf(route: Route, schemas: SchemaCatalogue, examples: Examples): JsonObject {
  const { responseBody, method } = route;
  const schema = responseBody === "message" ? schemas.message(method.output) : schemas.field(responseBody);
  const values = Object.entries(examples).map(([name, { summary, response }]) => {
    const value = responseBody === "message" ? response : response[responseBody.jsonName];
    return [name, { summary, ...(value !== undefined && { value }) }] as const;
  });
  return {
    description: "Done.",
    headers: { "x-request-id": { $ref: "#/components/headers/RequestId" } },
    content: contentOf(schema, values),
  };
}

function contentOf(schema: JsonObject, examples: readonly (readonly [string, JsonObject])[]): JsonObject {
  const shown = examples.length > 0 && { examples: Object.fromEntries(examples) };
  return { "application/json": { schema, ...shown } };
}

function without(message: JsonObject, fields: readonly DescField[]): JsonObject {
  return Object.fromEntries(
    Object.entries(message).filter(([name]) => !fields.some((field) => field.jsonName === name)),
  );
}

/** What the first example has for a field. */
function exampleAt(examples: Examples, fields: readonly DescField[]): JsonValue | undefined {
  let value: JsonValue | undefined = Object.values(examples)[0]?.request;
  for (const { jsonName } of fields) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = value[jsonName];
  }
  return value;
}

function jsonPath(fields: readonly DescField[]): string {
  return fields.map(({ jsonName }) => jsonName).join(".");
}

/** Variables, and the wildcards outside them, which OpenAPI wants a name for. */
function pathParametersOf({ template, pathFields }: Route): PathParameter[] {
  const parameters: PathParameter[] = [];
  for (let at = 0; at < template.segments.length; at += 1) {
    const segment = template.segments[at];
    const index = template.variables.findIndex(({ start }) => start === at);
    const variable = template.variables[index];
    if (variable !== undefined) {
      const fields = pathFields[index] ?? [];
      const pattern = template.segments.slice(at, at + variable.length);
      parameters.push({ name: jsonPath(fields), fields, pattern });
      at += variable.length - 1;
    } else if (segment !== undefined && segment.kind !== "literal") {
      parameters.push({ name: `segment${at + 1}`, fields: [], pattern: [segment] });
    }
  }
  return parameters;
}

function renderPath(
  { segments, verb }: PathTemplate,
  parameters: readonly PathParameter[],
  nameOf: (parameter: PathParameter) => string,
): string {
  const parts: string[] = [];
  let next = 0;
  for (let at = 0; at < segments.length;) {
    const segment = segments[at];
    const parameter = parameters[next];
    if (parameter !== undefined && parameter.pattern[0] === segment) {
      parts.push(`{${nameOf(parameter)}}`);
      at += parameter.pattern.length;
      next += 1;
    } else {
      parts.push(segment?.kind === "literal" ? encodeURIComponent(segment.text) : "");
      at += 1;
    }
  }
  return `/${parts.join("/")}${verb === "" ? "" : `:${encodeURIComponent(verb)}`}`;
}

function patternOf(pattern: readonly TemplateSegment[]): string {
  const parts = pattern.map((segment) => {
    if (segment.kind === "one") return "[^/]+";
    return segment.kind === "rest" ? ".*" : segment.text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
  });
  return `^${parts.join("/")}$`;
}
