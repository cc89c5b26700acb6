/** The limit of JSON: node's HTTP/1.1, which parses each body and answers a fixed object. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { FIXED_CODE, FIXED_DETAILS } from "./fixed-reply.ts";
import { announce } from "./serve.ts";

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    JSON.parse(Buffer.concat(chunks).toString());
    const answer = JSON.stringify({ details: FIXED_DETAILS, verificationCode: FIXED_CODE });
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(answer),
    });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
