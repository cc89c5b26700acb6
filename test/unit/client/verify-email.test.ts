// VerifyEmail without a library, held against the messages as protobuf-es writes and reads them.
import { describe, expect, test } from "@jest/globals";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.ts";
import {
  VerifyEmailRequestSchema,
  VerifyEmailResponseSchema,
} from "../../../gen/zitadel/user/v2/email_pb.ts";
import { reasonOf } from "../../../src/client/reason.ts";
import { verifyEmail, VerifyError } from "../../../src/client/verify-email.ts";

const CALL = { url: "https://verify.example.com", userId: "ada", verificationCode: "K7QX2M" };

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

/** fetch, and what it was asked for. */
function answering(answer: () => Response): { fetch: typeof fetch; sent: Sent[] } {
  const sent: Sent[] = [];
  return {
    sent,
    fetch: (url, init = {}) => {
      sent.push({ url: url as string, init });
      return Promise.resolve(answer());
    },
  };
}

function frame(flags: number, content: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}

function trailers(fields: Record<string, string>): Buffer {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return frame(0x80, Buffer.from(lines.join("")));
}

const MESSAGE = frame(
  0,
  toBinary(VerifyEmailResponseSchema, create(VerifyEmailResponseSchema, { details: {} })),
);
const OK = Buffer.concat([MESSAGE, trailers({ "grpc-status": "0" })]);

async function refusal(answer: () => Response): Promise<VerifyError> {
  const error: unknown = await verifyEmail({ ...CALL, fetch: answering(answer).fetch }).catch(
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof VerifyError)) throw new Error(`no refusal: ${String(error)}`);
  return error;
}

test("any two strings make the frame that protobuf-es reads", async () => {
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme", maxLength: 400 }));
  await fc.assert(
    fc.asyncProperty(text, text, async (userId, verificationCode) => {
      const { fetch, sent } = answering(() => new Response(OK));
      await verifyEmail({ ...CALL, userId, verificationCode, fetch });
      const body = Buffer.from(sent[0]?.init.body as Uint8Array);
      expect(body.readUInt8(0)).toBe(0);
      expect(body.readUInt32BE(1)).toBe(body.length - 5);
      const expected = create(VerifyEmailRequestSchema, {
        userId: userId.toWellFormed(),
        verificationCode: verificationCode.toWellFormed(),
      });
      expect(fromBinary(VerifyEmailRequestSchema, body.subarray(5))).toEqual(expected);
    }),
  );
});

test("the call goes to its procedure, without cookies and referrer", async () => {
  const { fetch, sent } = answering(() => new Response(OK));
  await verifyEmail({ ...CALL, fetch });
  expect(sent).toMatchObject([
    {
      url: "https://verify.example.com/zitadel.user.v2.UserService/VerifyEmail",
      init: { method: "POST", credentials: "omit", referrerPolicy: "no-referrer" },
    },
  ]);
});

describe("an answer", () => {
  test("with status 0 resolves", async () => {
    expect(await verifyEmail({ ...CALL, fetch: answering(() => new Response(OK)).fetch })).toBeUndefined();
  });

  test("that refuses says why", async () => {
    const status = create(StatusSchema, {
      code: 8,
      message: "too many\ncalls, 100 %",
      details: [
        anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: { seconds: 2n, nanos: 500 } })),
        anyPack(
          ErrorInfoSchema,
          create(ErrorInfoSchema, { reason: "OVERLOADED", domain: "countersign", metadata: { reason: "X" } }),
        ),
      ],
    });
    const error = await refusal(
      () =>
        new Response(
          trailers({
            "grpc-status": "8",
            "grpc-message": "too many%0Acalls, 100 %25",
            "grpc-status-details-bin": Buffer.from(toBinary(StatusSchema, status))
              .toString("base64")
              .replace(/=+$/, ""),
            "grpc-retry-pushback-ms": "2500",
          }),
        ),
    );
    expect(error).toMatchObject({
      message: "too many\ncalls, 100 %",
      status: 8,
      reason: "OVERLOADED",
      retryAfterMs: 2_500,
    });
    expect(reasonOf(error)).toBe("OVERLOADED");
  });

  test("whose trailers are its headers is one too", async () => {
    const headers = { "grpc-status": "3", "grpc-message": "no" };
    expect(await refusal(() => new Response(null, { headers }))).toMatchObject({ status: 3, message: "no" });
  });

  test.each<[string, () => Response]>([
    ["of a proxy", () => new Response("<h1>Bad gateway</h1>", { status: 502 })],
    ["without an end", () => new Response(MESSAGE)],
    ["that is cut", () => new Response(OK.subarray(0, MESSAGE.length + 3))],
    ["of trailers that no header may have", () => new Response(Buffer.from("\x80\0\0\0\x02\0:", "latin1"))],
    ["of nothing", () => new Response(null, { status: 204 })],
  ])("%s has no status", async (_row, answer) => {
    expect((await refusal(answer)).status).toBeUndefined();
  });

  test("of any bytes never throws anything but VerifyError", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        const details = Buffer.from(bytes).toString("base64");
        const answers = [
          new Response(Buffer.from(bytes)),
          new Response(Buffer.from([0x80, 0, 0, 0, bytes.length, ...bytes])),
          new Response(trailers({ "grpc-status": "3", "grpc-status-details-bin": details })),
        ];
        for (const answer of answers) {
          const outcome = await verifyEmail({ ...CALL, fetch: answering(() => answer).fetch }).catch(
            (error: unknown) => error,
          );
          expect(outcome === undefined || outcome instanceof VerifyError).toBe(true);
        }
      }),
    );
  });
});

test("no answer at all is a VerifyError with its cause", async () => {
  const cause = new TypeError("Failed to fetch");
  const error: unknown = await verifyEmail({ ...CALL, fetch: () => Promise.reject(cause) }).catch(
    (e: unknown) => e,
  );
  expect(error).toMatchObject({ name: "VerifyError", status: undefined, cause });
});
