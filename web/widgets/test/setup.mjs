/* Browsers have it; Node.js 18 does not offer it as a global. */
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;
