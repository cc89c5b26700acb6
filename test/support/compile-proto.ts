// Descriptors of proto files that only tests know, compiled by buf as the contract's are.
import { createFileRegistry, fromBinary, type DescService, type FileRegistry } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** What test protos may import: path as imported -> where it is. */
const IMPORTS: Readonly<Record<string, string>> = {
  "google/api/annotations.proto": "node_modules/google-proto-files/google/api/annotations.proto",
  "google/api/field_behavior.proto": "node_modules/google-proto-files/google/api/field_behavior.proto",
  "google/api/http.proto": "node_modules/google-proto-files/google/api/http.proto",
  "validate/validate.proto": "node_modules/@grpc/grpc-js/proto/protoc-gen-validate/validate/validate.proto",
  "zitadel/protoc_gen_zitadel/v2/options.proto": "proto/zitadel/protoc_gen_zitadel/v2/options.proto",
};

/** @param sources of proto files, by path @throws Error with buf's complaints */
export async function compileProto(sources: Readonly<Record<string, string>>): Promise<FileRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "countersign-proto-"));
  try {
    for (const [path, from] of Object.entries(IMPORTS)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await cp(join(ROOT, from), join(folder, path));
    }
    for (const [path, text] of Object.entries(sources)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    return createFileRegistry(fromBinary(FileDescriptorSetSchema, await buf(folder)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws Error when there is none */
export function serviceOf(registry: FileRegistry, typeName: string): DescService {
  const service = registry.getService(typeName);
  if (service === undefined) throw new Error(`no service ${typeName}`);
  return service;
}

function buf(folder: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const args = ["build", folder, "--output", "-#format=binpb"];
    const options = { encoding: "buffer", maxBuffer: 2 ** 24 } as const;
    execFile(join(ROOT, "node_modules/.bin/buf"), args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`buf: ${stderr.toString()}`, { cause: error }));
    });
  });
}
