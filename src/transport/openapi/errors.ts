/** What the document says about refusals: google.rpc.Status, and by HTTP status the reasons of the failure catalogue. */
import type { DescMessage, JsonObject } from "@bufbuild/protobuf";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "../../../gen/google/rpc/error_details_pb.ts";
import { ErrorDetailSchema } from "../../../gen/zitadel/message_pb.ts";
import { ERROR_DOMAIN, failureToConnectError } from "../../rpc/errors.ts";
import {
  failure,
  failureCatalogue,
  type FailureDefinition,
  type FailureName,
} from "../../verification/failures.ts";
import { httpStatusOf, statusJson } from "../unary/rest-status.ts";
import type { SchemaCatalogue } from "./schemas.ts";

/** Answers to requests for paths and methods that the document does not have. */
const ELSEWHERE: ReadonlySet<FailureName> = new Set([
  "METHOD_NOT_ALLOWED",
  "ROUTE_NOT_FOUND",
  "PROCEDURE_UNKNOWN",
]);

const DETAILS: readonly DescMessage[] = [
  ErrorDetailSchema,
  ErrorInfoSchema,
  BadRequestSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RetryInfoSchema,
  RequestInfoSchema,
];

const STATUS_NAME = "google.rpc.Status";

interface Reason extends FailureDefinition {
  readonly name: FailureName;
}

/** Names of `components.responses` by HTTP status, for an operation's `responses`. */
export function errorResponses(): JsonObject {
  const statuses = [...reasonsByStatus().keys()].toSorted((a, b) => a - b);
  return {
    ...Object.fromEntries(statuses.map((status) => [String(status), refTo(status)])),
    default: { $ref: "#/components/responses/Error" },
  };
}

/** `components.responses` */
export function errorComponents(): JsonObject {
  const entries = [...reasonsByStatus()].map(([status, reasons]) => [
    responseName(status),
    responseOf(reasons),
  ]);
  return {
    ...(Object.fromEntries(entries) as JsonObject),
    Error: { description: "Any other refusal.", content: contentOf({}) },
  };
}

/** Adds the schemas of the error and of its details. */
export function addErrorSchemas(schemas: SchemaCatalogue): JsonObject {
  for (const detail of DETAILS) schemas.message(detail);
  const components = { ...schemas.components };
  for (const detail of DETAILS) {
    components[detail.typeName] = withType(detail, components[detail.typeName] as JsonObject);
  }
  components[STATUS_NAME] = {
    type: "object",
    description:
      "Every refusal. Match on the reason of the google.rpc.ErrorInfo among its details: it never changes.",
    properties: {
      code: { type: "integer", format: "int32", description: "gRPC's number of the status." },
      message: {
        type: "string",
        description: "English text, which ends in ZITADEL's id of the error where it has one.",
      },
      details: {
        type: "array",
        items: {
          oneOf: DETAILS.map(({ typeName }) => ({ $ref: `#/components/schemas/${typeName}` })),
          discriminator: {
            propertyName: "@type",
            mapping: Object.fromEntries(
              DETAILS.map(({ typeName }) => [typeUrl(typeName), `#/components/schemas/${typeName}`]),
            ),
          },
        },
      },
    },
    required: ["code", "message"],
  };
  return components;
}

function withType({ typeName }: DescMessage, schema: JsonObject): JsonObject {
  const isInfo = typeName === ErrorInfoSchema.typeName;
  return {
    ...schema,
    ...(isInfo && { description: `On every refusal. The domain is \`${ERROR_DOMAIN}\`.` }),
    properties: {
      "@type": { type: "string", const: typeUrl(typeName) },
      ...(schema["properties"] as JsonObject),
    },
    required: ["@type"],
  };
}

function typeUrl(typeName: string): string {
  return `type.googleapis.com/${typeName}`;
}

function responseOf(reasons: readonly Reason[]): JsonObject {
  const rows = reasons.map(({ reason, code, id, text, remedy }) => {
    const shown = id === undefined ? text : `${text} (${id})`;
    return `| \`${reason}\` | ${code.toUpperCase()} | ${shown} | ${remedy} |`;
  });
  const description = ["| Reason | gRPC status | Message | What to do |", "|---|---|---|---|", ...rows].join(
    "\n",
  );
  const examples = Object.fromEntries(
    reasons.map(({ name }) => [name, { value: statusJson(failureToConnectError(failure(name))) }]),
  );
  return { description, content: contentOf(examples) };
}

function contentOf(examples: JsonObject): JsonObject {
  const schema = { $ref: `#/components/schemas/${STATUS_NAME}` };
  return { "application/json": { schema, ...(Object.keys(examples).length > 0 && { examples }) } };
}

function reasonsByStatus(): ReadonlyMap<number, readonly Reason[]> {
  const names = (Object.keys(failureCatalogue) as FailureName[]).filter((name) => !ELSEWHERE.has(name));
  return Map.groupBy(
    names.map((name): Reason => ({ name, ...failureCatalogue[name] })),
    ({ name }) => httpStatusOf(failureToConnectError(failure(name)).code),
  );
}

function responseName(status: number): string {
  return `Error${status}`;
}

function refTo(status: number): JsonObject {
  return { $ref: `#/components/responses/${responseName(status)}` };
}
