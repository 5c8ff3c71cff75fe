/*
 * Bundles the console into dist/admin: one module with all pages and the style sheet, what only some pages need beside it (plots, the editor,
 * answers of models), and index.html, which the daemon gives with who is signed in.
 */
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

const DIST = "dist/admin/";
const LIMIT_KIB = 100; // of the module that every page loads, gzipped
const ON_DEMAND = ["plot", "codemirror", "katex", "answer"]; // of admin/src/ui; those that take one of them in their turn come last

const common = {
    outdir: DIST,
    entryNames: "[name]-[hash]",
    metafile: true,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "inline",
    logLevel: "warning",
};

async function bundle(options) {
    const { metafile } = await build({ ...common, ...options });
    const files = Object.entries(metafile.outputs).map(([path, { entryPoint }]) => ({ name: basename(path), entry: basename(entryPoint, ".ts") }));
    for (const file of files) {
        const packed = gzipSync(await readFile(DIST + file.name), { level: 9 });
        await writeFile(`${DIST}${file.name}.gz`, packed);
        file.kib = packed.length / 1024;
        console.log(`${DIST}${file.name}: gzipped ${file.kib.toFixed(1)} KiB`);
    }
    return files;
}

/* Each by itself and not split off the console: a page is to need as few requests as can be. */
const libraries = [];
const onDemand = {
    name: "on-demand",
    setup(hooks) {
        hooks.onResolve({ filter: new RegExp(`(^|/)(${ON_DEMAND.join("|")})(\\.js)?$`) }, ({ path, kind }) => {
            if (kind !== "dynamic-import") return undefined;
            return { path: "./" + libraries.find(({ entry }) => entry === basename(path, ".js")).name, external: true };
        });
    },
};
for (const name of ON_DEMAND) libraries.push(...(await bundle({ entryPoints: [`admin/src/ui/${name}.ts`], plugins: [onDemand] })));
const [app] = await bundle({ entryPoints: { app: "admin/src/main.ts" }, loader: { ".css": "text" }, plugins: [onDemand] });
await writeFile(DIST + "index.html", (await readFile("admin/index.html", "utf8")).replace("{{app}}", app.name));
if (app.kib > LIMIT_KIB) {
    console.error(`The console's module is larger than ${LIMIT_KIB} KiB.`);
    process.exit(1);
}
