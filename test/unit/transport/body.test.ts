/** Bodies whose reader comes late: what happened before it must not be waited for. */
import { expect, test } from "@jest/globals";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { collectBody } from "../../../src/transport/unary/body.ts";
import { ClientGoneError } from "../../../src/transport/unary/exchange.ts";

const MAX_BYTES = 100;

/** A stream of HTTP/2 says so of itself when it was reset. */
function stream(aborted = false): PassThrough {
  return Object.assign(new PassThrough(), { aborted });
}

async function ended(of: PassThrough): Promise<PassThrough> {
  of.end();
  of.read(0);
  await once(of, "end");
  return of;
}

test("a body that came before is read", async () => {
  const body = stream();
  body.write("he");
  body.end("llo");
  await new Promise((resolve) => setImmediate(resolve));
  expect((await collectBody(body, undefined, MAX_BYTES)).toString()).toBe("hello");
});

test("an empty one that is over is empty", async () => {
  expect(await collectBody(await ended(stream()), undefined, MAX_BYTES)).toHaveLength(0);
});

test("one that was reset is none, whether it calls itself ended or destroyed", async () => {
  const reset = await ended(stream(true));
  await expect(collectBody(reset, undefined, MAX_BYTES)).rejects.toThrow(ClientGoneError);
  const destroyed = stream();
  destroyed.write("half");
  destroyed.destroy();
  await once(destroyed, "close");
  await expect(collectBody(destroyed, undefined, MAX_BYTES)).rejects.toThrow(ClientGoneError);
});
