/* Puts what was built, and its types, where the npm package in widgets/ has them. `npm pack ./widgets` then makes the package. */
import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";

rmSync("widgets/dist", { recursive: true, force: true });
cpSync("dist", "widgets/dist", { recursive: true, filter: (path) => !path.endsWith(".gz") && path !== "dist/admin" });
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.types.json"], { stdio: "inherit" });
