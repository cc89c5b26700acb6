/** A gRPC server as grpc-js's documentation sets it up: the .proto loaded at run time, one handler. */
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type handleUnaryCall,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";
import { announce } from "./serve.ts";

export interface SendEmailCodeRequest {
  readonly userId: string;
  readonly returnCode?: object;
}

const INCLUDE_DIRS = [
  "../../proto",
  "../../node_modules/google-proto-files",
  "../../node_modules/@grpc/grpc-js/proto/protoc-gen-validate",
].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));

export function serveGrpcJs(sendEmailCode: handleUnaryCall<SendEmailCodeRequest, object>): void {
  const definition = loadSync("zitadel/user/v2/user_service.proto", { includeDirs: INCLUDE_DIRS });
  const loaded = loadPackageDefinition(definition) as unknown as {
    zitadel: { user: { v2: { UserService: ServiceClientConstructor } } };
  };
  const server = new Server();
  server.addService(loaded.zitadel.user.v2.UserService.service, { sendEmailCode });
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    announce(port);
  });
}
