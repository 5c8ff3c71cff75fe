/* What providers are called, where other things are theirs. */
import { get } from "../api.js";
import { session } from "../session.js";

/** Names of the instances, by their number as text. */
export async function providerNames(signal: AbortSignal): Promise<Map<string, string>> {
    if (!session.can("manage_providers")) return new Map();
    const { providers } = await get<{ providers: { id: number; name: string }[] }>("/v1/providers", {}, signal);
    return new Map(providers.map((one) => [String(one.id), one.name]));
}
