// V8 flags of the service, set before any of its code is warm enough to be compiled (docs/decisions/0005).
import { setFlagsFromString } from "node:v8";

const [major, minor] = process.versions.node.split(".").map(Number);

// From 24.15 on, Node 24 ends with a segmentation fault now and then while Maglev compiles in the background.
if (major === 24 && minor >= 15) setFlagsFromString("--no-maglev");
