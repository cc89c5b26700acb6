// Any ZITADEL client works: this is @zitadel/client, over gRPC.
import { readFileSync } from "node:fs";
import { createServerTransport } from "@zitadel/client/node";
import { createUserServiceClient } from "@zitadel/client/v2";

const token = readFileSync("data/admin.token", "utf8").trim();
const users = createUserServiceClient(createServerTransport(token, { baseUrl: "http://127.0.0.1:8080" }));

const profile = { givenName: "Alan", familyName: "Turing" };
const email = { email: "alan@example.com", verification: { case: "isVerified", value: false } } as const;
const { userId } = await users.addHumanUser({ profile, email });
const { verificationCode } = await users.sendEmailCode({
  userId,
  verification: { case: "returnCode", value: {} },
});
await users.verifyEmail({ userId, verificationCode: verificationCode ?? "" });
const { user } = await users.getUserByID({ userId });
console.log(user?.type.case === "human" && user.type.value.email);
