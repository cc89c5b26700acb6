// What the client knows of the service without importing it, as programs have the client alone: held equal here.
import { expect, test } from "@jest/globals";
import { create, type DescMethod, type DescMethodUnary } from "@bufbuild/protobuf";
import type { UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import { callFailure } from "../../../src/client/call-failure.ts";
import * as client from "../../../src/client/idempotency-keys.ts";
import { failureToConnectError } from "../../../src/rpc/errors.ts";
import * as service from "../../../src/rpc/idempotency.ts";
import { failure, failureCatalogue, type FailureName } from "../../../src/verification/failures.ts";
import { SERVED_SERVICES } from "../../support/served-services.ts";

test("the client gives a key to the calls that the service takes one with", async () => {
  const methods = SERVED_SERVICES.flatMap((each) => each.methods).filter(isUnary);
  const taken = methods.filter(service.takesIdempotencyKey).map(nameOf);
  const given: string[] = [];
  for (const method of methods) if (await getsKey(method)) given.push(nameOf(method));
  expect(given).toEqual(taken);
  expect(taken).not.toEqual([]);
});

test("client and service call the header by one name", () => {
  expect(client.IDEMPOTENCY_KEY_HEADER.toLowerCase()).toBe(service.IDEMPOTENCY_KEY_HEADER);
});

test.each(Object.keys(failureCatalogue) as FailureName[])("%s arrives with its code", (name) => {
  const { code, reason } = failureCatalogue[name];
  expect(callFailure(failureToConnectError(failure(name)))).toMatchObject({ code, reason });
});

async function getsKey(method: DescMethodUnary): Promise<boolean> {
  const header = new Headers();
  const request = { stream: false, method, header, message: create(method.input) } as unknown as UnaryRequest;
  await client.withIdempotencyKey()(() => Promise.resolve({} as UnaryResponse))(request);
  return header.has(service.IDEMPOTENCY_KEY_HEADER);
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}
