/** connect-node as its documentation sets it up, with a handler that answers a fixed message. */
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { FIXED_REPLY } from "./fixed-reply.ts";
import { announce } from "./serve.ts";

const server = createServer(
  connectNodeAdapter({
    routes: (router) => router.service(UserService, { sendEmailCode: () => FIXED_REPLY }),
  }),
);
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
