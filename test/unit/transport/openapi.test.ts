// The OpenAPI document: of our own contract, and of one that uses all of google.api.http.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { fromJson, getOption, hasOption, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { Validator } from "@seriousme/openapi-schema-validator";
import { UserService as TheirService } from "@zitadel/proto/zitadel/user/v2/user_service_pb";
import { http } from "../../../gen/google/api/annotations_pb.ts";
import { UserService } from "../../../gen/zitadel/user/v2/user_service_pb.ts";
import { createOpenApiDocument } from "../../../src/transport/openapi/document.ts";
import { callExamples } from "../../../src/transport/openapi/examples.ts";
import { createOpenApiPage } from "../../../src/transport/openapi/openapi-page.ts";
import { failureCatalogue } from "../../../src/verification/failures.ts";
import { compileLibrary } from "../../support/library.ts";
import { at, OpenApiDocument } from "../../support/openapi-document.ts";

const ours = new OpenApiDocument(createOpenApiDocument([UserService], "1.2.3"));
let library: OpenApiDocument;

beforeAll(async () => {
  library = new OpenApiDocument(createOpenApiDocument([await compileLibrary()], "0"));
});

async function problemsOf({ json }: OpenApiDocument): Promise<unknown> {
  const { valid, errors } = await new Validator().validate(structuredClone(json) as never);
  return valid ? undefined : errors;
}

/** Every reference in a value. */
function references(value: JsonValue): string[] {
  if (typeof value !== "object" || value === null) return [];
  const own = !Array.isArray(value) && typeof value["$ref"] === "string" ? [value["$ref"]] : [];
  return [...own, ...Object.values(value).flatMap(references)];
}

describe.each([
  ["ours", () => ours],
  ["the library's", () => library],
])("%s", (_name, document) => {
  test("is OpenAPI 3.1, says a validator", async () => {
    expect(document().json["openapi"]).toBe("3.1.0");
    expect(await problemsOf(document())).toBeUndefined();
  });

  test("refers to nothing that it does not have, and has nothing that it does not refer to", () => {
    const { json } = document();
    const referred = new Set(references(json));
    for (const reference of referred) expect(at(json, reference.slice(1))).toBeDefined();
    const schemas = Object.keys(at(json, "/components/schemas") as JsonObject);
    const missing = schemas.filter((name) => !referred.has(`#/components/schemas/${name}`));
    expect(missing).toEqual([]);
  });

  test("names every operation once", () => {
    const ids = document().operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("our document", () => {
  test("has every RPC that ZITADEL binds and we serve, where ZITADEL binds it", () => {
    const served = UserService.methods.map(({ name }) => name);
    const bound = TheirService.methods.flatMap((method): string[] => {
      if (!served.includes(method.name) || !hasOption(method, http)) return [];
      const { pattern } = getOption(method, http);
      const path = (pattern.case === "custom" ? pattern.value.path : (pattern.value ?? "")).replaceAll(
        "user_id",
        "userId",
      );
      return [`UserService_${method.name} ${pattern.case?.toUpperCase()} ${path}`];
    });
    const documented = ours.operations.map(({ id, verb, path }) => `${id} ${verb} ${path}`);
    expect(documented.toSorted()).toEqual(bound.toSorted());
    expect(bound).toHaveLength(13);
  });

  test.each(ours.operations.map(({ id, json }) => [id, json] as const))(
    "%s says what it does",
    (_id, json) => {
      expect(json["summary"]).toMatch(/^[A-Z].*[^.]$/);
      expect(json["description"]).toMatch(/^[A-Z][^]*\.$/);
      expect(json["tags"]).toEqual(["UserService"]);
    },
  );

  test("asks for a token, which only VerifyEmail does without", () => {
    expect(ours.json["security"]).toEqual([{ bearer: [] }]);
    expect(at(ours.json, "/components/securitySchemes/bearer")).toMatchObject({
      type: "http",
      scheme: "bearer",
    });
    const exceptions = ours.operations.filter(({ json }) => json["security"] !== undefined);
    expect(exceptions.map(({ id, json }) => [id, json["security"]])).toEqual([
      ["UserService_VerifyEmail", [{}, { bearer: [] }]],
    ]);
  });

  test("shows the path's field with its limits, and the body without it", () => {
    const send = ours.operation("UserService_SendEmailCode");
    expect(ours.parametersOf(send)[0]).toEqual({
      name: "userId",
      in: "path",
      required: true,
      schema: { type: "string", minLength: 1, maxLength: 200 },
      example: "316204588921847812",
    });
    const body = at(send.json, "/requestBody") as JsonObject;
    expect(body["required"]).toBe(false);
    const properties = at(body, "/content/application~1json/schema/properties") as JsonObject;
    expect(Object.keys(properties)).toEqual(["sendCode", "returnCode"]);
    expect(at(ours.operation("UserService_SetEmail").json, "/requestBody/required")).toBe(true);
    expect(
      at(ours.operation("UserService_AddHumanUser").json, "/requestBody/content/application~1json/schema"),
    ).toEqual({
      $ref: "#/components/schemas/zitadel.user.v2.AddHumanUserRequest",
    });
  });

  test("shows protojson's spelling of values", () => {
    const schema = (name: string) => at(ours.json, `/components/schemas/${name}`) as JsonObject;
    expect(at(schema("zitadel.object.v2.Details"), "/properties/sequence")).toMatchObject({
      type: "string",
      format: "uint64",
    });
    expect(at(schema("zitadel.object.v2.Details"), "/properties/changeDate")).toEqual({
      type: "string",
      format: "date-time",
    });
    expect(schema("zitadel.user.v2.Gender")).toMatchObject({
      type: "string",
      enum: ["GENDER_UNSPECIFIED", "GENDER_FEMALE", "GENDER_MALE", "GENDER_DIVERSE"],
    });
    expect(at(schema("zitadel.user.v2.SetMetadataEntry"), "/properties/value")).toEqual({
      type: "string",
      contentEncoding: "base64",
      minLength: 2,
      maxLength: 666_668,
    });
    expect(at(schema("zitadel.user.v2.SetHumanEmail"), "/properties/email")).toMatchObject({
      type: "string",
      format: "email",
      minLength: 1,
      maxLength: 200,
    });
    expect(schema("zitadel.user.v2.AddHumanUserRequest")["required"]).toEqual(["profile", "email"]);
    expect(schema("zitadel.user.v2.UpdateHumanUserRequest")).toBeUndefined();
  });

  test.each<[schema: string, value: JsonValue, isValid: boolean]>([
    ["SetHumanEmail", { email: "a@b.co" }, true],
    ["SetHumanEmail", { email: "a@b.co", returnCode: {} }, true],
    ["SetHumanEmail", { email: "a@b.co", isVerified: false }, true],
    ["SetHumanEmail", { email: "a@b.co", returnCode: {}, isVerified: true }, false],
    ["SetHumanEmail", { returnCode: {} }, false],
    ["SetHumanEmail", { email: "a" }, false],
    ["SendEmailVerificationCode", {}, true],
    ["SendEmailVerificationCode", { urlTemplate: "" }, false],
    ["SendEmailVerificationCode", { urlTemplate: "😀".repeat(200) }, true],
    ["SendEmailVerificationCode", { urlTemplate: "😀".repeat(201) }, false],
    ["SetHumanPhone", { isVerified: true }, true],
    ["SetHumanPhone", { isVerified: false }, false],
    ["SearchQuery", { stateQuery: { state: "USER_STATE_ACTIVE" } }, true],
    ["SearchQuery", { stateQuery: { state: "ACTIVE" } }, false],
    ["SearchQuery", {}, false],
    ["SearchQuery", { typeQuery: { type: "TYPE_HUMAN" }, stateQuery: { state: "USER_STATE_ACTIVE" } }, false],
    ["SearchQuery", { orQuery: { queries: [{ notQuery: { query: {} } }] } }, false],
  ])("%s: %j is allowed: %s", (schema, value, isValid) => {
    const faults = ours.faults(`/components/schemas/zitadel.user.v2.${schema}`, value);
    expect(faults.length === 0).toBe(isValid);
  });

  test("has every reason of the catalogue that an operation may answer", () => {
    const responses = JSON.stringify(at(ours.json, "/components/responses"));
    const elsewhere = ["METHOD_NOT_ALLOWED", "ROUTE_NOT_FOUND", "PROCEDURE_UNKNOWN"];
    for (const { reason } of Object.values(failureCatalogue)) {
      expect([reason, responses.includes(`| \`${reason}\` |`)]).toEqual([
        reason,
        !elsewhere.includes(reason),
      ]);
    }
    expect(Object.keys(ours.operation("UserService_SendEmailCode").json["responses"] as JsonObject)).toEqual([
      "200",
      "400",
      "401",
      "403",
      "404",
      "409",
      "429",
      "500",
      "501",
      "503",
      "504",
      "default",
    ]);
  });

  test("the examples of refusals are what its schema of refusals allows", () => {
    const responses = at(ours.json, "/components/responses") as JsonObject;
    const examples = Object.values(responses).flatMap((response) =>
      Object.values((at(response, "/content/application~1json/examples") ?? {}) as JsonObject),
    );
    expect(examples.length).toBeGreaterThan(40);
    for (const example of examples) {
      expect(ours.faults("/components/schemas/google.rpc.Status", at(example, "/value"))).toEqual([]);
    }
  });

  test("every operation has an example", () => {
    const methods = ours.operations.map(({ id }) => `zitadel.user.v2.${id.replace("_", ".")}`);
    expect(Object.keys(callExamples).toSorted()).toEqual(methods.toSorted());
  });

  const examples = Object.entries(callExamples).flatMap(([method, all]) =>
    Object.entries(all).map(([name, example]) => [method, name, example] as const),
  );
  test.each(examples)(
    "%s, %s: the example is what the messages and the schemas allow",
    (name, _name, example) => {
      const method = UserService.methods.find(
        (candidate) => name === `${UserService.typeName}.${candidate.name}`,
      );
      if (method === undefined) throw new Error(`no method ${name}`);
      expect(() => fromJson(method.input, example.request)).not.toThrow();
      expect(() => fromJson(method.output, example.response)).not.toThrow();
    },
  );

  test.each(ours.operations.map((operation) => [operation.id, operation] as const))(
    "%s: its examples are what its schemas allow",
    (_id, operation) => {
      for (const { body } of ours.examplesOf(operation)) {
        if (body !== undefined) expect(ours.faults(ours.bodySchema(operation), body)).toEqual([]);
      }
      const answers = at(operation.json, "/responses/200/content/application~1json/examples") as JsonObject;
      for (const answer of Object.values(answers)) {
        expect(ours.faults(ours.answerSchema(operation, 200), at(answer, "/value"))).toEqual([]);
      }
    },
  );
});

describe("the library's document", () => {
  test("has every route, under one path where only names of variables differ", () => {
    expect(library.operations.map(({ id, verb, path }) => `${verb} ${path} ${id}`).toSorted()).toEqual(
      [
        "GET /v1/{name} LibraryService_GetBook",
        "GET /v1/shelves/{id} LibraryService_GetShelf",
        "GET /v1/rooms/{room}/shelves/{id} LibraryService_GetShelf2",
        "GET /v1/rooms/{segment3}/any LibraryService_GetShelf3",
        "DELETE /v1/shelves/{id} LibraryService_DeleteShelf",
        "GET /v1/shelves/new LibraryService_GetNewShelf",
        "POST /v1/{parent}/books LibraryService_CreateBook",
        "PATCH /v1/{name} LibraryService_UpdateBook",
        "POST /v1/{name}:archive LibraryService_ArchiveBook",
        "GET /v1/files/{path} LibraryService_GetFile",
        "GET /v1/files/{path}:describe LibraryService_DescribeFile",
        "PUT /v1/shelves/{id}/tags LibraryService_TagShelf",
        "PUT /v1/shelves/{id}/labels LibraryService_LabelShelf",
        "PUT /v1/shelves/{id}/stars LibraryService_RateShelf",
        "GET /v1/everything LibraryService_Echo",
        "GET /v1/everything/{int32}/{inner.bool}/{color}/{bytes}/{inner.inner.string} LibraryService_EchoAt",
        "POST /v1/everything/{inner.double} LibraryService_EchoFloat",
        "POST /v1/anything/a%20b LibraryService_Anything",
      ].toSorted(),
    );
  });

  function shownParameters(id: string): string[] {
    return library
      .parametersOf(library.operation(id))
      .filter((parameter) => parameter.in !== "header")
      .map(({ in: place, name, schema }) => `${place} ${name} ${JSON.stringify(schema)}`);
  }

  test("variables have their patterns", () => {
    expect(shownParameters("LibraryService_GetBook")).toEqual([
      `path name {"type":"string","pattern":"^shelves/[^/]+/books/[^/]+$"}`,
    ]);
    expect(shownParameters("LibraryService_GetFile")).toEqual([
      `path path {"type":"string","pattern":"^.*$"}`,
    ]);
    expect(shownParameters("LibraryService_GetShelf2")).toEqual([
      `path room {"type":"string"}`,
      `path id {"type":"string"}`,
    ]);
    // What neither path nor body holds is left to the query.
    expect(shownParameters("LibraryService_GetShelf3")).toEqual([
      `path segment3 {"type":"string"}`,
      `query id {"type":"string"}`,
      `query room {"type":"string"}`,
    ]);
    expect(shownParameters("LibraryService_CreateBook")).toEqual([
      `path parent {"type":"string","pattern":"^shelves/[^/]+$"}`,
      `query bookId {"type":"string"}`,
      `query validateOnly {"type":"boolean"}`,
    ]);
    expect(shownParameters("LibraryService_ArchiveBook")).toHaveLength(1);
  });

  test("the query has single values, lists of them, and what is in messages", () => {
    const names = shownParameters("LibraryService_Echo").map((line) => line.split(" ")[1]);
    expect(names).toEqual(
      expect.arrayContaining([
        "string",
        "int32List",
        "colorList",
        "inner.string",
        "inner.tags",
        "one",
        "other",
        "third.bool",
        "timestamp",
        "fieldMask",
        "stringValue",
        "timestampList",
        "stringValueList",
        "camelCaseName",
        "nullValue",
      ]),
    );
    const unfit = /^(?:inner|innerList|inner\.inner.*|stringMap|third|any|struct|value|listValue|empty)$/;
    expect(names.filter((name) => unfit.test(name ?? ""))).toEqual([]);
    expect(shownParameters("LibraryService_Echo")).toEqual(
      expect.arrayContaining([
        `query int32List {"type":"array","items":{"type":"integer","format":"int32"}}`,
        `query bytes {"type":"string","contentEncoding":"base64","maxLength":8}`,
        `query duration {"type":"string","pattern":"^-?[0-9]+(\\\\.[0-9]{1,9})?s$"}`,
        `query boolValue {"anyOf":[{"type":"boolean"},{"type":"null"}]}`,
        `query double {"anyOf":[{"type":"number","format":"double"},{"enum":["NaN","Infinity","-Infinity"]}]}`,
        `query nullValue {"type":"null"}`,
      ]),
    );
  });

  test("bodies and answers that are fields have the fields' schemas", () => {
    const create = library.operation("LibraryService_CreateBook").json;
    const book = { $ref: "#/components/schemas/test.library.v1.Book" };
    expect(at(create, "/requestBody")).toEqual({
      required: true,
      content: { "application/json": { schema: book } },
    });
    expect(at(create, "/responses/201/content")).toEqual({ "application/json": { schema: book } });
    expect(at(create, "/responses/200")).toBeUndefined();
    const tag = library.operation("LibraryService_TagShelf").json;
    const list = { type: "array", items: { type: "string" } };
    expect(at(tag, "/requestBody")).toEqual({
      required: false,
      content: { "application/json": { schema: list } },
    });
    expect(at(tag, "/responses/200/content")).toEqual({ "application/json": { schema: list } });
    const label = library.operation("LibraryService_LabelShelf").json;
    expect(at(label, "/responses/200/content/application~1json/schema")).toEqual({
      type: "object",
      additionalProperties: { type: "string" },
    });
    expect(at(library.operation("LibraryService_GetFile").json, "/requestBody")).toBeUndefined();
  });

  test("fields say what may be done with them", () => {
    const properties = at(library.json, "/components/schemas/test.library.v1.Book/properties");
    expect(properties).toEqual({
      name: { type: "string", readOnly: true },
      title: { type: "string", minLength: 2, maxLength: 2 },
      authors: { type: "array", items: { type: "string" } },
      secret: { type: "string", writeOnly: true },
      isbn: { type: "string", deprecated: true },
    });
  });

  test("oneofs are rules, one after another", () => {
    const everything = at(library.json, "/components/schemas/test.library.v1.Everything");
    expect(at(everything, "/description")).toBe(
      "At most one of `one`, `other`, `third`.\n\nExactly one of `only`.",
    );
    const faults = (value: JsonValue) =>
      library.faults("/components/schemas/test.library.v1.Everything", value);
    expect(faults({ only: "x" })).toEqual([]);
    expect(faults({ only: "x", other: 1 })).toEqual([]);
    expect(faults({ only: "x", third: {}, other: 1 })).not.toEqual([]);
    expect(faults({ one: "x" })).not.toEqual([]);
  });
});

describe("the page", () => {
  const page = createOpenApiPage([UserService], "1.2.3");
  const ask = (method: string, headers: Record<string, string> = {}) =>
    page(new Request("http://localhost/openapi.json", { method, headers }), { address: "" });

  test("is the document", async () => {
    const answer = await ask("GET");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.headers.get("cache-control")).toBe("no-cache");
    expect(await answer.json()).toEqual(ours.json);
    expect(at(ours.json, "/info/version")).toBe("1.2.3");
  });

  test("is sent once to those who keep it", async () => {
    const etag = (await ask("GET")).headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const answer = await ask("GET", { "if-none-match": known });
      expect([answer.status, answer.headers.get("etag"), await answer.text()]).toEqual([304, etag, ""]);
    }
    for (const unknown of ['"other"', "", etag.slice(1, -1)]) {
      expect((await ask("GET", { "if-none-match": unknown })).status).toBe(200);
    }
  });

  test("another version is another document", async () => {
    const other = await createOpenApiPage([UserService], "1.2.4")(new Request("http://localhost/"), {
      address: "",
    });
    expect(other.headers.get("etag")).not.toBe((await ask("GET")).headers.get("etag"));
  });

  test("can only be read", async () => {
    expect((await ask("HEAD")).status).toBe(200);
    const answer = await ask("POST");
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    expect(await answer.json()).toMatchObject({ code: 12, message: "Method Not Allowed" });
  });
});
