// Every request rule of the contract, with the texts that protoc-gen-validate's Go code answers (templates/goshared).
import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  create,
  fromJson,
  getOption,
  hasOption,
  type DescField,
  type DescMessage,
  type DescOneof,
  type JsonObject,
  type Message,
} from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import * as fc from "fast-check";
import type { GeneratorValue } from "fast-check";
import { UserService } from "../../../gen/zitadel/user/v2/user_service_pb.ts";
import { required as oneofRequired, rules as fieldRules } from "../../../gen/validate/validate_pb.ts";
import { RequestRules, type Violation } from "../../../src/rpc/request-rules.ts";
import { compileProto } from "../../support/compile-proto.ts";

/** Method, field, rule, and the field's Go name after those of the messages around it. */
const TABLE = `
  SetEmail        | user_id                                          | runes 1..200    | SetEmailRequest.UserId
  SetEmail        | email                                            | email 1..200    | SetEmailRequest.Email
  SetEmail        | send_code.url_template                           | runes 1..200    | SetEmailRequest.SendCode > SendEmailVerificationCode.UrlTemplate
  SetEmail        | is_verified                                      | true            | SetEmailRequest.IsVerified
  ResendEmailCode | user_id                                          | runes 1..200    | ResendEmailCodeRequest.UserId
  ResendEmailCode | send_code.url_template                           | runes 1..200    | ResendEmailCodeRequest.SendCode > SendEmailVerificationCode.UrlTemplate
  SendEmailCode   | user_id                                          | runes 1..200    | SendEmailCodeRequest.UserId
  SendEmailCode   | send_code.url_template                           | runes 1..200    | SendEmailCodeRequest.SendCode > SendEmailVerificationCode.UrlTemplate
  VerifyEmail     | user_id                                          | runes 1..200    | VerifyEmailRequest.UserId
  VerifyEmail     | verification_code                                | runes 1..20     | VerifyEmailRequest.VerificationCode
  AddHumanUser    | user_id                                          | runes 1..200    | AddHumanUserRequest.UserId
  AddHumanUser    | username                                         | runes 1..200    | AddHumanUserRequest.Username
  AddHumanUser    | profile                                          | required        | AddHumanUserRequest.Profile
  AddHumanUser    | profile.given_name                               | runes 1..200    | AddHumanUserRequest.Profile > SetHumanProfile.GivenName
  AddHumanUser    | profile.family_name                              | runes 1..200    | AddHumanUserRequest.Profile > SetHumanProfile.FamilyName
  AddHumanUser    | profile.nick_name                                | runes ..200     | AddHumanUserRequest.Profile > SetHumanProfile.NickName
  AddHumanUser    | profile.display_name                             | runes ..200     | AddHumanUserRequest.Profile > SetHumanProfile.DisplayName
  AddHumanUser    | profile.preferred_language                       | runes ..10      | AddHumanUserRequest.Profile > SetHumanProfile.PreferredLanguage
  AddHumanUser    | email                                            | required        | AddHumanUserRequest.Email
  AddHumanUser    | email.email                                      | email 1..200    | AddHumanUserRequest.Email > SetHumanEmail.Email
  AddHumanUser    | email.send_code.url_template                     | runes 1..200    | AddHumanUserRequest.Email > SetHumanEmail.SendCode > SendEmailVerificationCode.UrlTemplate
  AddHumanUser    | phone.phone                                      | runes 0..200    | AddHumanUserRequest.Phone > SetHumanPhone.Phone
  AddHumanUser    | phone.is_verified                                | true            | AddHumanUserRequest.Phone > SetHumanPhone.IsVerified
  AddHumanUser    | metadata[0].key                                  | runes 1..200    | AddHumanUserRequest.Metadata[0] > SetMetadataEntry.Key
  AddHumanUser    | metadata[0].value                                | bytes 1..500000 | AddHumanUserRequest.Metadata[0] > SetMetadataEntry.Value
  AddHumanUser    | password.password                                | runes 1..200    | AddHumanUserRequest.Password > Password.Password
  AddHumanUser    | hashed_password.hash                             | runes 1..200    | AddHumanUserRequest.HashedPassword > HashedPassword.Hash
  AddHumanUser    | idp_links[0].idp_id                              | runes 1..200    | AddHumanUserRequest.IdpLinks[0] > IDPLink.IdpId
  AddHumanUser    | idp_links[0].user_id                             | runes 1..200    | AddHumanUserRequest.IdpLinks[0] > IDPLink.UserId
  AddHumanUser    | idp_links[0].user_name                           | runes 1..200    | AddHumanUserRequest.IdpLinks[0] > IDPLink.UserName
  AddHumanUser    | totp_secret                                      | runes 1..200    | AddHumanUserRequest.TotpSecret
  CreateUser      | organization_id                                  | runes 1..200    | CreateUserRequest.OrganizationId
  CreateUser      | user_id                                          | runes 1..200    | CreateUserRequest.UserId
  CreateUser      | username                                         | runes 1..200    | CreateUserRequest.Username
  CreateUser      | human.profile                                    | required        | CreateUserRequest.Human > CreateUserRequest_Human.Profile
  CreateUser      | human.profile.given_name                         | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.Profile > SetHumanProfile.GivenName
  CreateUser      | human.profile.family_name                        | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.Profile > SetHumanProfile.FamilyName
  CreateUser      | human.profile.nick_name                          | runes ..200     | CreateUserRequest.Human > CreateUserRequest_Human.Profile > SetHumanProfile.NickName
  CreateUser      | human.profile.display_name                       | runes ..200     | CreateUserRequest.Human > CreateUserRequest_Human.Profile > SetHumanProfile.DisplayName
  CreateUser      | human.profile.preferred_language                 | runes ..10      | CreateUserRequest.Human > CreateUserRequest_Human.Profile > SetHumanProfile.PreferredLanguage
  CreateUser      | human.email                                      | required        | CreateUserRequest.Human > CreateUserRequest_Human.Email
  CreateUser      | human.email.email                                | email 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.Email > SetHumanEmail.Email
  CreateUser      | human.email.send_code.url_template               | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.Email > SetHumanEmail.SendCode > SendEmailVerificationCode.UrlTemplate
  CreateUser      | human.phone.phone                                | runes 0..200    | CreateUserRequest.Human > CreateUserRequest_Human.Phone > SetHumanPhone.Phone
  CreateUser      | human.phone.is_verified                          | true            | CreateUserRequest.Human > CreateUserRequest_Human.Phone > SetHumanPhone.IsVerified
  CreateUser      | human.password.password                          | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.Password > Password.Password
  CreateUser      | human.hashed_password.hash                       | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.HashedPassword > HashedPassword.Hash
  CreateUser      | human.idp_links[0].idp_id                        | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.IdpLinks[0] > IDPLink.IdpId
  CreateUser      | human.idp_links[0].user_id                       | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.IdpLinks[0] > IDPLink.UserId
  CreateUser      | human.idp_links[0].user_name                     | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.IdpLinks[0] > IDPLink.UserName
  CreateUser      | human.totp_secret                                | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.TotpSecret
  CreateUser      | human.metadata[0].key                            | runes 1..200    | CreateUserRequest.Human > CreateUserRequest_Human.Metadata[0] > Metadata.Key
  CreateUser      | human.metadata[0].value                          | bytes 1..500000 | CreateUserRequest.Human > CreateUserRequest_Human.Metadata[0] > Metadata.Value
  CreateUser      | machine.name                                     | runes 1..200    | CreateUserRequest.Machine > CreateUserRequest_Machine.Name
  CreateUser      | machine.description                              | runes 1..500    | CreateUserRequest.Machine > CreateUserRequest_Machine.Description
  CreateUser      | user_type                                        | required        | CreateUserRequest.UserType
  UpdateHumanUser | user_id                                          | runes 1..200    | UpdateHumanUserRequest.UserId
  UpdateHumanUser | username                                         | runes 1..200    | UpdateHumanUserRequest.Username
  UpdateHumanUser | profile.given_name                               | runes 1..200    | UpdateHumanUserRequest.Profile > SetHumanProfile.GivenName
  UpdateHumanUser | profile.family_name                              | runes 1..200    | UpdateHumanUserRequest.Profile > SetHumanProfile.FamilyName
  UpdateHumanUser | profile.nick_name                                | runes ..200     | UpdateHumanUserRequest.Profile > SetHumanProfile.NickName
  UpdateHumanUser | profile.display_name                             | runes ..200     | UpdateHumanUserRequest.Profile > SetHumanProfile.DisplayName
  UpdateHumanUser | profile.preferred_language                       | runes ..10      | UpdateHumanUserRequest.Profile > SetHumanProfile.PreferredLanguage
  UpdateHumanUser | email.email                                      | email 1..200    | UpdateHumanUserRequest.Email > SetHumanEmail.Email
  UpdateHumanUser | email.send_code.url_template                     | runes 1..200    | UpdateHumanUserRequest.Email > SetHumanEmail.SendCode > SendEmailVerificationCode.UrlTemplate
  UpdateHumanUser | phone.phone                                      | runes 0..200    | UpdateHumanUserRequest.Phone > SetHumanPhone.Phone
  UpdateHumanUser | phone.is_verified                                | true            | UpdateHumanUserRequest.Phone > SetHumanPhone.IsVerified
  UpdateHumanUser | password.password.password                       | runes 1..200    | UpdateHumanUserRequest.Password > SetPassword.Password > Password.Password
  UpdateHumanUser | password.hashed_password.hash                    | runes 1..200    | UpdateHumanUserRequest.Password > SetPassword.HashedPassword > HashedPassword.Hash
  UpdateHumanUser | password.current_password                        | runes 1..200    | UpdateHumanUserRequest.Password > SetPassword.CurrentPassword
  UpdateHumanUser | password.verification_code                       | runes 1..20     | UpdateHumanUserRequest.Password > SetPassword.VerificationCode
  UpdateUser      | user_id                                          | runes 1..200    | UpdateUserRequest.UserId
  UpdateUser      | username                                         | runes 1..200    | UpdateUserRequest.Username
  UpdateUser      | human.profile.given_name                         | runes 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Profile > UpdateUserRequest_Human_Profile.GivenName
  UpdateUser      | human.profile.family_name                        | runes 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Profile > UpdateUserRequest_Human_Profile.FamilyName
  UpdateUser      | human.profile.nick_name                          | runes 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Profile > UpdateUserRequest_Human_Profile.NickName
  UpdateUser      | human.profile.display_name                       | runes 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Profile > UpdateUserRequest_Human_Profile.DisplayName
  UpdateUser      | human.profile.preferred_language                 | runes 1..10     | UpdateUserRequest.Human > UpdateUserRequest_Human.Profile > UpdateUserRequest_Human_Profile.PreferredLanguage
  UpdateUser      | human.profile.gender                             | defined         | UpdateUserRequest.Human > UpdateUserRequest_Human.Profile > UpdateUserRequest_Human_Profile.Gender
  UpdateUser      | human.email.email                                | email 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Email > SetHumanEmail.Email
  UpdateUser      | human.email.send_code.url_template               | runes 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Email > SetHumanEmail.SendCode > SendEmailVerificationCode.UrlTemplate
  UpdateUser      | human.phone.phone                                | runes 0..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Phone > SetHumanPhone.Phone
  UpdateUser      | human.phone.is_verified                          | true            | UpdateUserRequest.Human > UpdateUserRequest_Human.Phone > SetHumanPhone.IsVerified
  UpdateUser      | human.password.password.password                 | runes 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Password > SetPassword.Password > Password.Password
  UpdateUser      | human.password.hashed_password.hash              | runes 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Password > SetPassword.HashedPassword > HashedPassword.Hash
  UpdateUser      | human.password.current_password                  | runes 1..200    | UpdateUserRequest.Human > UpdateUserRequest_Human.Password > SetPassword.CurrentPassword
  UpdateUser      | human.password.verification_code                 | runes 1..20     | UpdateUserRequest.Human > UpdateUserRequest_Human.Password > SetPassword.VerificationCode
  UpdateUser      | machine.name                                     | runes ..200     | UpdateUserRequest.Machine > UpdateUserRequest_Machine.Name
  UpdateUser      | machine.description                              | runes ..500     | UpdateUserRequest.Machine > UpdateUserRequest_Machine.Description
  GetUserByID     | user_id                                          | runes 1..200    | GetUserByIDRequest.UserId
  ListUsers       | queries[0].user_name_query.user_name             | runes 1..200    | ListUsersRequest.Queries[0] > SearchQuery.UserNameQuery > UserNameQuery.UserName
  ListUsers       | queries[0].user_name_query.method                | defined         | ListUsersRequest.Queries[0] > SearchQuery.UserNameQuery > UserNameQuery.Method
  ListUsers       | queries[0].first_name_query.first_name           | runes 1..200    | ListUsersRequest.Queries[0] > SearchQuery.FirstNameQuery > FirstNameQuery.FirstName
  ListUsers       | queries[0].first_name_query.method               | defined         | ListUsersRequest.Queries[0] > SearchQuery.FirstNameQuery > FirstNameQuery.Method
  ListUsers       | queries[0].last_name_query.last_name             | runes 1..200    | ListUsersRequest.Queries[0] > SearchQuery.LastNameQuery > LastNameQuery.LastName
  ListUsers       | queries[0].last_name_query.method                | defined         | ListUsersRequest.Queries[0] > SearchQuery.LastNameQuery > LastNameQuery.Method
  ListUsers       | queries[0].nick_name_query.nick_name             | runes 1..200    | ListUsersRequest.Queries[0] > SearchQuery.NickNameQuery > NickNameQuery.NickName
  ListUsers       | queries[0].nick_name_query.method                | defined         | ListUsersRequest.Queries[0] > SearchQuery.NickNameQuery > NickNameQuery.Method
  ListUsers       | queries[0].display_name_query.display_name       | runes 1..200    | ListUsersRequest.Queries[0] > SearchQuery.DisplayNameQuery > DisplayNameQuery.DisplayName
  ListUsers       | queries[0].display_name_query.method             | defined         | ListUsersRequest.Queries[0] > SearchQuery.DisplayNameQuery > DisplayNameQuery.Method
  ListUsers       | queries[0].email_query.email_address             | runes ..200     | ListUsersRequest.Queries[0] > SearchQuery.EmailQuery > EmailQuery.EmailAddress
  ListUsers       | queries[0].email_query.method                    | defined         | ListUsersRequest.Queries[0] > SearchQuery.EmailQuery > EmailQuery.Method
  ListUsers       | queries[0].state_query.state                     | defined         | ListUsersRequest.Queries[0] > SearchQuery.StateQuery > StateQuery.State
  ListUsers       | queries[0].type_query.type                       | defined         | ListUsersRequest.Queries[0] > SearchQuery.TypeQuery > TypeQuery.Type
  ListUsers       | queries[0].login_name_query.login_name           | runes 1..200    | ListUsersRequest.Queries[0] > SearchQuery.LoginNameQuery > LoginNameQuery.LoginName
  ListUsers       | queries[0].login_name_query.method               | defined         | ListUsersRequest.Queries[0] > SearchQuery.LoginNameQuery > LoginNameQuery.Method
  ListUsers       | queries[0].organization_id_query.organization_id | runes 1..200    | ListUsersRequest.Queries[0] > SearchQuery.OrganizationIdQuery > OrganizationIdQuery.OrganizationId
  ListUsers       | queries[0].phone_query.number                    | runes ..20      | ListUsersRequest.Queries[0] > SearchQuery.PhoneQuery > PhoneQuery.Number
  ListUsers       | queries[0].phone_query.method                    | defined         | ListUsersRequest.Queries[0] > SearchQuery.PhoneQuery > PhoneQuery.Method
  ListUsers       | queries[0].query                                 | required        | ListUsersRequest.Queries[0] > SearchQuery.Query
  DeactivateUser  | user_id                                          | runes 1..200    | DeactivateUserRequest.UserId
  ReactivateUser  | user_id                                          | runes 1..200    | ReactivateUserRequest.UserId
  LockUser        | user_id                                          | runes 1..200    | LockUserRequest.UserId
  UnlockUser      | user_id                                          | runes 1..200    | UnlockUserRequest.UserId
  DeleteUser      | user_id                                          | runes 1..200    | DeleteUserRequest.UserId
`;

type RuleKind = "runes" | "email" | "bytes" | "true" | "defined" | "required";

interface Row {
  readonly method: string;
  /** In proto names, as google.rpc.BadRequest has it. */
  readonly path: string;
  readonly kind: RuleKind;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly goPath: readonly string[];
}

const rows = TABLE.trim().split("\n").map(parseRow);

function parseRow(line: string): Row {
  const [method = "", path = "", rule = "", chain = ""] = line.split("|").map((cell) => cell.trim());
  const [kind, min, max] = rule.split(/ |\.\./);
  return {
    method,
    path,
    kind: kind as RuleKind,
    min: min ? Number(min) : undefined,
    max: max ? Number(max) : undefined,
    goPath: chain.split(" > "),
  };
}

/** What protoc-gen-validate says of a broken rule. */
function problemOf({ kind, min, max }: Row): string {
  switch (kind) {
    case "runes":
    case "email":
    case "bytes": {
      const unit = kind === "bytes" ? "bytes" : "runes";
      // A limit that is declared is named, zero too.
      return min === undefined
        ? `value length must be at most ${max} ${unit}`
        : `value length must be between ${min} and ${max} ${unit}, inclusive`;
    }
    case "true":
      return "value must equal true";
    case "defined":
      return "value must be one of the defined enum values";
    case "required":
      return "value is required";
  }
}

function violationOf(goPath: readonly string[], field: string, description: string): Violation {
  const last = goPath.at(-1) ?? "";
  const around = goPath
    .slice(0, -1)
    .map((name) => `invalid ${name}: embedded message failed validation | caused by: `);
  return { text: `${around.join("")}invalid ${last}: ${description}`, fault: { field, description } };
}

const EMAIL_OF_200 = `${"a".repeat(64)}@${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(7)}`;

/** Values that the rule allows. "Longest" is counted in code points: an astral symbol is one. */
function goodValues({ kind, min = 0, max = 0 }: Row, field: DescField | undefined): readonly unknown[] {
  switch (kind) {
    case "runes":
      return ["x".repeat(min), "x".repeat(max), "😀".repeat(max), "é".repeat(max)];
    case "email":
      return ["a@b.co", "ada.lovelace+tag@mail.example.com", EMAIL_OF_200, "a@xn--bcher-kva.example"];
    case "bytes":
      return [new Uint8Array(min), new Uint8Array(max)];
    case "true":
      return [true];
    case "defined":
      return field?.enum?.values.map(({ number }) => number) ?? [];
    case "required":
      return [];
  }
}

/** Values that break the rule; undefined stands for none. */
function badValues({ kind, min = 0, max = 0 }: Row): readonly unknown[] {
  switch (kind) {
    case "runes":
    case "email": {
      const short = min > 0 ? ["x".repeat(min - 1)] : [];
      return [...short, "x".repeat(max + 1), "😀".repeat(max + 1), "e\u0301".repeat(max)];
    }
    case "bytes":
      return [new Uint8Array(min - 1), new Uint8Array(max + 1)];
    case "true":
      return [false];
    case "defined":
      return [77, -1, 2 ** 31 - 1];
    case "required":
      return [undefined];
  }
}

const rules = new RequestRules();

function inputOf(method: string): DescMessage {
  const found = UserService.methods.find(({ name }) => name === method);
  if (found === undefined) throw new Error(`no method ${method}`);
  return found.input;
}

/** The shortest message that keeps all rules. */
function minimal(schema: DescMessage): ReflectMessage {
  const message = reflect(schema);
  for (const field of schema.fields) {
    if (field.oneof === undefined && !field.proto.proto3Optional) fill(message, field);
  }
  for (const oneof of schema.oneofs.filter(isRequired)) {
    const [first] = oneof.fields;
    if (first?.fieldKind === "message") message.set(first, minimal(first.message));
  }
  return message;
}

function fill(message: ReflectMessage, field: DescField): void {
  const declared = hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
  if (field.fieldKind === "message" && declared?.message?.required === true) {
    message.set(field, minimal(field.message));
  } else if (field.fieldKind === "scalar" && declared?.type.case === "string") {
    message.set(field, declared.type.value.wellKnown.case === "email" ? "a@b.co" : "x");
  } else if (field.fieldKind === "scalar" && declared?.type.case === "bytes") {
    message.set(field, new Uint8Array(1));
  }
}

function isRequired(oneof: DescOneof): boolean {
  return hasOption(oneof, oneofRequired) && getOption(oneof, oneofRequired);
}

interface Place {
  readonly message: ReflectMessage;
  readonly name: string;
}

/** The message that holds the last name of a path; what is missing on the way is made, and valid. */
function placeOf(root: ReflectMessage, path: string): Place {
  const names = path.split(".");
  const name = names.pop() ?? "";
  return { message: names.reduce(enter, root), name };
}

function enter(message: ReflectMessage, part: string): ReflectMessage {
  const [, name, index] = /^(\w+)(?:\[(\d+)\])?$/.exec(part) ?? [];
  const field = message.fields.find((candidate) => candidate.name === name);
  if (field?.fieldKind === "message") {
    if (!message.isSet(field)) message.set(field, minimal(field.message));
    return message.get(field);
  }
  if (field?.fieldKind === "list" && field.listKind === "message") {
    const list = message.get(field);
    while (list.size <= Number(index)) list.add(minimal(field.message));
    return list.get(Number(index)) as ReflectMessage;
  }
  throw new Error(`no message ${part} in ${message.desc.typeName}`);
}

function fieldAt({ message, name }: Place): DescField | undefined {
  return message.fields.find((field) => field.name === name);
}

function setAt(place: Place, value: unknown): void {
  const { message, name } = place;
  const field = fieldAt(place);
  const chosen = message.oneofs
    .find((oneof) => oneof.name === name)
    ?.fields.find((member) => message.isSet(member));
  if (value === undefined) {
    if (field !== undefined) message.clear(field);
    else if (chosen !== undefined) message.clear(chosen);
  } else if (field !== undefined && field.fieldKind !== "map" && field.fieldKind !== "list") {
    message.set(field, value);
  } else {
    throw new Error(`no single field ${name}`);
  }
}

/** What the rules say of a request that is valid but for one value. */
function checkWith({ method, path }: Row, value: unknown): Violation | undefined {
  const root = minimal(inputOf(method));
  setAt(placeOf(root, path), value);
  return rules.check(root.desc, root.message);
}

describe("the table", () => {
  test("has every rule of every served request", () => {
    const declared = UserService.methods.flatMap(({ name, input }) =>
      rulesBelow(input, "", new Set()).map((path) => `${name} ${path}`),
    );
    expect(rows.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(declared.toSorted());
  });

  test.each(UserService.methods.map(({ name }) => name))("%s: a request without a fault passes", (method) => {
    const { desc, message } = minimal(inputOf(method));
    expect(rules.check(desc, message)).toBeUndefined();
  });
});

/** Paths of fields with rules; messages that contain themselves once. */
function rulesBelow(schema: DescMessage, path: string, around: ReadonlySet<DescMessage>): string[] {
  if (around.has(schema) || schema.typeName.startsWith("google.")) return [];
  const inside = new Set([...around, schema]);
  const ofFields = schema.fields.flatMap((field) => {
    const index = field.fieldKind === "list" ? "[0]" : "";
    const own = hasOption(field, fieldRules) ? [`${path}${field.name}`] : [];
    const nested = field.message && rulesBelow(field.message, `${path}${field.name}${index}.`, inside);
    return [...own, ...(nested ?? [])];
  });
  return [...ofFields, ...schema.oneofs.filter(isRequired).map(({ name }) => `${path}${name}`)];
}

describe.each(rows.map((row) => [row.method, row.path, row] as const))("%s %s", (_method, path, row) => {
  const violation = violationOf(row.goPath, path, problemOf(row));

  test(`passes when it keeps the rule: ${row.kind}`, () => {
    const field = fieldAt(placeOf(minimal(inputOf(row.method)), path));
    for (const value of goodValues(row, field)) expect(checkWith(row, value)).toBeUndefined();
  });

  test(violation.text, () => {
    for (const value of badValues(row)) expect(checkWith(row, value)).toEqual(violation);
  });
});

describe("e-mail addresses", () => {
  const hostname = "hostname part must be non-empty and cannot exceed 63 characters";
  test.each([
    ["ada", "mail: missing '@' or angle-addr"],
    [`${"a".repeat(65)}@b.co`, "email address local phrase cannot exceed 64 characters"],
    [`a@${"b".repeat(64)}.co`, hostname],
    ["a@-b.co", "hostname parts cannot begin with hyphens"],
    ["a@b-.co", "hostname parts cannot end with hyphens"],
    ["a@b_c.co", `hostname parts can only contain alphanumeric characters or hyphens, got "_"`],
    ["a@bücher.example", `hostname parts can only contain alphanumeric characters or hyphens, got "ü"`],
  ])("%s", (address, cause) => {
    const description = `value must be a valid email address | caused by: ${cause}`;
    for (const row of rows.filter(({ kind }) => kind === "email")) {
      expect(checkWith(row, address)).toEqual(violationOf(row.goPath, row.path, description));
    }
  });
});

describe("the first violation is reported", () => {
  function check(method: string, json: JsonObject): string | undefined {
    const schema = inputOf(method);
    return rules.check(schema, fromJson(schema, json))?.text;
  }
  const long = "x".repeat(201);
  const profile = { givenName: "Ada", familyName: "Lovelace" };
  const email = { email: "ada@example.com" };
  const inner = "embedded message failed validation | caused by: invalid";
  const between = "value length must be between 1 and 200 runes, inclusive";

  test.each<[what: string, method: string, json: JsonObject, text: string]>([
    [
      "plain fields in the order of the file",
      "VerifyEmail",
      {},
      `invalid VerifyEmailRequest.UserId: ${between}`,
    ],
    [
      "plain before oneofs",
      "SetEmail",
      { userId: "1", email: long, isVerified: false },
      `invalid SetEmailRequest.Email: ${between}`,
    ],
    [
      "oneofs after plain",
      "SetEmail",
      { userId: "1", email: "a@b.co", isVerified: false },
      "invalid SetEmailRequest.IsVerified: value must equal true",
    ],
    [
      "plain before optional",
      "AddHumanUser",
      { userId: "", username: long },
      "invalid AddHumanUserRequest.Profile: value is required",
    ],
    [
      "order of the file, not of numbers",
      "AddHumanUser",
      { email: { email: "" } },
      "invalid AddHumanUserRequest.Profile: value is required",
    ],
    [
      "oneofs before optional",
      "AddHumanUser",
      { userId: "", profile, email, password: {} },
      `invalid AddHumanUserRequest.Password: ${inner} Password.Password: ${between}`,
    ],
    [
      "optional in the order of the file",
      "AddHumanUser",
      { totpSecret: "", username: "", userId: "", profile, email },
      `invalid AddHumanUserRequest.UserId: ${between}`,
    ],
    [
      "a oneof that is required after its members",
      "CreateUser",
      { organizationId: "1", username: "" },
      "invalid CreateUserRequest.UserType: value is required",
    ],
    [
      "inside before what follows",
      "AddHumanUser",
      { profile: { givenName: "Ada" } },
      `invalid AddHumanUserRequest.Profile: ${inner} SetHumanProfile.FamilyName: ${between}`,
    ],
    [
      "the first broken element",
      "ListUsers",
      { queries: [{ stateQuery: {} }, {}, { nickNameQuery: {} }] },
      `invalid ListUsersRequest.Queries[1]: ${inner} SearchQuery.Query: value is required`,
    ],
  ])("%s", (_what, method, json, text) => {
    expect(check(method, json)).toBe(text);
  });

  test("queries nest, and the path says where", () => {
    const schema = inputOf("ListUsers");
    const fault = { notQuery: { query: { loginNameQuery: { loginName: long } } } };
    const json = {
      queries: [{ orQuery: { queries: [{ typeQuery: {} }, { andQuery: { queries: [fault] } }] } }],
    };
    expect(rules.check(schema, fromJson(schema, json))).toEqual({
      text:
        `invalid ListUsersRequest.Queries[0]: ${inner} SearchQuery.OrQuery: ${inner} OrQuery.Queries[1]: ` +
        `${inner} SearchQuery.AndQuery: ${inner} AndQuery.Queries[0]: ${inner} SearchQuery.NotQuery: ` +
        `${inner} NotQuery.Query: ${inner} SearchQuery.LoginNameQuery: ${inner} LoginNameQuery.LoginName: ${between}`,
      fault: {
        field:
          "queries[0].or_query.queries[1].and_query.queries[0].not_query.query.login_name_query.login_name",
        description: between,
      },
    });
  });

  test("absent is not empty, where the field is optional", () => {
    expect(check("SendEmailCode", { userId: "1", sendCode: {} })).toBeUndefined();
    expect(check("SendEmailCode", { userId: "1" })).toBeUndefined();
    expect(check("UpdateHumanUser", { userId: "1" })).toBeUndefined();
    expect(check("UpdateUser", { userId: "1", human: { profile: {} } })).toBeUndefined();
    expect(check("AddHumanUser", { profile: { ...profile, nickName: "" }, email })).toBeUndefined();
    expect(check("ListUsers", {})).toBeUndefined();
  });
});

describe("a message that keeps all rules", () => {
  test.each(UserService.methods.map(({ name }) => name))("%s passes", (method) => {
    const schema = inputOf(method);
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const { message } = anyValid(schema, gen, 0);
        expect(rules.check(schema, message)).toBeUndefined();
      }),
    );
  });

  /** From the descriptors, by the rules as they are declared. */
  function anyValid(schema: DescMessage, gen: GeneratorValue, depth: number): ReflectMessage {
    const message = reflect(schema);
    for (const field of schema.fields.filter(({ oneof }) => oneof === undefined)) {
      if (!field.proto.proto3Optional || gen(fc.boolean)) setValid(message, field, gen, depth);
    }
    for (const oneof of schema.oneofs) {
      // Deep down a query that holds no queries, so that an end comes.
      const members = oneof.fields.filter((field) => depth < 4 || !/or_|and_|not_/.test(field.name));
      const chosen = members[gen(fc.nat, isRequired(oneof) ? members.length - 1 : members.length)];
      if (chosen !== undefined) setValid(message, chosen, gen, depth);
    }
    return message;
  }

  function setValid(message: ReflectMessage, field: DescField, gen: GeneratorValue, depth: number): void {
    const declared = hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
    if (field.fieldKind === "message") {
      const isNeeded = declared?.message?.required === true || field.oneof !== undefined;
      if (isNeeded || gen(fc.boolean)) message.set(field, anyValid(field.message, gen, depth + 1));
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      const count = gen(fc.nat, 2);
      for (let at = 0; at < count; at += 1) message.get(field).add(anyValid(field.message, gen, depth + 1));
    } else if (field.fieldKind === "enum") {
      message.set(field, gen(fc.constantFrom, ...field.enum.values.map(({ number }) => number)));
    } else if (field.fieldKind === "scalar") {
      switch (declared?.type.case) {
        case "string": {
          const { minLen, maxLen, wellKnown } = declared.type.value;
          const limits = { minLength: Number(minLen), maxLength: Number(maxLen) };
          message.set(
            field,
            wellKnown.case === "email"
              ? gen(fc.constantFrom, "a@b.co", EMAIL_OF_200)
              : gen(fc.string, { unit: "binary", ...limits }),
          );
          break;
        }
        case "bytes":
          message.set(
            field,
            gen(fc.uint8Array, { minLength: Number(declared.type.value.minLen), maxLength: 9 }),
          );
          break;
        case "bool":
          message.set(field, true);
          break;
        default:
      }
    }
  }
});

describe("rules that our contract does not use", () => {
  /** Fields with a rule each, and what the compiler says of those that it does not know. */
  const unknown: readonly [field: string, rule: string][] = [
    [`string a = 1 [(validate.rules).string.const = "x"]`, "const"],
    [`string a = 1 [(validate.rules).string.pattern = "x"]`, "pattern"],
    [`string a = 1 [(validate.rules).string = {in: ["x"]}]`, "in"],
    [`string a = 1 [(validate.rules).string = {min_len: 1, max_bytes: 2}]`, "maxBytes"],
    [`string a = 1 [(validate.rules).string.hostname = true]`, "hostname"],
    [`string a = 1 [(validate.rules).string.uuid = true]`, "uuid"],
    [`bytes a = 1 [(validate.rules).bytes.ip = true]`, "wellKnown"],
    [`bytes a = 1 [(validate.rules).bytes.prefix = "x"]`, "prefix"],
    [`int32 a = 1 [(validate.rules).int32.gt = 0]`, "int32"],
    [`uint64 a = 1 [(validate.rules).uint64.lte = 5]`, "uint64"],
    [`double a = 1 [(validate.rules).double.gte = 0]`, "double"],
    [`Kind a = 1 [(validate.rules).enum.const = 1]`, "const"],
    [`Kind a = 1 [(validate.rules).enum = {not_in: [0]}]`, "notIn"],
    [`repeated string a = 1 [(validate.rules).repeated.min_items = 1]`, "repeated"],
    [`map<string, string> a = 1 [(validate.rules).map.min_pairs = 1]`, "map"],
    [`google.protobuf.Duration a = 1 [(validate.rules).duration.required = true]`, "duration"],
    [`google.protobuf.Timestamp a = 1 [(validate.rules).timestamp.lt_now = true]`, "timestamp"],
  ];
  let schemaOf: (name: string) => DescMessage;

  beforeAll(async () => {
    const messages = unknown.map(([field], index) => `message Unknown${index} { ${field}; }`);
    const registry = await compileProto({
      "test/rules.proto": `syntax = "proto3"; package test;
        import "google/protobuf/duration.proto";
        import "google/protobuf/timestamp.proto";
        import "google/protobuf/wrappers.proto";
        import "validate/validate.proto";
        enum Kind { KIND_UNSPECIFIED = 0; KIND_ONE = 1; }
        message Inner { string a = 1 [(validate.rules).string.min_len = 1]; }
        message Off { option (validate.disabled) = true; string a = 1 [(validate.rules).string.min_len = 1]; }
        message Inside { message Deep { Inner b = 1; } Deep c = 1; }
        message InMap { map<string, Inner> a = 1; }
        message PlainMap { map<string, string> a = 1; }
        message Known {
          string min = 1 [(validate.rules).string.min_len = 2];
          string exact = 2 [(validate.rules).string.len = 2];
          string same = 3 [(validate.rules).string = {min_len: 3, max_len: 3}];
          bytes few = 4 [(validate.rules).bytes.min_len = 1];
          bytes exactly = 5 [(validate.rules).bytes.len = 1];
          string not_mail = 6 [(validate.rules).string.email = false];
          bool any = 7 [(validate.rules).bool = {}];
          Kind open = 8 [(validate.rules).enum = {}];
          string no_rule = 9 [(validate.rules).string = {}];
          Inner skipped = 10 [(validate.rules).message.skip = true];
          Off off = 11;
          google.protobuf.StringValue wrapped = 12 [(validate.rules).string.min_len = 2];
          optional Inner maybe = 13 [(validate.rules).message.required = true];
          oneof choice { Inner chosen = 14 [(validate.rules).message.required = true]; string other = 15; }
          google.protobuf.Timestamp when = 16 [(validate.rules).message.required = true];
        }
        ${messages.join("\n")}`,
    });
    schemaOf = (name) => {
      const schema = registry.getMessage(`test.${name}`);
      if (schema === undefined) throw new Error(`no message ${name}`);
      return schema;
    };
  });

  test.each(unknown.map(([field, rule], index) => [field, rule, index] as const))(
    "%s stops the start",
    (_field, rule, index) => {
      expect(() => new RequestRules().compile(schemaOf(`Unknown${index}`))).toThrow(
        new Error(`test.Unknown${index}.a: no check for the rule ${rule}`),
      );
    },
  );

  test("messages in a map stop the start, other maps do not", () => {
    expect(() => new RequestRules().compile(schemaOf("InMap"))).toThrow(
      "test.InMap.a: no check for messages in a map",
    );
    expect(new RequestRules().check(schemaOf("PlainMap"), create(schemaOf("PlainMap")))).toBeUndefined();
  });

  const valid: JsonObject = {
    min: "xx",
    exact: "xx",
    same: "xxx",
    few: "AQ==",
    exactly: "AQ==",
    notMail: "x",
    skipped: {},
    off: {},
    when: "1970-01-01T00:00:00Z",
  };

  function checkKnown(change: JsonObject): string | undefined {
    const schema = schemaOf("Known");
    return new RequestRules().check(schema, fromJson(schema, { ...valid, ...change }))?.text;
  }

  test("what they ask for, where there is a check", () => {
    expect(checkKnown({})).toBeUndefined();
    expect(checkKnown({ any: true, open: 7, noRule: "x", wrapped: "xx", other: "x" })).toBeUndefined();
    expect(checkKnown({ maybe: { a: "x" } })).toBeUndefined();
  });

  test.each<[change: JsonObject, field: string, problem: string]>([
    [{ min: "x" }, "Min", "value length must be at least 2 runes"],
    [{ exact: "xxx" }, "Exact", "value length must be 2 runes"],
    [{ same: "xx" }, "Same", "value length must be 3 runes"],
    [{ few: "" }, "Few", "value length must be at least 1 bytes"],
    [{ exactly: "AQI=" }, "Exactly", "value length must be 1 bytes"],
    [{ wrapped: "x" }, "Wrapped", "value length must be at least 2 runes"],
    [{ when: null }, "When", "value is required"],
    [
      { chosen: {} },
      "Chosen",
      "embedded message failed validation | caused by: invalid Inner.A: value length must be at least 1 runes",
    ],
    [
      { maybe: {} },
      "Maybe",
      "embedded message failed validation | caused by: invalid Inner.A: value length must be at least 1 runes",
    ],
  ])("%j breaks %s", (change, field, problem) => {
    expect(checkKnown(change)).toBe(`invalid Known.${field}: ${problem}`);
  });

  test("messages in messages are joined by underscores, as in Go", () => {
    const schema = schemaOf("Inside");
    const violation = new RequestRules().check(schema, fromJson(schema, { c: { b: {} } }));
    expect(violation?.text).toBe(
      "invalid Inside.C: embedded message failed validation | caused by: invalid Inside_Deep.B: " +
        "embedded message failed validation | caused by: invalid Inner.A: value length must be at least 1 runes",
    );
    expect(violation?.fault.field).toBe("c.b.a");
  });

  test("a message of another schema than the first is compiled when it comes", () => {
    const schema = schemaOf("Inner");
    const message: Message = fromJson(schema, {});
    expect(new RequestRules().check(schema, message)?.text).toBe(
      "invalid Inner.A: value length must be at least 1 runes",
    );
  });
});
