// Our declarations of ZITADEL's User Service against ZITADEL's own, as its npm package carries them.
import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  clone,
  create,
  createFileRegistry,
  createRegistry,
  getExtension,
  setExtension,
  type DescFile,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type DescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorSet,
  type MethodDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { file_zitadel_message as theirMessageFile } from "@zitadel/proto/zitadel/message_pb.js";
import { file_zitadel_user_v2_user_service as theirServiceFile } from "@zitadel/proto/zitadel/user/v2/user_service_pb.js";
import { globSync } from "node:fs";
import { join } from "node:path";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { field_behavior } from "../../gen/google/api/field_behavior_pb.ts";
import { required, rules } from "../../gen/validate/validate_pb.ts";
import { file_zitadel_message } from "../../gen/zitadel/message_pb.ts";
import { options } from "../../gen/zitadel/protoc_gen_zitadel/v2/options_pb.ts";
import { file_zitadel_user_v2_user_service } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { differences, factsOf, type Facts } from "../support/contract.ts";

const RPCS = [
  "SetEmail",
  "ResendEmailCode",
  "SendEmailCode",
  "VerifyEmail",
  "AddHumanUser",
  "CreateUser",
  "UpdateHumanUser",
  "UpdateUser",
  "GetUserByID",
  "ListUsers",
  "DeactivateUser",
  "ReactivateUser",
  "LockUser",
  "UnlockUser",
  "DeleteUser",
];

const ourFiles = withDependencies([file_zitadel_user_v2_user_service, file_zitadel_message]);
const ourTypes = ourFiles
  .filter(isOurs)
  .flatMap((file) => [...nestedTypes(file)].map((type) => type.typeName));
const theirRegistry = createRegistry(...withDependencies([theirServiceFile, theirMessageFile]));
const theirs = factsOf(theirRegistry, ourTypes, RPCS);

describe("our contract", () => {
  test("is all in the files that are compared", () => {
    const written = globSync("zitadel/**/*.proto", { cwd: join(import.meta.dirname, "../../proto") });
    const compared = ourFiles.filter(isOurs).map((file) => `${file.name}.proto`);
    expect(compared.toSorted()).toEqual(written.toSorted());
  });

  test("declares the RPCs that are served, no more and no fewer", () => {
    const service = file_zitadel_user_v2_user_service.services[0];
    expect(service?.typeName).toBe("zitadel.user.v2.UserService");
    expect(service?.methods.map((method) => method.name).toSorted()).toEqual(RPCS.toSorted());
  });

  test("is ZITADEL's, to the last type that an RPC leads to", () => {
    const ours = factsOf(createRegistry(...ourFiles), ourTypes, RPCS);
    expect(differences(ours, theirs)).toEqual([]);
    expect(ours.size).toBeGreaterThan(250);
  });

  test("lacks nothing that an RPC of theirs leads to", () => {
    const reachable = factsOf(theirRegistry, ["zitadel.user.v2.UserService"], RPCS);
    const ours = factsOf(createRegistry(...ourFiles), ["zitadel.user.v2.UserService"], RPCS);
    expect([...ours.keys()].toSorted()).toEqual([...reachable.keys()].toSorted());
  });
});

describe("a contract that was tampered with is reported", () => {
  let set: FileDescriptorSet;

  beforeEach(() => {
    set = create(FileDescriptorSetSchema, {
      file: ourFiles.map((file) => clone(FileDescriptorProtoSchema, file.proto)),
    });
  });

  test("untouched, it is not", () => {
    expect(reported()).toEqual([]);
  });

  test("a field's number", () => {
    fieldOf("SendEmailCodeRequest", "send_code").number = 9;
    expect(reported()).toEqual(["zitadel.user.v2.SendEmailCodeRequest.send_code"]);
  });

  test("a field's name", () => {
    fieldOf("HumanEmail", "is_verified").name = "verified";
    expect(reported()).toEqual([
      "zitadel.user.v2.HumanEmail.is_verified",
      "zitadel.user.v2.HumanEmail.verified",
    ]);
  });

  test("a field's JSON name", () => {
    fieldOf("HumanEmail", "is_verified").jsonName = "verified";
    expect(reported()).toEqual(["zitadel.user.v2.HumanEmail.is_verified"]);
  });

  test("a field's type", () => {
    fieldOf("HumanEmail", "email").type = FieldDescriptorProto_Type.BYTES;
    expect(reported()).toEqual(["zitadel.user.v2.HumanEmail.email"]);
  });

  test("a field's label", () => {
    fieldOf("HumanEmail", "email").label = FieldDescriptorProto_Label.REPEATED;
    expect(reported()).toEqual(["zitadel.user.v2.HumanEmail.email"]);
  });

  test("a field's presence", () => {
    const message = messageOf("SendEmailVerificationCode");
    const field = fieldOf("SendEmailVerificationCode", "url_template");
    message.oneofDecl = [];
    field.proto3Optional = false;
    delete (field as Partial<FieldDescriptorProto>).oneofIndex;
    expect(reported()).toEqual(["zitadel.user.v2.SendEmailVerificationCode.url_template"]);
  });

  test("a field's oneof", () => {
    const field = fieldOf("SetEmailRequest", "is_verified");
    delete (field as Partial<FieldDescriptorProto>).oneofIndex;
    expect(reported()).toEqual(["zitadel.user.v2.SetEmailRequest.is_verified"]);
  });

  test("a field that is gone", () => {
    const message = messageOf("User");
    message.field = message.field.filter((field) => field.name !== "details");
    expect(reported()).toEqual(["zitadel.user.v2.User.details"]);
  });

  test("a field too many", () => {
    const message = messageOf("HumanEmail");
    message.field.push({ ...fieldOf("HumanEmail", "email"), name: "domain", jsonName: "domain", number: 3 });
    expect(reported()).toEqual(["zitadel.user.v2.HumanEmail.domain"]);
  });

  test("a request rule", () => {
    const field = optionsOf(fieldOf("VerifyEmailRequest", "verification_code"));
    const rule = getExtension(field, rules);
    if (rule.type.case === "string") rule.type.value.maxLen = 21n;
    setExtension(field, rules, rule);
    expect(reported()).toEqual(["zitadel.user.v2.VerifyEmailRequest.verification_code"]);
  });

  test("a request rule that says nothing", () => {
    const field = optionsOf(fieldOf("SetHumanPhone", "phone"));
    const rule = getExtension(field, rules);
    if (rule.type.case === "string") delete (rule.type.value as { minLen?: bigint }).minLen;
    setExtension(field, rules, rule);
    expect(reported()).toEqual(["zitadel.user.v2.SetHumanPhone.phone"]);
  });

  test("a oneof that must be set", () => {
    const oneof = messageOf("SearchQuery").oneofDecl[0]?.options;
    if (oneof !== undefined) setExtension(oneof, required, false);
    expect(reported()).toEqual(["zitadel.user.v2.SearchQuery.query"]);
  });

  test("a field's behavior", () => {
    setExtension(optionsOf(fieldOf("VerifyEmailRequest", "user_id")), field_behavior, []);
    expect(reported()).toEqual(["zitadel.user.v2.VerifyEmailRequest.user_id"]);
  });

  test("an enum value's number", () => {
    const value = set.file.flatMap((file) => file.enumType).find(({ name }) => name === "UserState")
      ?.value[4];
    if (value !== undefined) value.number = 7;
    expect(reported()).toEqual(["zitadel.user.v2.UserState.USER_STATE_LOCKED"]);
  });

  test("an RPC's answer", () => {
    rpcOf("LockUser").outputType = ".zitadel.user.v2.UnlockUserResponse";
    expect(reported()).toEqual(["zitadel.user.v2.UserService.LockUser"]);
  });

  test("an RPC's streaming kind", () => {
    rpcOf("ListUsers").serverStreaming = true;
    expect(reported()).toEqual(["zitadel.user.v2.UserService.ListUsers"]);
  });

  test("an RPC's path", () => {
    const method = optionsOf(rpcOf("SendEmailCode"));
    setExtension(method, http, {
      ...getExtension(method, http),
      pattern: { case: "post", value: "/v2/send" },
    });
    expect(reported()).toEqual(["zitadel.user.v2.UserService.SendEmailCode"]);
  });

  test("an RPC's second path", () => {
    const method = optionsOf(rpcOf("SendEmailCode"));
    const rule = getExtension(method, http);
    setExtension(method, http, { ...rule, additionalBindings: [rule] });
    expect(reported()).toEqual(["zitadel.user.v2.UserService.SendEmailCode"]);
  });

  test("an RPC's permission", () => {
    const method = optionsOf(rpcOf("AddHumanUser"));
    const declared = getExtension(method, options);
    if (declared.authOption !== undefined) declared.authOption.permission = "authenticated";
    setExtension(method, options, declared);
    expect(reported()).toEqual(["zitadel.user.v2.UserService.AddHumanUser"]);
  });

  test("an RPC that is gone", () => {
    const service = set.file.flatMap((file) => file.service).find(({ name }) => name === "UserService");
    service?.method.pop();
    expect(reported()).toContain("zitadel.user.v2.UserService.DeleteUser");
  });

  function reported(): string[] {
    const ours: Facts = factsOf(createFileRegistry(set), ourTypes, RPCS);
    return differences(ours, theirs).map((line) => line.slice(0, line.indexOf(": ")));
  }

  function messageOf(name: string): DescriptorProto {
    return found(set.file.flatMap((file) => file.messageType).find((message) => message.name === name));
  }

  function fieldOf(message: string, name: string): FieldDescriptorProto {
    return found(messageOf(message).field.find((field) => field.name === name));
  }

  function rpcOf(name: string): MethodDescriptorProto {
    const methods = set.file.flatMap((file) => file.service).flatMap((service) => service.method);
    return found(methods.find((method) => method.name === name));
  }
});

function optionsOf<T>(desc: { options?: T | undefined }): T {
  return found(desc.options);
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("The contract has lost something that this test tampers with.");
  return value;
}

function isOurs(file: DescFile): boolean {
  return file.name.startsWith("zitadel/");
}

/** The files and all that they import, what is imported first. */
function withDependencies(files: readonly DescFile[]): DescFile[] {
  return [...new Set(files.flatMap((file) => [...withDependencies(file.dependencies), file]))];
}
