import { defineConfig } from "vitest/config";

export default defineConfig({
    // The limit is there to end a test that hangs; how long one takes depends on what else the machine does.
    test: { include: ["widgets/test/**/*.test.{ts,mjs}", "admin/test/**/*.test.ts"], environment: "node", setupFiles: "widgets/test/setup.mjs", testTimeout: 60_000 },
});
