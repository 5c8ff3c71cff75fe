/* What <lectern-editor-tools> says. */
import type { Languages } from "./strings.js";

export interface EditorWords {
    name: string;
    actions: Record<string, { button: string; title: string }>;
    prompt: string;
    promptImage: string;
    promptMissing: string;
    context: string;
    contextNone: string;
    contextSelected: (count: number) => string;
    contextWhole: (count: number) => string;
    /** Stands between the prompt and the text that goes along. */
    contextHead: string;
    generate: string;
    regenerate: string;
    insert: string;
    replace: string;
    inserted: string;
    noEditor: string;
    check: string;
    mark: string;
    options: Record<string, string>;
    alt: string;
}

export const EDITOR_WORDS: Languages<EditorWords> = {
    en: {
        name: "Writing assistant",
        actions: {
            generate_text: { button: "Generate text", title: "Generate text" },
            generate_image: { button: "Generate image", title: "Generate an image" },
            improve_text: { button: "Improve", title: "Improve the text" },
            translate_text: { button: "Translate", title: "Translate the text" },
            summarise_text: { button: "Summarise", title: "Summarise the text" },
            explain_text: { button: "Explain", title: "Explain the text" },
        },
        prompt: "What should be written?",
        promptImage: "What should the image show?",
        promptMissing: "Say first what you would like to have.",
        context: "Text that goes along",
        contextNone: "None",
        contextSelected: (count) => (count === 1 ? "The selected word" : `The selected text (${count} words)`),
        contextWhole: (count) => (count === 1 ? "The whole text (1 word)" : `The whole text (${count} words)`),
        contextHead: "The text that this is about:",
        generate: "Generate",
        regenerate: "Generate again",
        insert: "Insert",
        replace: "Replace the selection",
        inserted: "Inserted into your text.",
        noEditor: "There is no editor here to insert this into. You can copy it.",
        check: "Made automatically. It can be wrong: check it before others read it.",
        mark: "AI-generated",
        options: {
            aspect_ratio: "Shape",
            quality: "Quality",
            style: "Style",
            target_language: "Into",
            square: "Square",
            landscape: "Landscape",
            portrait: "Portrait",
            standard: "Standard",
            hd: "High",
            natural: "Natural",
            vivid: "Vivid",
        },
        alt: "Description for those who cannot see the image",
    },
    es: {
        name: "Asistente de escritura",
        actions: {
            generate_text: { button: "Generar texto", title: "Generar texto" },
            generate_image: { button: "Generar imagen", title: "Generar una imagen" },
            improve_text: { button: "Mejorar", title: "Mejorar el texto" },
            translate_text: { button: "Traducir", title: "Traducir el texto" },
            summarise_text: { button: "Resumir", title: "Resumir el texto" },
            explain_text: { button: "Explicar", title: "Explicar el texto" },
        },
        prompt: "¿Qué hay que escribir?",
        promptImage: "¿Qué debe mostrar la imagen?",
        promptMissing: "Di primero qué quieres.",
        context: "Texto que lo acompaña",
        contextNone: "Ninguno",
        contextSelected: (count) => (count === 1 ? "La palabra seleccionada" : `El texto seleccionado (${count} palabras)`),
        contextWhole: (count) => (count === 1 ? "Todo el texto (1 palabra)" : `Todo el texto (${count} palabras)`),
        contextHead: "El texto del que se trata:",
        generate: "Generar",
        regenerate: "Generar otra vez",
        insert: "Insertar",
        replace: "Sustituir la selección",
        inserted: "Insertado en tu texto.",
        noEditor: "Aquí no hay ningún editor donde insertarlo. Puedes copiarlo.",
        check: "Hecho automáticamente. Puede estar equivocado: compruébalo antes de que otros lo lean.",
        mark: "Generado por IA",
        options: {
            aspect_ratio: "Forma",
            quality: "Calidad",
            style: "Estilo",
            target_language: "A",
            square: "Cuadrada",
            landscape: "Apaisada",
            portrait: "Vertical",
            standard: "Normal",
            hd: "Alta",
            natural: "Natural",
            vivid: "Vivo",
        },
        alt: "Descripción para quien no puede ver la imagen",
    },
};
