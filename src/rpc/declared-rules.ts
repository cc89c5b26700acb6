/** The request rules as the proto files declare them: protoc-gen-validate's options, read off the descriptors. */
import {
  getOption,
  hasOption,
  isFieldSet,
  type DescField,
  type DescMessage,
  type DescOneof,
} from "@bufbuild/protobuf";
import {
  BytesRulesSchema,
  disabled,
  required as oneofRequired,
  rules as fieldRules,
  StringRulesSchema,
  type BytesRules,
  type FieldRules,
  type StringRules,
} from "../../gen/validate/validate_pb.ts";

/** How long a value may be, in runes (Unicode code points) or bytes. */
export interface LengthLimits {
  readonly min: number | undefined;
  readonly max: number | undefined;
}

export function rulesOf(field: DescField): FieldRules | undefined {
  return hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
}

export function isOneofRequired(oneof: DescOneof): boolean {
  return hasOption(oneof, oneofRequired) && getOption(oneof, oneofRequired);
}

/** Whether the message as a whole is exempt. */
export function isDisabled(message: DescMessage): boolean {
  return hasOption(message, disabled) && getOption(message, disabled);
}

/** `len` is both limits at once. */
export function lengthLimits(rules: StringRules | BytesRules): LengthLimits {
  const { len, minLen, maxLen } =
    rules.$typeName === "validate.StringRules" ? StringRulesSchema.field : BytesRulesSchema.field;
  // Unset ones read as zero, which is a limit too.
  if (isFieldSet(rules, len)) return { min: Number(rules.len), max: Number(rules.len) };
  return {
    min: isFieldSet(rules, minLen) ? Number(rules.minLen) : undefined,
    max: isFieldSet(rules, maxLen) ? Number(rules.maxLen) : undefined,
  };
}

/** proto3 `optional`: explicit presence that is not a message's own. */
export function isOptional(field: DescField): boolean {
  return field.proto.proto3Optional;
}
