// What a client makes of refusals: plain data, and another try where the service said when.
import { describe, expect, test } from "@jest/globals";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type UnaryRequest, type UnaryResponse } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../../gen/google/rpc/error_details_pb.ts";
import { callFailure } from "../../../src/client/call-failure.ts";
import { retryRefused, wait, type RetryPolicy } from "../../../src/client/retry.ts";

type Details = NonNullable<ConstructorParameters<typeof ConnectError>[3]>;

function refusal(code: Code, ...details: Details): ConnectError {
  return new ConnectError("no", code, { "x-request-id": "r1" }, details);
}

function retryInfo(ms: number): Details[number] {
  return {
    desc: RetryInfoSchema,
    value: create(RetryInfoSchema, {
      retryDelay: { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1e6 },
    }),
  };
}

describe("a failure", () => {
  test("has the details of the service", () => {
    const error = refusal(
      Code.ResourceExhausted,
      {
        desc: ErrorInfoSchema,
        value: create(ErrorInfoSchema, { reason: "SEND_COOLDOWN", metadata: { limit: "1" } }),
      },
      {
        desc: BadRequestSchema,
        value: create(BadRequestSchema, {
          fieldViolations: [{ field: "email.email", description: "is wrong" }],
        }),
      },
      retryInfo(1_250),
    );
    expect(callFailure(error)).toEqual({
      code: "resource_exhausted",
      message: "no",
      reason: "SEND_COOLDOWN",
      metadata: { limit: "1" },
      violations: [{ field: "email.email", description: "is wrong" }],
      retryAfterMs: 1_250,
      requestId: "r1",
      network: undefined,
    });
  });

  test("without an answer has the innermost name of what went wrong", () => {
    const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    const several = Object.assign(new AggregateError([refused], "all"), { code: "ENOENT" });
    const stream = Object.assign(new Error("stream", { cause: several }), { code: "ERR_HTTP2_STREAM_ERROR" });
    expect(callFailure(new ConnectError("no", Code.Unavailable, undefined, undefined, stream))).toMatchObject(
      {
        code: "unavailable",
        reason: undefined,
        network: "ECONNREFUSED",
      },
    );
  });

  test("of anything else is unknown, even of causes in a ring", () => {
    const ring = new Error("ring");
    ring.cause = ring;
    expect(callFailure(ring)).toMatchObject({ code: "unknown", network: undefined });
    expect(callFailure("text")).toMatchObject({ code: "unknown", message: "text" });
  });
});

describe("another try", () => {
  const POLICY: RetryPolicy = { maxAttempts: 3, maxDelayMs: 100 };

  /** @param outcomes of the tries, one after the other; the last one holds for all that follow */
  async function call(outcomes: readonly (ConnectError | "answer")[], signal = new AbortController().signal) {
    let tries = 0;
    const next = () => {
      const outcome = outcomes[Math.min(tries++, outcomes.length - 1)];
      return outcome === "answer"
        ? Promise.resolve({} as UnaryResponse)
        : Promise.reject(outcome ?? new Error("no outcome"));
    };
    const request = { stream: false, signal } as UnaryRequest;
    const result = await retryRefused(POLICY)(next)(request).then(
      () => "answer",
      (error: unknown) => callFailure(error).code,
    );
    return { tries, result };
  }

  test.each<[string, (ConnectError | "answer")[], number, string]>([
    ["a full queue", [refusal(Code.Unavailable, retryInfo(1)), "answer"], 2, "answer"],
    ["a limit that passes soon", [refusal(Code.ResourceExhausted, retryInfo(1)), "answer"], 2, "answer"],
    ["a full queue that stays full", [refusal(Code.Unavailable, retryInfo(1))], 3, "unavailable"],
    [
      "a limit that lasts",
      [refusal(Code.ResourceExhausted, retryInfo(101)), "answer"],
      1,
      "resource_exhausted",
    ],
    ["a call that may have been executed", [refusal(Code.Unavailable), "answer"], 1, "unavailable"],
    ["another refusal", [refusal(Code.FailedPrecondition, retryInfo(1)), "answer"], 1, "failed_precondition"],
  ])("of %s", async (_, outcomes, tries, result) => {
    expect(await call(outcomes)).toEqual({ tries, result });
  });

  test("ends with the call", async () => {
    const controller = new AbortController();
    const running = call([refusal(Code.Unavailable, retryInfo(100)), "answer"], controller.signal);
    controller.abort();
    expect(await running).toEqual({ tries: 1, result: "unavailable" });
    expect(await wait(60_000, controller.signal)).toBe(false);
  });
});
