/** The limit: node's HTTP/2 by its stream API, which reads each call to its end and answers a fixed frame. */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { fixedFrame } from "./fixed-reply.ts";
import { announce } from "./serve.ts";

const FRAME = fixedFrame();

const server = createServer();
server.on("stream", (stream) => {
  stream.resume();
  stream.on("end", () => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(FRAME);
  });
});
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
