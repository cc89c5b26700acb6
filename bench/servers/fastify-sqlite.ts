/** SendEmailCode as REST with Fastify and better-sqlite3, written plainly: schemas on both sides, Fastify's log off. */
import { fastify } from "fastify";
import { PEER } from "./peer-arguments.ts";
import { PlainStore } from "./plain-store.ts";
import { announce } from "./serve.ts";

const TEXT = { type: "string" } as const;
const BODY = {
  type: "object",
  properties: { returnCode: { type: "object" }, sendCode: { type: "object" } },
} as const;
const ANSWER = {
  type: "object",
  properties: {
    details: {
      type: "object",
      properties: { sequence: TEXT, changeDate: TEXT, resourceOwner: TEXT },
    },
    verificationCode: TEXT,
  },
} as const;

const store = new PlainStore(PEER.path, PEER.users, PEER.token);
const app = fastify();

app.addHook("onRequest", async (request, reply) => {
  if (store.isAllowed(request.headers.authorization)) return undefined;
  return reply.code(401).send({ message: "unknown token" });
});

app.post(
  "/v2/users/:userId/email/send",
  { schema: { body: BODY, response: { 200: ANSWER } } },
  async (request, reply) => {
    const sent = store.sendCode((request.params as { userId: string }).userId);
    if (sent === undefined) return reply.code(404).send({ message: "no such user" });
    return {
      details: {
        sequence: String(sent.sequence),
        changeDate: new Date(sent.changedAtMs).toISOString(),
        resourceOwner: "default",
      },
      verificationCode: sent.code,
    };
  },
);

announce(Number(new URL(await app.listen({ host: "127.0.0.1", port: 0 })).port));
