// Bundles the widgets into one ES module and refuses to grow past the size promised to course pages.
import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const OUTPUT = "dist/lectern-widgets.js";
const LIMIT_KIB = 60;

await build({
    entryPoints: ["widgets/src/index.ts"],
    outfile: OUTPUT,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2021",
    charset: "utf8",
    legalComments: "inline",
    logLevel: "warning",
});

const code = await readFile(OUTPUT);
const gzipped = gzipSync(code, { level: 9 }).length;
const kib = (n) => (n / 1024).toFixed(1) + " KiB";
console.log(`${OUTPUT}: ${kib(code.length)}, gzipped ${kib(gzipped)} (limit ${LIMIT_KIB} KiB)`);
if (gzipped > LIMIT_KIB * 1024) {
    console.error("The widgets are larger than promised.");
    process.exit(1);
}
