// What bin/countersign.js does, but with src/ instead of dist/: Node strips the types, and nothing stale is tested.
import { main } from "../../src/main.ts";

const exitCode = await main(process.argv.slice(2));
process.stdout.write("", () => process.exit(exitCode));
