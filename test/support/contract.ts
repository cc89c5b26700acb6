// Writes a contract down as plain facts, one for each message, field, oneof, enum, enum value, RPC and extension, so
// that two contracts can be held against each other whatever files their types are in.
import {
  getExtension,
  hasExtension,
  isMessage,
  toBinary,
  toJson,
  type DescEnum,
  type DescExtension,
  type DescMessage,
  type DescMethod,
  type DescService,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import {
  EnumValueDescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  MethodOptionsSchema,
  type FieldDescriptorProto,
  type FieldOptions,
  type MethodOptions,
} from "@bufbuild/protobuf/wkt";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { field_behavior } from "../../gen/google/api/field_behavior_pb.ts";
import { disabled, required, rules } from "../../gen/validate/validate_pb.ts";
import { options as zitadelOptions } from "../../gen/zitadel/protoc_gen_zitadel/v2/options_pb.ts";

/** What a name stands for, by its full name. */
export type Facts = ReadonlyMap<string, string>;

/** A oneof is compared by its name; its index depends on the order of declaration. */
const ANY_ONEOF = 0;

type DescType = DescMessage | DescEnum | DescExtension | DescService;

/** The facts of the named types and of all that they lead to, short of Google's own. Of a service only the named RPCs. */
export function factsOf(registry: Registry, typeNames: readonly string[], rpcs: readonly string[]): Facts {
  const facts = new Map<string, string>();
  const seen = new Set<string>();
  const queue = typeNames.map((name) => registry.get(name)).filter((type) => type !== undefined);
  for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
    if (seen.has(type.typeName) || type.typeName.startsWith("google.")) continue;
    seen.add(type.typeName);
    for (const [name, fact] of factsOfType(type, rpcs)) facts.set(name, JSON.stringify(fact));
    queue.push(...leadsTo(type, rpcs));
  }
  return facts;
}

/** One line for each name whose facts are not the same on both sides. */
export function differences(ours: Facts, theirs: Facts): string[] {
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].toSorted();
  return names.flatMap((name) => {
    const [our, their] = [ours.get(name), theirs.get(name)];
    if (our === their) return [];
    if (our === undefined) return [`${name}: missing, should be ${their}`];
    if (their === undefined) return [`${name}: not in theirs, is ${our}`];
    return [`${name}: is ${our}, should be ${their}`];
  });
}

function leadsTo(type: DescType, rpcs: readonly string[]): DescType[] {
  switch (type.kind) {
    case "message":
      return [type.parent, ...type.fields.flatMap((field) => [field.message, field.enum])].filter(
        (next) => next !== undefined,
      );
    case "service":
      return methodsOf(type, rpcs).flatMap((method) => [method.input, method.output]);
    case "extension":
      return [type.message, type.enum].filter((next) => next !== undefined);
    case "enum":
      return [];
  }
}

function factsOfType(type: DescType, rpcs: readonly string[]): [name: string, fact: unknown][] {
  switch (type.kind) {
    case "message":
      return [
        [type.typeName, { kind: "message", ...optionsOf(type.proto.options, [disabled]) }],
        ...type.oneofs.map((oneof): [string, unknown] => [
          `${type.typeName}.${oneof.name}`,
          { kind: "oneof", ...optionsOf(oneof.proto.options, [required]) },
        ]),
        ...type.fields.map((field): [string, unknown] => [
          `${type.typeName}.${field.name}`,
          { kind: "field", oneof: field.oneof?.name, presence: field.presence, ...fieldFact(field.proto) },
        ]),
      ];
    case "enum":
      return [
        [type.typeName, { kind: "enum", open: type.open }],
        ...type.values.map((value): [string, unknown] => [
          `${type.typeName}.${value.name}`,
          toJson(EnumValueDescriptorProtoSchema, value.proto),
        ]),
      ];
    case "service":
      return methodsOf(type, rpcs).map((method) => [`${type.typeName}.${method.name}`, methodFact(method)]);
    case "extension":
      return [[type.typeName, { kind: "extension", of: type.extendee.typeName, ...fieldFact(type.proto) }]];
  }
}

function fieldFact({ options, ...proto }: FieldDescriptorProto): object {
  return {
    ...(toJson(FieldDescriptorProtoSchema, { ...proto, oneofIndex: ANY_ONEOF }) as object),
    ...standardOptions(FieldOptionsSchema, options),
    ...optionsOf(options, [rules, field_behavior]),
  };
}

function methodFact({ input, output, methodKind, proto: { options } }: DescMethod): object {
  return {
    kind: methodKind,
    input: input.typeName,
    output: output.typeName,
    ...standardOptions(MethodOptionsSchema, options),
    ...optionsOf(options, [http, zitadelOptions]),
  };
}

function standardOptions(
  schema: typeof FieldOptionsSchema | typeof MethodOptionsSchema,
  options: FieldOptions | MethodOptions | undefined,
): object {
  // Options that only hold extensions come out as {}, which must count as no options.
  return options === undefined ? {} : (toJson<DescMessage>(schema, options) as object);
}

function optionsOf(
  options: Message | undefined,
  extensions: readonly DescExtension[],
): Record<string, unknown> {
  if (options === undefined) return {};
  return Object.fromEntries(
    extensions
      .filter((extension) => hasExtension(options, extension))
      .map((extension) => [extension.typeName, optionFact(extension, getExtension(options, extension))]),
  );
}

function optionFact({ message: schema }: DescExtension, value: unknown): unknown {
  if (schema === undefined || !isMessage(value, schema)) return value;
  // The JSON is for the reader; the bytes also hold what our copy of the schema might not know.
  return { value: toJson(schema, value), bytes: base64Encode(toBinary(schema, value)) };
}

function methodsOf(service: DescService, rpcs: readonly string[]): DescMethod[] {
  return service.methods.filter((method) => rpcs.includes(method.name));
}
