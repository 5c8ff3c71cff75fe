/* What the server wants to have shown in a place: the names of Open edX's components, as what they mean here. */
import type { Api } from "./api.js";
import type { WorkflowPlace } from "./conversation.js";

export interface Slot {
    /** "none": nothing is set up, or nothing that these widgets have. */
    kind: "answer" | "chat" | "flashcards" | "questions" | "none";
    /** Words of the profile; "" = it has none. */
    button: string;
    message: string;
    title: string;
    /** What is run. */
    action: string;
}

interface Part {
    component?: unknown;
    config?: Record<string, unknown>;
}

export interface ProfileAnswer {
    status?: string;
    ui_components?: { request?: Part; response?: Part };
}

/** The components of the request, and with each those of the response. */
const PAIRS: Record<string, Record<string, Slot["kind"]>> = {
    AIRequestComponent: { AIResponseComponent: "answer", AISidebarResponse: "chat" },
    FlashcardCreator: { FlashcardStudyResponse: "flashcards" },
    LibraryProblemCreator: { LibraryProblemCreatorResponse: "questions" },
};

function kindOf(request: unknown, response: unknown): Slot["kind"] {
    const known = typeof request === "string" && Object.hasOwn(PAIRS, request) ? PAIRS[request]! : {};
    return typeof response === "string" && Object.hasOwn(known, response) ? known[response]! : "none";
}

export function slotOf(answer: ProfileAnswer): Slot {
    const { request, response } = answer.ui_components ?? {};
    const word = (part: Part | undefined, name: string) => {
        const value = part?.config?.[name];
        return typeof value === "string" ? value : "";
    };
    return {
        kind: kindOf(request?.component, response?.component),
        button: word(request, "buttonText"),
        message: word(request, "customMessage"),
        title: word(response, "titleText") || word(response, "customMessage") || word(request, "titleText"),
        action: word(request, "action") || "run",
    };
}

export async function readSlot(api: Api, place: WorkflowPlace): Promise<Slot> {
    const context: Record<string, string> = { uiSlotSelectorId: place.ui_slot_selector_id ?? "" };
    if (place.course_id) context["courseId"] = place.course_id;
    /* That address takes keys of Open edX alone; what another platform calls a location only the runs of a workflow are told. */
    if (place.location_id?.includes(":")) context["locationId"] = place.location_id;
    const query = new URLSearchParams({ context: JSON.stringify(context) }).toString();
    return slotOf(await api.call<ProfileAnswer>("GET", "/openedx-ai-extensions/v1/profile/?" + query));
}
