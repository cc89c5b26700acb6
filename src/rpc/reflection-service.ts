/**
 * gRPC server reflection, v1 and v1alpha (grpc/grpc/doc/server-reflection.md), from the descriptors of the services.
 *
 * Beside the services' own files it serves those of every error detail: no method refers to them, and without them
 * grpcurl and `buf curl` cannot print errors.
 */
import {
  toBinary,
  type DescFile,
  type DescMessage,
  type DescService,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import {
  ServerReflection as ServerReflectionV1,
  type ServerReflectionResponseSchema,
  type ServerReflectionRequest,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";

type Response = MessageInitShape<typeof ServerReflectionResponseSchema>;
type Answer = NonNullable<Response["messageResponse"]>;

export function addReflection(
  router: ConnectRouter,
  services: readonly DescService[],
  detailFiles: readonly DescFile[],
): void {
  const served = [...services, ServerReflectionV1, ServerReflectionV1Alpha];
  const index = new DescriptorIndex([...served.map((service) => service.file), ...detailFiles]);
  const names = served.map((service) => ({ name: service.typeName }));

  async function* answer(requests: AsyncIterable<ServerReflectionRequest>): AsyncGenerator<Response> {
    for await (const request of requests) {
      yield {
        validHost: request.host,
        originalRequest: request,
        messageResponse: answerOne(request, index, names),
      };
    }
  }
  router.service(ServerReflectionV1, { serverReflectionInfo: answer });
  // The two versions differ in the package's name only, so v1's messages are v1alpha's.
  router.service(ServerReflectionV1Alpha, { serverReflectionInfo: answer as never });
}

function answerOne(
  { messageRequest }: ServerReflectionRequest,
  index: DescriptorIndex,
  names: readonly { name: string }[],
): Answer {
  switch (messageRequest.case) {
    case "listServices":
      return { case: "listServicesResponse", value: { service: [...names] } };
    case "fileByFilename":
      return index.files(index.byName.get(messageRequest.value)) ?? notFound(messageRequest.value);
    case "fileContainingSymbol":
      return index.files(index.bySymbol.get(messageRequest.value)) ?? notFound(messageRequest.value);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = messageRequest.value;
      const file = index.extensions.get(containingType)?.get(extensionNumber);
      return index.files(file) ?? notFound(`extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = messageRequest.value;
      const numbers = [...(index.extensions.get(baseTypeName)?.keys() ?? [])];
      if (numbers.length === 0 && !index.bySymbol.has(baseTypeName)) return notFound(baseTypeName);
      return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber: numbers } };
    }
    case undefined:
      return {
        case: "errorResponse",
        value: { errorCode: Code.InvalidArgument, errorMessage: "empty request" },
      };
  }
}

function notFound(what: string): Answer {
  return { case: "errorResponse", value: { errorCode: Code.NotFound, errorMessage: `${what} not found` } };
}

class DescriptorIndex {
  readonly byName = new Map<string, DescFile>();
  readonly bySymbol = new Map<string, DescFile>();
  /** Extendee's name -> field number -> file. */
  readonly extensions = new Map<string, Map<number, DescFile>>();
  readonly #closures = new Map<DescFile, Uint8Array[]>();

  constructor(roots: readonly DescFile[]) {
    for (const root of roots) this.#addFile(root);
  }

  /** The file and all it imports, serialized. */
  files(file: DescFile | undefined): Answer | undefined {
    if (file === undefined) return undefined;
    let closure = this.#closures.get(file);
    if (closure === undefined) {
      closure = [...withImports(file)].map((each) => toBinary(FileDescriptorProtoSchema, each.proto));
      this.#closures.set(file, closure);
    }
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto: closure } };
  }

  #addFile(file: DescFile): void {
    if (this.byName.has(file.proto.name)) return;
    this.byName.set(file.proto.name, file);
    file.dependencies.forEach((dependency) => this.#addFile(dependency));
    file.messages.forEach((message) => this.#addMessage(message, file));
    for (const { typeName, values } of file.enums) this.#addSymbols(file, typeName, values);
    for (const { typeName, methods } of file.services) this.#addSymbols(file, typeName, methods);
    for (const extension of file.extensions) {
      this.bySymbol.set(extension.typeName, file);
      const numbers = this.extensions.get(extension.extendee.typeName) ?? new Map<number, DescFile>();
      this.extensions.set(extension.extendee.typeName, numbers.set(extension.number, file));
    }
  }

  #addMessage(message: DescMessage, file: DescFile): void {
    this.#addSymbols(file, message.typeName, message.fields);
    this.#addSymbols(file, message.typeName, message.oneofs);
    message.nestedMessages.forEach((nested) => this.#addMessage(nested, file));
    for (const { typeName, values } of message.nestedEnums) this.#addSymbols(file, typeName, values);
  }

  #addSymbols(file: DescFile, typeName: string, members: readonly { readonly name: string }[]): void {
    this.bySymbol.set(typeName, file);
    for (const { name } of members) this.bySymbol.set(`${typeName}.${name}`, file);
  }
}

function withImports(file: DescFile, found = new Set<DescFile>()): Set<DescFile> {
  if (found.has(file)) return found;
  found.add(file);
  for (const dependency of file.dependencies) withImports(dependency, found);
  return found;
}
