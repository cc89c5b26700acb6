/** Runs in the browser (web-client.test.ts): a new user, a wrong code, the right one, with a client of the kind asked for. */
import { fromBinary, toBinary, create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import * as grpcWeb from "grpc-web";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { createCountersignClient, reasonOf } from "../../src/client/web.ts";

interface Errand {
  readonly kind: "grpc-web" | "connect" | "google-binary" | "google-text";
  readonly url: string;
  readonly token: string;
  readonly email: string;
}

interface Report {
  readonly before: boolean;
  /** Why a wrong code was refused. */
  readonly wrong: string | undefined;
  readonly after: boolean;
}

const profile = { givenName: "Ada", familyName: "Lovelace" };

async function withOurs(protocol: "grpc-web" | "connect", { url, token, email }: Errand): Promise<Report> {
  const { users, verification } = createCountersignClient({ url, token: () => token, protocol });
  const { userId } = await users.addHumanUser({
    profile,
    email: { email, verification: { case: "isVerified", value: false } },
  });
  const isVerified = async () => (await verification.getEmailStatus({ userId })).status?.isVerified ?? false;
  const before = await isVerified();
  const sent = await users.sendEmailCode({ userId, verification: { case: "returnCode", value: {} } });
  const stranger = createCountersignClient({ url, protocol });
  const wrong = await stranger.users
    .verifyEmail({ userId, verificationCode: "WRONG2" })
    .then(() => "", reasonOf);
  const verificationCode = sent.verificationCode ?? "";
  await stranger.verification.checkCode({ userId, verificationCode });
  await stranger.users.verifyEmail({ userId, verificationCode });
  return { before, wrong, after: await isVerified() };
}

async function withGoogles(format: "binary" | "text", { url, token, email }: Errand): Promise<Report> {
  const client = new grpcWeb.GrpcWebClientBase({ format });
  const metadata = { Authorization: `Bearer ${token}` };

  function call<Input extends DescMessage, Output extends DescMessage>(
    method: { readonly name: string; readonly input: Input; readonly output: Output },
    request: MessageShape<Input>,
  ): Promise<MessageShape<Output>> {
    const path = `/${UserService.typeName}/${method.name}`;
    const descriptor = new grpcWeb.MethodDescriptor<MessageShape<Input>, MessageShape<Output>>(
      path,
      grpcWeb.MethodType.UNARY,
      // Named, never called.
      Object as never,
      Object as never,
      (message: MessageShape<Input>) => toBinary(method.input, message),
      (bytes: Uint8Array) => fromBinary(method.output, bytes),
    );
    return new Promise((resolve, reject) => {
      client.rpcCall(url + path, request, metadata, descriptor, (error, response) => {
        if (error) reject(error);
        else resolve(response);
      });
    });
  }

  const { addHumanUser, getUserByID, sendEmailCode, verifyEmail } = UserService.method;
  const { userId } = await call(
    addHumanUser,
    create(addHumanUser.input, {
      profile,
      email: { email, verification: { case: "isVerified", value: false } },
    }),
  );
  const isVerified = async () => {
    const { user } = await call(getUserByID, create(getUserByID.input, { userId }));
    return user?.type.case === "human" && (user.type.value.email?.isVerified ?? false);
  };
  const before = await isVerified();
  const sent = await call(
    sendEmailCode,
    create(sendEmailCode.input, { userId, verification: { case: "returnCode", value: {} } }),
  );
  const verify = (verificationCode: string) =>
    call(verifyEmail, create(verifyEmail.input, { userId, verificationCode }));
  const wrong = await verify("WRONG2").then(() => "", reasonIn);
  await verify(sent.verificationCode ?? "");
  return { before, wrong, after: await isVerified() };
}

function reasonIn(error: unknown): string | undefined {
  const { metadata } = error as grpcWeb.RpcError;
  const status = fromBinary(StatusSchema, base64Decode(metadata["grpc-status-details-bin"] ?? ""));
  const info = status.details.find(({ typeUrl }) => typeUrl.endsWith("google.rpc.ErrorInfo"));
  return info && fromBinary(ErrorInfoSchema, info.value).reason;
}

(globalThis as unknown as { errand: (errand: Errand) => Promise<Report> }).errand = (errand) =>
  errand.kind === "grpc-web" || errand.kind === "connect"
    ? withOurs(errand.kind, errand)
    : withGoogles(errand.kind === "google-text" ? "text" : "binary", errand);
