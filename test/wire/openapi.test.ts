// The OpenAPI document as a client gets it, and the service held to it: every example is sent, every answer is what the
// document says.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { at, OpenApiDocument, type ExampleRequest, type Operation } from "../support/openapi-document.ts";
import { exchangeHttp1, exchangeHttp2, type RawAnswer } from "../support/raw-http.ts";
import { textAt } from "../support/wire-formats.ts";

const PATH = "/openapi.json";
let application: TestApplication;
let document: OpenApiDocument;

beforeAll(async () => {
  application = await startTestApplication();
  const { body } = await exchangeHttp1(application, { method: "GET", path: PATH });
  document = new OpenApiDocument(JSON.parse(body.toString()) as JsonObject);
});
afterAll(() => application.stop());

describe("the document", () => {
  test.each([
    ["HTTP/1.1", exchangeHttp1],
    ["HTTP/2", exchangeHttp2],
  ])("is there for everybody, over %s", async (_version, exchange) => {
    const answer = await exchange(application, { method: "GET", path: PATH });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "content-type": "application/json",
      "content-length": String(answer.body.length),
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      etag: expect.stringMatching(/^"/),
    });
    expect(JSON.parse(answer.body.toString())).toEqual(document.json);

    const head = await exchange(application, { method: "HEAD", path: PATH });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(head.headers["content-length"]).toBe(String(answer.body.length));
    expect(head.headers["etag"]).toBe(answer.headers["etag"]);

    const headers = { "if-none-match": answer.headers["etag"] ?? "" };
    const again = await exchange(application, { method: "GET", path: PATH, headers });
    expect([again.status, again.body.length, again.headers["etag"]]).toEqual([
      304,
      0,
      headers["if-none-match"],
    ]);

    const post = await exchange(application, { method: "POST", path: PATH, body: "{}" });
    expect([post.status, post.headers["allow"]]).toEqual([405, "GET, HEAD"]);
    expect(JSON.parse(post.body.toString())).toMatchObject({ code: 12, message: "Method Not Allowed" });
  });

  test("has the version of the package", () => {
    expect(at(document.json, "/info/version")).toMatch(/^\d+\.\d+\.\d+/);
  });
});

/** Sends an example; a code in it is replaced by one that is valid. */
async function send(
  { verb }: Operation,
  { path, body }: ExampleRequest,
  change: { readonly code?: string; readonly token?: string } = {},
): Promise<RawAnswer> {
  const { code, token = application.token } = change;
  const message = code === undefined ? body : { ...(body as JsonObject), verificationCode: code };
  const headers = {
    ...(token !== "" && { authorization: `Bearer ${token}` }),
    ...(message !== undefined && { "content-type": "application/json" }),
  };
  return exchangeHttp1(application, {
    method: verb,
    path,
    headers,
    ...(message !== undefined && { body: JSON.stringify(message) }),
  });
}

/** What is wrong with an answer by the document. */
function faults(operation: Operation, answer: RawAnswer): string[] {
  const json = JSON.parse(answer.body.toString()) as JsonValue;
  expect(answer.headers["content-type"]).toBe("application/json");
  expect(answer.headers["x-request-id"]).toMatch(/./);
  return document.faults(document.answerSchema(operation, answer.status), json);
}

/** In an order in which each can succeed: the user of the examples is added, verified, changed, locked, deleted. */
const ERRAND = [
  "AddHumanUser",
  "SendEmailCode",
  "ResendEmailCode",
  "VerifyEmail",
  "GetUserByID",
  "ListUsers",
  "SetEmail",
  "UpdateHumanUser",
  "LockUser",
  "UnlockUser",
  "DeactivateUser",
  "ReactivateUser",
  "DeleteUser",
];

test("every example succeeds, and answers what the document says", async () => {
  const ids = document.operations.map(({ id }) => id).filter((id) => id.startsWith("UserService_"));
  expect(ids.toSorted()).toEqual(ERRAND.map((name) => `UserService_${name}`).toSorted());
  const sent: string[] = [];
  for (const name of ERRAND) {
    const operation = document.operation(`UserService_${name}`);
    for (const example of document.examplesOf(operation)) {
      // SetEmail's second example sets the address that the first has set.
      if (name === "SetEmail" && example.name === "verified") continue;
      const code = name === "VerifyEmail" ? await freshCode() : undefined;
      const answer = await send(operation, example, code === undefined ? {} : { code });
      expect([name, example.name, answer.status, answer.body.toString()]).toEqual([
        name,
        example.name,
        200,
        expect.any(String),
      ]);
      expect(faults(operation, answer)).toEqual([]);
      sent.push(`${name} ${example.name}`);
    }
  }
  expect(sent).toHaveLength(15);
});

async function freshCode(): Promise<string> {
  const operation = document.operation("UserService_SendEmailCode");
  const example = document.examplesOf(operation).find(({ name }) => name === "returned");
  if (example === undefined) throw new Error("no example returns its code");
  const answer = JSON.parse((await send(operation, example)).body.toString()) as JsonObject;
  return textAt(answer, "verificationCode");
}

describe("refusals are what the document says", () => {
  const eachOperation = async (
    check: (operation: Operation, example: ExampleRequest) => Promise<void>,
  ): Promise<void> => {
    for (const operation of document.operations) {
      const [example] = document.examplesOf(operation);
      if (example !== undefined) await check(operation, example);
    }
  };

  test("of callers without a token, and with a wrong one", async () => {
    await eachOperation(async (operation, example) => {
      for (const token of ["", "wrong"]) {
        const answer = await send(operation, example, { token });
        const isOpen = operation.json["security"] !== undefined && token === "";
        expect([operation.id, answer.status]).toEqual([operation.id, isOpen ? 400 : 401]);
        expect(faults(operation, answer)).toEqual([]);
      }
    });
  });

  test("of users that are not there", async () => {
    await eachOperation(async (operation, { name, path, body }) => {
      const elsewhere = path.replace(/\d{18}/, "nobody");
      if (elsewhere === path) return;
      const answer = await send(operation, { name, path: elsewhere, body });
      expect([operation.id, answer.status]).toEqual([operation.id, 404]);
      expect(faults(operation, answer)).toEqual([]);
    });
  });

  test("of ids that are too long, and of bodies that are no JSON", async () => {
    await eachOperation(async (operation, { name, path, body }) => {
      const tooLong = path.replace(/\d{18}/, "x".repeat(201));
      if (tooLong !== path) {
        const answer = await send(operation, { name, path: tooLong, body });
        expect([operation.id, answer.status]).toEqual([operation.id, 400]);
        expect(faults(operation, answer)).toEqual([]);
      }
      if (operation.json["requestBody"] === undefined) return;
      const headers = { authorization: `Bearer ${application.token}` };
      const answer = await exchangeHttp1(application, { method: operation.verb, path, headers, body: "{" });
      expect([operation.id, answer.status]).toEqual([operation.id, 400]);
      expect(faults(operation, answer)).toEqual([]);
    });
  });
});
