/**
 * Checks requests against the rules that the contract declares with protoc-gen-validate's `(validate.rules)` options.
 *
 * The proto files are the only place where rules stand. They are compiled once per message type to a list of checks; a
 * rule that this compiler does not know stops the start, so that none is ignored. Order and texts are those of the Go code
 * that protoc-gen-validate makes: plain fields first, then oneofs, then optional fields; the first violation is reported.
 */
import {
  isFieldSet,
  type DescField,
  type DescMessage,
  type DescOneof,
  type Message,
} from "@bufbuild/protobuf";
import {
  BoolRulesSchema,
  type BytesRules,
  type FieldRules,
  type StringRules,
} from "../../gen/validate/validate_pb.ts";
import { mailboxLimitProblem, parseMailbox } from "../verification/email-address.ts";
import type { FieldFault } from "../verification/failures.ts";
import { isDisabled, isOneofRequired, isOptional, lengthLimits, rulesOf } from "./declared-rules.ts";
import type { LengthLimits } from "./declared-rules.ts";
import { readField } from "./field-access.ts";
import { pascalCase } from "./pascal-case.ts";

export interface Violation {
  /** protoc-gen-validate's text, such as `invalid VerifyEmailRequest.UserId: value length must be ...`. */
  readonly text: string;
  readonly fault: FieldFault;
}

/** A check of one message; the path leads to that message from the request. */
type Check = (message: Message, path: string) => Violation | undefined;
/** A check of one value: what is wrong with it. */
type ValueCheck = (value: unknown) => string | undefined;

export class RequestRules {
  readonly #checks = new Map<string, readonly Check[]>();

  /** Compiles the rules of a request and of everything in it. @throws Error for a rule that is not supported */
  compile(schema: DescMessage): void {
    this.#compile(schema);
  }

  /** @returns the first violation, or undefined */
  check(schema: DescMessage, message: Message): Violation | undefined {
    return this.#run(this.#compile(schema), message, "");
  }

  #run(checks: readonly Check[], message: Message, path: string): Violation | undefined {
    for (const check of checks) {
      const found = check(message, path);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #compile(schema: DescMessage): readonly Check[] {
    const known = this.#checks.get(schema.typeName);
    if (known !== undefined) return known;
    const checks: Check[] = [];
    // Registered before it is filled: messages may contain themselves (and, or, not queries).
    this.#checks.set(schema.typeName, checks);
    if (isDisabled(schema)) return checks;
    const isPlain = (field: DescField) => field.oneof === undefined && !isOptional(field);
    for (const field of schema.fields.filter(isPlain)) checks.push(...this.#fieldChecks(field));
    for (const oneof of schema.oneofs) checks.push(...this.#oneofChecks(oneof));
    for (const field of schema.fields.filter(isOptional)) checks.push(...this.#fieldChecks(field));
    return checks;
  }

  #oneofChecks(oneof: DescOneof): Check[] {
    const checks = oneof.fields.flatMap((field) => this.#fieldChecks(field));
    if (!isOneofRequired(oneof)) return checks;
    const required: Check = (message, path) =>
      oneof.fields.every((field) => readField(field, message) === undefined)
        ? violation(oneof.parent, oneof.name, path, "value is required")
        : undefined;
    return [...checks, required];
  }

  #fieldChecks(field: DescField): Check[] {
    const rules = rulesOf(field);
    const checks: Check[] = [];
    // A member of a oneof, or an optional field, is looked at only when it is set.
    if (rules?.message?.required === true && field.oneof === undefined && !isOptional(field)) {
      checks.push((message, path) =>
        readField(field, message) === undefined
          ? violation(field.parent, field.name, path, "value is required")
          : undefined,
      );
    }
    const valueCheck = rules && compileValueCheck(field, rules);
    if (valueCheck !== undefined) {
      checks.push((message, path) => {
        const value = readField(field, message);
        const problem = value === undefined ? undefined : valueCheck(value);
        return problem === undefined ? undefined : violation(field.parent, field.name, path, problem);
      });
    }
    const nested = field.message;
    if (nested === undefined || isWellKnown(nested) || rules?.message?.skip === true) return checks;
    if (field.fieldKind === "map") throw new Error(`${nameOf(field)}: no check for messages in a map`);
    checks.push(field.fieldKind === "list" ? this.#eachItem(field, nested) : this.#embedded(field, nested));
    return checks;
  }

  #embedded(field: DescField, schema: DescMessage): Check {
    const checks = this.#compile(schema);
    return (message, path) => {
      const value = readField(field, message) as Message | undefined;
      const inner = value && this.#run(checks, value, `${path}${field.name}.`);
      return inner && wrap(field.parent, pascalCase(field.name), inner);
    };
  }

  #eachItem(field: DescField, schema: DescMessage): Check {
    const checks = this.#compile(schema);
    return (message, path) => {
      const items = readField(field, message) as readonly Message[];
      for (const [index, item] of items.entries()) {
        const inner = this.#run(checks, item, `${path}${field.name}[${index}].`);
        if (inner !== undefined) return wrap(field.parent, `${pascalCase(field.name)}[${index}]`, inner);
      }
      return undefined;
    };
  }
}

function isWellKnown(schema: DescMessage): boolean {
  return schema.typeName.startsWith("google.protobuf.");
}

function violation(schema: DescMessage, name: string, path: string, problem: string): Violation {
  return {
    text: `invalid ${goName(schema)}.${pascalCase(name)}: ${problem}`,
    fault: { field: `${path}${name}`, description: problem },
  };
}

function wrap(schema: DescMessage, goField: string, inner: Violation): Violation {
  return {
    ...inner,
    text: `invalid ${goName(schema)}.${goField}: embedded message failed validation | caused by: ${inner.text}`,
  };
}

function nameOf(field: DescField): string {
  return `${field.parent.typeName}.${field.name}`;
}

/** Nested messages are joined with underscores in Go: `CreateUserRequest_Human`. */
function goName(schema: DescMessage): string {
  return schema.parent === undefined ? schema.name : `${goName(schema.parent)}_${schema.name}`;
}

function compileValueCheck(field: DescField, rules: FieldRules): ValueCheck | undefined {
  const { type } = rules;
  const unsupported = (rule: unknown) => new Error(`${nameOf(field)}: no check for the rule ${String(rule)}`);
  switch (type.case) {
    case undefined:
      return undefined;
    case "string":
      assertOnly(type.value, ["len", "minLen", "maxLen", "wellKnown"], unsupported);
      return stringCheck(type.value, unsupported);
    case "bytes":
      assertOnly(type.value, ["len", "minLen", "maxLen"], unsupported);
      return bytesCheck(type.value);
    case "bool":
      if (!isFieldSet(type.value, BoolRulesSchema.field.const)) return undefined;
      return (value) => (value === type.value.const ? undefined : `value must equal ${type.value.const}`);
    case "enum": {
      assertOnly(type.value, ["definedOnly"], unsupported);
      if (!type.value.definedOnly) return undefined;
      const numbers = new Set(field.enum?.values.map((value) => value.number));
      return (value) =>
        numbers.has(value as number) ? undefined : "value must be one of the defined enum values";
    }
    default:
      throw unsupported(type.case);
  }
}

function assertOnly(rules: Message, known: readonly string[], unsupported: (rule: unknown) => Error): void {
  for (const [name, value] of Object.entries(rules)) {
    if (name.startsWith("$") || known.includes(name)) continue;
    const isSet = Array.isArray(value) ? value.length > 0 : value !== undefined && !isEmptyOneof(value);
    if (isSet) throw unsupported(name);
  }
}

function isEmptyOneof(value: unknown): boolean {
  return typeof value === "object" && value !== null && "case" in value && value.case === undefined;
}

function stringCheck(rules: StringRules, unsupported: (rule: unknown) => Error): ValueCheck {
  if (rules.wellKnown.case !== undefined && rules.wellKnown.case !== "email")
    throw unsupported(rules.wellKnown.case);
  const isEmail = rules.wellKnown.case === "email" && rules.wellKnown.value;
  const length = lengthCheck("runes", lengthLimits(rules));
  return (value) => {
    const text = value as string;
    return length(runeCount(text)) ?? (isEmail ? emailProblem(text) : undefined);
  };
}

function bytesCheck(rules: BytesRules): ValueCheck {
  const length = lengthCheck("bytes", lengthLimits(rules));
  return (value) => length((value as Uint8Array).length);
}

function lengthCheck(
  unit: "runes" | "bytes",
  { min, max }: LengthLimits,
): (length: number) => string | undefined {
  const problem = `value length must be ${lengthPhrase(unit, min, max)}`;
  return (length) => (length < (min ?? 0) || length > (max ?? Infinity) ? problem : undefined);
}

function lengthPhrase(unit: string, min: number | undefined, max: number | undefined): string {
  if (min === undefined) return `at most ${max} ${unit}`;
  if (max === undefined) return `at least ${min} ${unit}`;
  return min === max ? `${min} ${unit}` : `between ${min} and ${max} ${unit}, inclusive`;
}

/** Unicode code points, what Go calls runes. */
function runeCount(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function emailProblem(text: string): string | undefined {
  const parsed = parseMailbox(text);
  const problem = parsed.ok ? mailboxLimitProblem(parsed.mailbox) : `mail: ${parsed.problem}`;
  return problem && `value must be a valid email address | caused by: ${problem}`;
}
