/**
 * JSON Schemas of messages, as protojson writes them: fields by their JSON names, 64-bit integers as strings, enums by
 * name, bytes in base64, zero values left out. Limits and required fields come from the request rules of the contract,
 * descriptions from the comments of the proto files.
 */
import {
  getOption,
  hasOption,
  ScalarType,
  type DescEnum,
  type DescField,
  type DescMessage,
  type DescOneof,
  type JsonObject,
} from "@bufbuild/protobuf";
import { comments } from "../../../gen/comments.ts";
import { field_behavior, FieldBehavior } from "../../../gen/google/api/field_behavior_pb.ts";
import {
  isOneofRequired,
  isOptional,
  lengthLimits,
  rulesOf,
  type LengthLimits,
} from "../../rpc/declared-rules.ts";
import { isWrapper } from "../../rpc/text-values.ts";

export function commentOf(name: string): string | undefined {
  return Object.hasOwn(comments, name) ? comments[name] : undefined;
}

/** `{ description }`, or nothing to say. */
export function described(name: string): JsonObject {
  const description = commentOf(name);
  return description === undefined ? {} : { description: description.replaceAll("\n", "\n\n") };
}

/** Collects the schemas that a document's parts refer to. */
export class SchemaCatalogue {
  readonly #components: JsonObject = {};

  /** By full type name: what `components.schemas` holds. */
  get components(): JsonObject {
    return this.#components;
  }

  message(desc: DescMessage): JsonObject {
    const known = WELL_KNOWN[desc.typeName];
    if (known !== undefined) return known;
    if (isWrapper(desc)) return nullable(this.field(onlyField(desc)));
    return this.#refer(desc.typeName, () => this.messageWithout(desc, []));
  }

  /** The message less some fields, in place; messages in it are references. */
  messageWithout(desc: DescMessage, omitted: readonly DescField[]): JsonObject {
    const fields = desc.fields.filter((field) => !omitted.includes(field));
    const required = fields.filter(isRequired).map((field) => field.jsonName);
    const properties = fields.map((field) => [field.jsonName, this.#property(field)] as const);
    return {
      type: "object",
      ...descriptionOf(desc, fields),
      ...(fields.length > 0 && { properties: Object.fromEntries(properties) }),
      ...(required.length > 0 && { required }),
      ...choiceRules(choicesOf(desc, fields)),
    };
  }

  /** The value of a field, without what is said about the field. */
  field(field: DescField): JsonObject {
    switch (field.fieldKind) {
      case "list":
        return { type: "array", items: this.#value(field) };
      case "map":
        return { type: "object", additionalProperties: this.#value(field) };
      default:
        return { ...this.#value(field), ...limits(field) };
    }
  }

  #property(field: DescField): JsonObject {
    const behaviors = behaviorsOf(field);
    return {
      ...this.field(field),
      ...described(`${field.parent.typeName}.${field.name}`),
      ...(behaviors.includes(FieldBehavior.OUTPUT_ONLY) && { readOnly: true }),
      ...(behaviors.includes(FieldBehavior.INPUT_ONLY) && { writeOnly: true }),
      ...(field.proto.options?.deprecated === true && { deprecated: true }),
    };
  }

  /** One element, where the field has several. */
  #value(field: DescField): JsonObject {
    if (field.message !== undefined) return this.message(field.message);
    if (field.enum !== undefined) return this.#enum(field.enum);
    return SCALARS[field.scalar];
  }

  #enum(desc: DescEnum): JsonObject {
    if (desc.typeName === "google.protobuf.NullValue") return { type: "null" };
    return this.#refer(desc.typeName, () => {
      const notes = desc.values.flatMap(({ name }) => {
        const comment = commentOf(`${desc.typeName}.${name}`);
        return comment === undefined ? [] : [`- \`${name}\`: ${comment}`];
      });
      const description = [commentOf(desc.typeName), notes.join("\n")].filter(Boolean).join("\n\n");
      return {
        type: "string",
        ...(description !== "" && { description }),
        enum: desc.values.map(({ name }) => name),
      };
    });
  }

  #refer(name: string, make: () => JsonObject): JsonObject {
    if (!Object.hasOwn(this.#components, name)) {
      // Its place is taken before it is made: messages may contain themselves.
      this.#components[name] = {};
      this.#components[name] = make();
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}

const SIGNED_64: JsonObject = { type: "string", format: "int64", pattern: "^-?[0-9]+$" };
const UNSIGNED_64: JsonObject = { type: "string", format: "uint64", pattern: "^[0-9]+$" };
const SIGNED_32: JsonObject = { type: "integer", format: "int32" };
const UNSIGNED_32: JsonObject = { type: "integer", format: "uint32", minimum: 0 };

const SCALARS: Record<ScalarType, JsonObject> = {
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
  [ScalarType.DOUBLE]: floating("double"),
  [ScalarType.FLOAT]: floating("float"),
  [ScalarType.INT32]: SIGNED_32,
  [ScalarType.SINT32]: SIGNED_32,
  [ScalarType.SFIXED32]: SIGNED_32,
  [ScalarType.UINT32]: UNSIGNED_32,
  [ScalarType.FIXED32]: UNSIGNED_32,
  [ScalarType.INT64]: SIGNED_64,
  [ScalarType.SINT64]: SIGNED_64,
  [ScalarType.SFIXED64]: SIGNED_64,
  [ScalarType.UINT64]: UNSIGNED_64,
  [ScalarType.FIXED64]: UNSIGNED_64,
};

function floating(format: string): JsonObject {
  return { anyOf: [{ type: "number", format }, { enum: ["NaN", "Infinity", "-Infinity"] }] };
}

/** Messages with a JSON form of their own. */
const WELL_KNOWN: Readonly<Record<string, JsonObject>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: String.raw`^-?[0-9]+(\.[0-9]{1,9})?s$` },
  "google.protobuf.FieldMask": { type: "string" },
  "google.protobuf.Empty": { type: "object" },
  "google.protobuf.Struct": { type: "object" },
  "google.protobuf.ListValue": { type: "array" },
  "google.protobuf.Value": {},
  "google.protobuf.Any": {
    type: "object",
    properties: { "@type": { type: "string" } },
    required: ["@type"],
  },
};

function nullable(schema: JsonObject): JsonObject {
  return { anyOf: [schema, { type: "null" }] };
}

function onlyField({ fields: [field] }: DescMessage): DescField {
  if (field === undefined) throw new TypeError("a wrapper without a field");
  return field;
}

function behaviorsOf(field: DescField): readonly FieldBehavior[] {
  return hasOption(field, field_behavior) ? getOption(field, field_behavior) : [];
}

/** A field that a rule wants and whose absence would break the rule, or one that the contract calls required. */
function isRequired(field: DescField): boolean {
  if (field.oneof !== undefined || isOptional(field)) return false;
  if (behaviorsOf(field).includes(FieldBehavior.REQUIRED)) return true;
  const rules = rulesOf(field);
  switch (rules?.type.case) {
    case "string":
    case "bytes":
      return (lengthLimits(rules.type.value).min ?? 0) > 0;
    case "bool":
      return rules.type.value.const;
    default:
      return rules?.message?.required === true;
  }
}

function limits(field: DescField): JsonObject {
  const rules = rulesOf(field)?.type;
  switch (rules?.case) {
    case "string": {
      const isEmail = rules.value.wellKnown.case === "email" && rules.value.wellKnown.value;
      return { ...lengths(lengthLimits(rules.value)), ...(isEmail && { format: "email" }) };
    }
    case "bytes": {
      const { min, max } = lengthLimits(rules.value);
      return lengths({
        min: min === undefined ? undefined : Math.ceil((min * 4) / 3),
        max: max === undefined ? undefined : Math.ceil(max / 3) * 4,
      });
    }
    case "bool":
      return rules.value.const ? { const: true } : {};
    default:
      return {};
  }
}

function lengths({ min, max }: LengthLimits): JsonObject {
  return {
    ...(min !== undefined && min > 0 && { minLength: min }),
    ...(max !== undefined && { maxLength: max }),
  };
}

/** A oneof, as far as the document shows its members. */
interface Choice {
  readonly oneof: DescOneof;
  readonly names: readonly string[];
}

function choicesOf({ oneofs }: DescMessage, present: readonly DescField[]): Choice[] {
  return oneofs.flatMap((oneof) => {
    const names = oneof.fields.filter((field) => present.includes(field)).map(({ jsonName }) => jsonName);
    return names.length > 1 || (names.length === 1 && isOneofRequired(oneof)) ? [{ oneof, names }] : [];
  });
}

/** Of a oneof's members one may be there, or must. */
function choiceRules(choices: readonly Choice[]): JsonObject {
  const rules = choices.map(({ oneof, names }) => {
    const single = names.map((name) => ({ required: [name] }));
    return { oneOf: isOneofRequired(oneof) ? single : [...single, { not: { anyOf: single } }] };
  });
  return rules.length > 1 ? { allOf: rules } : (rules[0] ?? {});
}

function descriptionOf(desc: DescMessage, fields: readonly DescField[]): JsonObject {
  const choices = choicesOf(desc, fields).map(({ oneof, names }) => {
    const count = isOneofRequired(oneof) ? "Exactly" : "At most";
    const members = names.map((name) => `\`${name}\``).join(", ");
    const comment = commentOf(`${desc.typeName}.${oneof.name}`) ?? "";
    return `${count} one of ${members}. ${comment}`.trim();
  });
  const paragraphs = [commentOf(desc.typeName)?.replaceAll("\n", "\n\n") ?? [], choices].flat();
  return paragraphs.length === 0 ? {} : { description: paragraphs.join("\n\n") };
}
