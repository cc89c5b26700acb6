/**
 * Fields of ZITADEL's messages for parts that Countersign does not serve. They stay in the contract so that nothing
 * decodes wrongly; a request that sets one is refused, naming the field, rather than half obeyed.
 */
import { isFieldSet, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { readField } from "./field-access.ts";

const UNSERVED: ReadonlySet<string> = new Set([
  "zitadel.object.v2.Organization.org_domain",
  "zitadel.user.v2.AddHumanUserRequest.phone",
  "zitadel.user.v2.AddHumanUserRequest.metadata",
  "zitadel.user.v2.AddHumanUserRequest.password",
  "zitadel.user.v2.AddHumanUserRequest.hashed_password",
  "zitadel.user.v2.AddHumanUserRequest.idp_links",
  "zitadel.user.v2.AddHumanUserRequest.totp_secret",
  "zitadel.user.v2.CreateUserRequest.machine",
  "zitadel.user.v2.CreateUserRequest.Human.phone",
  "zitadel.user.v2.CreateUserRequest.Human.metadata",
  "zitadel.user.v2.CreateUserRequest.Human.password",
  "zitadel.user.v2.CreateUserRequest.Human.hashed_password",
  "zitadel.user.v2.CreateUserRequest.Human.idp_links",
  "zitadel.user.v2.CreateUserRequest.Human.totp_secret",
  "zitadel.user.v2.UpdateHumanUserRequest.phone",
  "zitadel.user.v2.UpdateHumanUserRequest.password",
  "zitadel.user.v2.UpdateUserRequest.machine",
  "zitadel.user.v2.UpdateUserRequest.Human.phone",
  "zitadel.user.v2.UpdateUserRequest.Human.password",
  "zitadel.user.v2.SearchQuery.phone_query",
]);

type Finder = (message: Message) => string | undefined;

export class UnservedFields {
  readonly #finders = new Map<string, readonly Finder[]>();

  /** @returns the path of the first unserved field that is set, in proto names */
  find(schema: DescMessage, message: Message): string | undefined {
    for (const finder of this.#compile(schema)) {
      const path = finder(message);
      if (path !== undefined) return path;
    }
    return undefined;
  }

  #compile(schema: DescMessage): readonly Finder[] {
    const known = this.#finders.get(schema.typeName);
    if (known !== undefined) return known;
    const finders: Finder[] = [];
    // Registered before it is filled: messages may contain themselves.
    this.#finders.set(schema.typeName, finders);
    for (const field of schema.fields) {
      if (UNSERVED.has(`${schema.typeName}.${field.name}`)) {
        finders.push((message) => (isFieldSet(message, field) ? field.name : undefined));
      } else if (field.message !== undefined && leadsToUnserved(field.message)) {
        finders.push(this.#inside(field, field.message));
      }
    }
    return finders;
  }

  #inside(field: DescField, schema: DescMessage): Finder {
    this.#compile(schema);
    return (message) => {
      const value = readField(field, message) as Message | readonly Message[] | undefined;
      if (value === undefined) return undefined;
      for (const [index, item] of (Array.isArray(value) ? value : [value]).entries()) {
        const inner = this.find(schema, item as Message);
        if (inner !== undefined) return `${field.name}${Array.isArray(value) ? `[${index}]` : ""}.${inner}`;
      }
      return undefined;
    };
  }
}

function leadsToUnserved(schema: DescMessage, seen = new Set<DescMessage>()): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return schema.fields.some(
    (field) =>
      UNSERVED.has(`${schema.typeName}.${field.name}`) ||
      (field.message !== undefined && leadsToUnserved(field.message, seen)),
  );
}
