/* The words in the language of the page. */
import { english, type Strings } from "./en.js";
import { spanish } from "./es.js";

export type { Strings };

/** The same words in each language. */
export type Languages<Words> = { en: Words; es: Words };

export const LANGUAGES: Languages<Strings> = { en: english, es: spanish };

/** The language for a tag such as "es-MX". */
export function languageFor(tag: string): keyof Languages<unknown> {
    const language = tag.toLowerCase().split("-")[0]!;
    return Object.hasOwn(LANGUAGES, language) ? (language as keyof Languages<unknown>) : "en";
}

/** The strings for a language tag, and the language they are really in. */
export function stringsFor(tag: string): { language: string; strings: Strings } {
    const language = languageFor(tag);
    return { language, strings: LANGUAGES[language] };
}
