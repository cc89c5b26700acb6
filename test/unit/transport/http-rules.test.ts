import { beforeAll, describe, expect, test } from "@jest/globals";
import type { DescField, DescService } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { UserService } from "../../../gen/zitadel/user/v2/user_service_pb.ts";
import { RouteTable, type RouteMatch } from "../../../src/transport/http-rules.ts";
import { compileProto, serviceOf } from "../../support/compile-proto.ts";
import { compileLibrary } from "../../support/library.ts";

let library: RouteTable;
const users = new RouteTable([UserService]);

beforeAll(async () => {
  library = new RouteTable([await compileLibrary()]);
});

/** What a request finds, in one line. */
function shown(match: RouteMatch): string {
  if (match.kind === "otherVerbs") return `otherVerbs ${match.verbs.join(", ")}`;
  if (match.kind !== "found") return match.kind;
  const bindings = match.bindings.map(({ fields, value }) => ` ${pathOf(fields)}=${value}`);
  return `${match.route.method.name}${bindings.join("")}`;
}

function pathOf(fields: readonly DescField[]): string {
  return fields.map((field) => field.name).join(".");
}

describe("our own routes", () => {
  test.each([
    ["POST /v2/users/human", "AddHumanUser"],
    ["GET /v2/users/1", "GetUserByID user_id=1"],
    ["HEAD /v2/users/1", "GetUserByID user_id=1"],
    ["POST /v2/users", "ListUsers"],
    ["POST /v2/users/1/email", "SetEmail user_id=1"],
    ["POST /v2/users/1/email/resend", "ResendEmailCode user_id=1"],
    ["POST /v2/users/1/email/send", "SendEmailCode user_id=1"],
    ["POST /v2/users/1/email/verify", "VerifyEmail user_id=1"],
    ["PUT /v2/users/human/1", "UpdateHumanUser user_id=1"],
    ["POST /v2/users/1/deactivate", "DeactivateUser user_id=1"],
    ["POST /v2/users/1/reactivate", "ReactivateUser user_id=1"],
    ["POST /v2/users/1/lock", "LockUser user_id=1"],
    ["POST /v2/users/1/unlock", "UnlockUser user_id=1"],
    ["DELETE /v2/users/1", "DeleteUser user_id=1"],
    ["DELETE /v2/users/human", "DeleteUser user_id=human"],
    ["POST /v2/users/human/lock", "LockUser user_id=human"],
    ["GET /v2/users/a%2Fb%3Ac%20%F0%9F%98%80", "GetUserByID user_id=a/b:c 😀"],
    ["GET /v2/users/a:b", "GetUserByID user_id=a:b"],
    ["GET /v2/users/%ff", "malformed"],
    ["POST /v2/users/%/lock", "malformed"],
    ["PATCH /v2/users/1", "otherVerbs GET, HEAD, DELETE"],
    ["GET /v2/users/1/lock", "otherVerbs POST"],
    ["POST /v2/users/new", "otherVerbs GET, HEAD, DELETE"],
    ["GET /v2/user/1", "unknown"],
  ])("%s: %s", (request, expected) => {
    const [verb = "", path = ""] = request.split(" ");
    expect(shown(users.match(verb, path))).toBe(expected);
  });

  test("every method with a rule has its routes, in order", () => {
    const bound = users.routes.map(({ verb, template }) => `${verb} ${template.text}`);
    expect(bound).toHaveLength(13);
    expect(bound[0]).toBe("POST /v2/users/{user_id}/email");
    expect(users.routes.map(({ method }) => method.name)).not.toContain("CreateUser");
  });

  test("any id reaches its method whole", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (id) => {
        const match = users.match("POST", `/v2/users/${encodeURIComponent(id)}/email/send`);
        if (match.kind !== "found") throw new Error(match.kind);
        expect(match.route.method.name).toBe("SendEmailCode");
        expect(match.bindings.map(({ value }) => value)).toEqual([id]);
      }),
    );
  });

  test("any path has an answer", () => {
    const kinds = ["found", "otherVerbs", "malformed", "unknown"];
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.webPath(), fc.string(), (text, path, verb) => {
        for (const tried of [text, path, `/v2/users/${text}`, `/v2${path}`]) {
          expect(kinds).toContain(users.match(verb, tried).kind);
        }
      }),
    );
  });
});

describe("the library's routes", () => {
  test.each([
    ["GET /v1/shelves/1/books/2", "GetBook name=shelves/1/books/2"],
    ["GET /v1/shelves/a%2Fb/books/c%20d", "GetBook name=shelves/a%2Fb/books/c d"],
    ["GET /v1/shelves/1/books/%zz", "malformed"],
    ["GET /v1/shelves/1", "GetShelf id=1"],
    ["GET /v1/rooms/a/shelves/1", "GetShelf room=a id=1"],
    ["GET /v1/rooms/a/any", "GetShelf"],
    ["GET /v1/shelves/new", "GetNewShelf"],
    ["DELETE /v1/shelves/new", "DeleteShelf shelf=new"],
    ["POST /v1/shelves/1/books", "CreateBook parent=shelves/1"],
    ["PATCH /v1/shelves/1/books/2", "UpdateBook book.name=shelves/1/books/2"],
    ["POST /v1/shelves/1/books/2:archive", "ArchiveBook name=shelves/1/books/2"],
    ["POST /v1/shelves/1/books/2:Archive", "otherVerbs GET, HEAD, PATCH"],
    ["POST /v1/shelves/1/books/2", "otherVerbs GET, HEAD, PATCH"],
    ["GET /v1/files/a/b.txt", "GetFile path=a/b.txt"],
    ["GET /v1/files/a/b.txt:describe", "DescribeFile path=a/b.txt"],
    ["GET /v1/files", "GetFile path="],
    [
      "GET /v1/everything/1/true/COLOR_RED/AQ/x",
      "EchoAt int32=1 inner.bool=true color=COLOR_RED bytes=AQ inner.inner.string=x",
    ],
    ["PURGE /v1/cache", "Purge"],
    ["GET /v1/cache", "otherVerbs PURGE"],
    ["BREW /v1/anything/a%20b", "Anything"],
    ["HEAD /v1/anything/a%20b", "Anything"],
  ])("%s: %s", (request, expected) => {
    const [verb = "", path = ""] = request.split(" ");
    expect(shown(library.match(verb, path))).toBe(expected);
  });

  test("rules say where the messages lie", () => {
    const mappings = library.routes.map(({ method, body, responseBody, successStatus }) => [
      method.name,
      typeof body === "object" ? body.name : body,
      typeof responseBody === "object" ? responseBody.name : responseBody,
      successStatus,
    ]);
    expect(mappings).toContainEqual(["GetBook", undefined, "message", 200]);
    expect(mappings).toContainEqual(["CreateBook", "book", "book", 201]);
    expect(mappings).toContainEqual(["ArchiveBook", "message", "message", 200]);
    expect(mappings).toContainEqual(["TagShelf", "tags", "tags", 200]);
  });
});

/** Rules that are wrong, and what the start says about them. */
const faults: Readonly<Record<string, readonly [rule: string, message: string]>> = {
  NoPattern: [`body: "*"`, "there is no pattern"],
  BadTemplate: [`get: "/v1/{id"`, 'the template /v1/{id lacks "}" (character 8)'],
  EmptyTemplate: [`get: ""`, 'the template  does not begin with "/" (character 1)'],
  UnknownVariable: [`get: "/v1/{nope}"`, "there is no field nope"],
  JsonNameInTemplate: [`get: "/v1/{longName}"`, "there is no field longName"],
  UnknownInside: [`get: "/v1/{inner.nope}"`, "there is no field inner.nope"],
  ThroughScalar: [`get: "/v1/{id.x}"`, "there is no field id.x"],
  ThroughList: [`get: "/v1/{inners.id}"`, "there is no field inners.id"],
  MessageVariable: [`get: "/v1/{inner}"`, "the field inner is no single value, which a path could hold"],
  ListVariable: [`get: "/v1/{tags}"`, "the field tags is no single value, which a path could hold"],
  MapVariable: [`get: "/v1/{labels}"`, "the field labels is no single value, which a path could hold"],
  TwiceInPath: [`get: "/v1/{id}/{id}"`, "id is bound twice"],
  InPathAndBody: [`post: "/v1/{id}" body: "id"`, "id is bound twice"],
  UnknownBody: [`post: "/v1" body: "nope"`, "body: test.Request has no field nope"],
  NestedBody: [`post: "/v1" body: "inner.id"`, "body: test.Request has no field inner.id"],
  UnknownResponse: [`get: "/v1" response_body: "nope"`, "response_body: test.Reply has no field nope"],
  GetWithBody: [`get: "/v1" body: "*"`, "GET has no body"],
  HeadWithBody: [`custom: {kind: "HEAD" path: "/v1"} body: "*"`, "HEAD has no body"],
  NoVerb: [`custom: {kind: "" path: "/v1"}`, '"" is no HTTP method'],
  BadVerb: [`custom: {kind: "GET IT" path: "/v1"}`, '"GET IT" is no HTTP method'],
  Nested: [
    `get: "/v1" additional_bindings {get: "/v2" additional_bindings {get: "/v3"}}`,
    "additional_bindings are nested",
  ],
  FaultInAdditional: [`get: "/v1" additional_bindings {get: "/v2/{nope}"}`, "there is no field nope"],
  Twice: [
    `get: "/v1/{id}" additional_bindings {get: "/v1/{long_name}"}`,
    "GET /v1/{long_name} (Call) collides with GET /v1/{id} (Call)",
  ],
};

describe("a wrong rule stops the start", () => {
  let services: (name: string) => DescService;

  beforeAll(async () => {
    const declared = Object.entries(faults).map(
      ([name, [rule]]) =>
        `service ${name} { rpc Call(Request) returns (Reply) { option (google.api.http) = {${rule}}; } }`,
    );
    const registry = await compileProto({
      "test/faults.proto": `syntax = "proto3"; package test;
        import "google/api/annotations.proto";
        import "zitadel/protoc_gen_zitadel/v2/options.proto";
        message Inner { string id = 1; }
        message Request {
          string id = 1; string long_name = 2; Inner inner = 3; repeated Inner inners = 4;
          repeated string tags = 5; map<string, string> labels = 6;
        }
        message Reply {}
        ${declared.join("\n")}
        service Stream { rpc Call(Request) returns (stream Reply) { option (google.api.http) = {get: "/v1"}; } }
        service NoRule { rpc Call(stream Request) returns (Reply); }
        service Status { rpc Call(Request) returns (Reply) {
          option (google.api.http) = {get: "/v1"};
          option (zitadel.protoc_gen_zitadel.v2.options) = {http_response: {success_code: 404}};
        } }
        service One { rpc Call(Request) returns (Reply) { option (google.api.http) = {put: "/v1/{id}:do"}; } }
        service Two { rpc Ring(Request) returns (Reply) { option (google.api.http) = {put: "/v1/*:do"}; } }`,
    });
    services = (name) => serviceOf(registry, `test.${name}`);
  });

  test.each(Object.entries(faults).map(([name, [rule, message]]) => [name, rule, message] as const))(
    "%s: %s",
    (name, _rule, message) => {
      expect(() => new RouteTable([services(name)])).toThrow(
        new Error(`google.api.http of test.${name}.Call: ${message}`),
      );
    },
  );

  test("a stream with a rule", () => {
    expect(() => new RouteTable([services("Stream")])).toThrow(
      new Error("google.api.http of test.Stream.Call: streams have no place in REST"),
    );
  });

  test("a stream without a rule is none of its business", () => {
    expect(new RouteTable([services("NoRule")]).routes).toEqual([]);
  });

  test("a success that is a failure", () => {
    expect(() => new RouteTable([services("Status")])).toThrow(
      new Error("google.api.http of test.Status.Call: the success code 404 is none"),
    );
  });

  test("two services that want the same requests", () => {
    expect(() => new RouteTable([services("One"), services("Two")])).toThrow(
      new Error("google.api.http of test.Two.Ring: PUT /v1/*:do (Ring) collides with PUT /v1/{id}:do (Call)"),
    );
  });
});
