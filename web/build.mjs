/*
 * Bundles the widgets: dist/widgets-HASH.js, what is loaded on demand beside it (KaTeX), and dist/lectern-widgets.js, the address that does
 * not change and only leads to the first. dist/manifest.json says which file is which. Refuses to grow past the size promised to course pages.
 */
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const DIST = "dist/";
const ENTRY = "lectern-widgets.js";
const LIMIT_KIB = 60;

await rm(DIST, { recursive: true, force: true });
const { metafile } = await build({
    entryPoints: { widgets: "widgets/src/index.ts" },
    outdir: DIST,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    splitting: true,
    metafile: true,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2021",
    charset: "utf8",
    legalComments: "inline",
    logLevel: "warning",
});

const name = (path) => path.slice(DIST.length);
const outputs = Object.entries(metafile.outputs);
const [mainPath] = outputs.find(([, output]) => output.entryPoint === "widgets/src/index.ts");
/* What the main module imports at once counts as part of it, however it was split. */
const parts = [mainPath];
for (const part of parts)
    for (const { kind, path } of metafile.outputs[part].imports) if (kind === "import-statement" && !parts.includes(path)) parts.push(path);

await writeFile(DIST + ENTRY, `export * from "./${name(mainPath)}";\n`);
const manifest = { [ENTRY]: name(mainPath), files: {} };
for (const [path] of outputs) {
    const code = await readFile(path);
    const packed = gzipSync(code, { level: 9 });
    await writeFile(path + ".gz", packed); // what the daemon gives to those who take gzip
    manifest.files[name(path)] = {
        bytes: code.length,
        gzipped: packed.length,
        integrity: "sha384-" + createHash("sha384").update(code).digest("base64"),
        loaded: parts.includes(path) ? "at once" : "on demand",
    };
}
await writeFile(DIST + "manifest.json", JSON.stringify(manifest, null, 2) + "\n");

const kib = (n) => (n / 1024).toFixed(1) + " KiB";
let gzipped = 0;
for (const [file, { bytes, gzipped: small, loaded }] of Object.entries(manifest.files)) {
    if (loaded === "at once") gzipped += small;
    console.log(`${DIST}${file}: ${kib(bytes)}, gzipped ${kib(small)}, ${loaded}`);
}
console.log(`at once: ${kib(gzipped)} gzipped (limit ${LIMIT_KIB} KiB)`);
if (gzipped > LIMIT_KIB * 1024) {
    console.error("The widgets are larger than promised.");
    process.exit(1);
}
