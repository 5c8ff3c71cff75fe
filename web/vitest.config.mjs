import { defineConfig } from "vitest/config";

export default defineConfig({
    test: { include: ["widgets/test/**/*.test.ts"], environment: "node", setupFiles: "widgets/test/setup.mjs" },
});
