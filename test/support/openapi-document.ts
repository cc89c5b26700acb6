// An OpenAPI document as tests look at it: operations by id, and its schemas as checks of values.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { Ajv2020 } from "ajv/dist/2020.js";
import ajvFormats from "ajv-formats";

export interface Operation {
  readonly id: string;
  readonly verb: string;
  /** With the names of its variables in braces. */
  readonly path: string;
  readonly json: JsonObject;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: JsonObject;
  readonly example?: JsonValue;
}

/** A request as an example of the document has it. */
export interface ExampleRequest {
  readonly name: string;
  readonly path: string;
  readonly body: JsonValue | undefined;
}

const DOCUMENT = "document";

export class OpenApiDocument {
  readonly json: JsonObject;
  readonly operations: readonly Operation[];
  readonly #checks: Ajv2020;

  constructor(json: JsonObject) {
    this.json = json;
    this.operations = Object.entries(at(json, "/paths") as JsonObject).flatMap(([path, item]) =>
      Object.entries(item as JsonObject).map(([verb, operation]) => ({
        id: (operation as JsonObject)["operationId"] as string,
        verb: verb.toUpperCase(),
        path,
        json: operation as JsonObject,
      })),
    );
    this.#checks = new Ajv2020({ strict: false, allErrors: true });
    // It is a CommonJS module, whose default is the module itself to node.
    const addFormats = (ajvFormats as { default?: unknown }).default ?? ajvFormats;
    (addFormats as (checks: Ajv2020) => void)(this.#checks);
    for (const format of ["int32", "uint32", "int64", "uint64", "double", "float"]) {
      this.#checks.addFormat(format, true);
    }
    this.#checks.addSchema({ ...(closed(json) as JsonObject), $id: DOCUMENT });
  }

  operation(id: string): Operation {
    const found = this.operations.find((operation) => operation.id === id);
    if (found === undefined) throw new Error(`no operation ${id}`);
    return found;
  }

  /** What a reference stands for; other values as they are. */
  resolve(value: JsonValue | undefined): JsonObject {
    const object = value as JsonObject;
    return typeof object["$ref"] === "string" ? this.resolve(at(this.json, object["$ref"].slice(1))) : object;
  }

  parametersOf(operation: Operation): Parameter[] {
    const parameters = (operation.json["parameters"] ?? []) as JsonValue[];
    return parameters.map((parameter) => this.resolve(parameter) as unknown as Parameter);
  }

  /** One for each example of the operation; where there is no body, one. */
  examplesOf(operation: Operation): ExampleRequest[] {
    let { path } = operation;
    for (const { name, in: place, example } of this.parametersOf(operation)) {
      if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(example as string));
    }
    const bodies = at(operation.json, "/requestBody/content/application~1json/examples");
    if (bodies === undefined) return [{ name: "no body", path, body: undefined }];
    return Object.entries(bodies as JsonObject).map(([name, example]) => ({
      name,
      path,
      body: at(example, "/value"),
    }));
  }

  /**
   * What is wrong with a value by a schema of the document, in which unknown fields are wrong too; [] when nothing is.
   *
   * @param pointer to the schema
   */
  faults(pointer: string, value: JsonValue | undefined): string[] {
    const check = this.#checks.getSchema(`${DOCUMENT}#${encodeURI(pointer)}`);
    if (check === undefined) throw new Error(`no schema at ${pointer}`);
    if (check(value) === true) return [];
    return (check.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  /** Pointer to the schema of an answer. */
  answerSchema({ verb, path, json }: Operation, status: number): string {
    const response = at(json, `/responses/${status}`);
    const reference = (response as JsonObject | undefined)?.["$ref"];
    const place =
      typeof reference === "string"
        ? reference.slice(1)
        : `/paths/${escape(path)}/${verb.toLowerCase()}/responses/${status}`;
    return `${place}/content/application~1json/schema`;
  }

  bodySchema({ verb, path }: Operation): string {
    return `/paths/${escape(path)}/${verb.toLowerCase()}/requestBody/content/application~1json/schema`;
  }
}

function escape(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** The value at a JSON pointer. */
export function at(value: JsonValue | undefined, pointer: string): JsonValue | undefined {
  let found = value;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    found = typeof found === "object" && found !== null ? (found as JsonObject)[name] : undefined;
  }
  return found;
}

/** The same schemas, with no room for fields that they do not name. */
function closed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([name, item]) => [name, closed(item)]));
  const isMessage = copy["type"] === "object" && copy["additionalProperties"] === undefined;
  return isMessage ? { ...copy, additionalProperties: false } : copy;
}
