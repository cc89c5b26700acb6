import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { signatureHeaders } from "../../../../src/mail/webhook/signature.ts";

// Known from the libraries of Standard Webhooks, which all have it among their tests.
test("the well-known example has the well-known signature", () => {
  const secret = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
  const signable = {
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    nowMs: 1_614_265_330_999,
    body: Buffer.from('{"test": 2432232314}'),
  };
  expect(signatureHeaders(signable, [secret])).toEqual({
    "webhook-id": signable.id,
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  });
});

test("each of several secrets verifies what was signed, and no other does", () => {
  const secret = fc.uint8Array({ minLength: 24, maxLength: 64 });
  const secrets = fc.uniqueArray(secret, { minLength: 2, maxLength: 4, selector: String });
  fc.assert(
    fc.property(secrets, fc.json(), ([stranger = new Uint8Array(), ...known], json) => {
      const body = Buffer.from(json);
      const headers = { ...signatureHeaders({ id: "delivery-1", nowMs: Date.now(), body }, known) };
      const verify = (key: Uint8Array) =>
        new Webhook(Buffer.from(key).toString("base64")).verify(body, headers);
      for (const key of known) expect(verify(key)).toEqual(JSON.parse(json));
      expect(() => verify(stranger)).toThrow("No matching signature found");
    }),
  );
});
