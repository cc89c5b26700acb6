// A contract with everything that google.api.http offers and ours does not use.
import type { DescService } from "@bufbuild/protobuf";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compileProto, serviceOf } from "./compile-proto.ts";

const PATH = "test/library/v1/library.proto";

export async function compileLibrary(): Promise<DescService> {
  const source = await readFile(join(import.meta.dirname, "../fixtures/proto", PATH), "utf8");
  return serviceOf(await compileProto({ [PATH]: source }), "test.library.v1.LibraryService");
}
