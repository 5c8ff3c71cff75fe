/* The calls about the grading of a submission, and what their answers look like. What is not as it should be is left out, not trusted. */
import { type Api, Problem } from "./api.js";
import type { Choice, Option, RubricCriterion } from "./points.js";

/** Evidence: code points of a part, or of an attachment. */
export interface Place {
    part?: number;
    attachment?: number;
    start: number;
    end: number;
}

export interface Judgement {
    id: string;
    optionId: string | null;
    points: number | null;
    feedback: string;
    evidence: Place[];
}

export interface Verdict {
    criteria: Judgement[];
    overall: string;
    earned: number | null;
    possible: number | null;
}

/** What only staff are given. */
export interface StaffRecord {
    suggestion: Verdict;
    /** Places that speak to the grader, and did not count. */
    setAside: Place[];
    /** ms, 0 = nobody has decided. */
    decidedAt: number;
    decidedBy: string;
    model: string;
}

export interface Grading {
    id: string;
    status: string;
    reason: string;
    byStaff: boolean;
    verdict: Verdict;
    rubric: RubricCriterion[];
    /** How many code points each part had; undefined: nobody knows. */
    parts: number[] | undefined;
    staff: StaffRecord | undefined;
}

export interface Decision {
    selected: Choice;
    feedback: Record<string, string>;
    overall_feedback: string;
}

/* ---- reading ---- */

type Raw = Record<string, unknown>;

const object = (value: unknown): Raw => (value && typeof value === "object" ? (value as Raw) : {});
const list = (value: unknown): Raw[] => (Array.isArray(value) ? value.map(object) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const count = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

function readPlaces(value: unknown): Place[] {
    return list(value).flatMap((raw): Place[] => {
        const [start, end, part, attachment] = [raw["start"], raw["end"], raw["part"], raw["attachment"]].map(count);
        if (start == null || end == null) return [];
        if (part != null) return [{ part, start, end }];
        return attachment != null ? [{ attachment, start, end }] : [];
    });
}

function readVerdict(value: unknown): Verdict {
    const raw = object(value);
    const criteria = list(raw["criteria"]).map((each) => ({
        id: text(each["id"]),
        optionId: text(each["option_id"]) || null,
        points: count(each["points"]),
        feedback: text(each["feedback"]),
        evidence: readPlaces(each["evidence"]),
    }));
    return { criteria, overall: text(raw["overall_feedback"]), earned: count(raw["points_earned"]), possible: count(raw["points_possible"]) };
}

function readRubric(value: unknown): RubricCriterion[] {
    return list(object(value)["criteria"]).map((raw) => ({
        id: text(raw["id"]),
        name: text(raw["name"]),
        options: list(raw["options"]).map((each): Option => ({ id: text(each["id"]), name: text(each["name"]), points: count(each["points"]) ?? 0 })),
    }));
}

/** The server gives the model's own result to staff alone: who has it is staff here. */
function readStaff(raw: Raw): StaffRecord | undefined {
    if (!("model_result" in raw)) return undefined;
    return {
        suggestion: readVerdict(raw["model_result"]),
        setAside: readPlaces(object(raw["model_result"])["set_aside"]),
        decidedAt: count(raw["staff_at"]) ?? 0,
        decidedBy: text(raw["staff_user"]),
        model: text(raw["model"]),
    };
}

export function readGrading(value: unknown): Grading {
    const raw = object(value);
    const parts = raw["parts"];
    return {
        id: text(raw["id"]),
        status: text(raw["status"]),
        reason: text(raw["reason"]),
        byStaff: raw["source"] === "staff",
        verdict: readVerdict(raw),
        rubric: readRubric(raw["rubric"]),
        parts: Array.isArray(parts) ? parts.map((each) => count(each) ?? -1) : undefined,
        staff: readStaff(raw),
    };
}

/** What a model said of a criterion, or staff. */
export function judgementOf(verdict: Verdict, id: string): Judgement | undefined {
    return verdict.criteria.find((criterion) => criterion.id === id);
}

/* ---- calls ---- */

export interface Submission {
    id: string;
    courseId: string;
    learnerId: string;
}

/** The newest grading of a submission; undefined when there is none, or none for the caller. */
export async function loadGrading(api: Api, { id, courseId, learnerId }: Submission): Promise<Grading | undefined> {
    const query = new URLSearchParams();
    if (courseId) query.set("course_id", courseId);
    if (learnerId) query.set("learner_id", learnerId);
    const path = `/v1/submissions/${encodeURIComponent(id)}/grading`;
    try {
        return readGrading(await api.call("GET", courseId || learnerId ? `${path}?${query.toString()}` : path));
    } catch (error) {
        if (error instanceof Problem && error.code === "not_found") return undefined;
        throw error;
    }
}

/** Decides in place of the model; fails with `conflict` when somebody else has since `decidedAt`. */
export async function decide(api: Api, id: string, decision: Decision, decidedAt: number): Promise<Grading> {
    return readGrading(await api.call("PUT", `/v1/gradings/${encodeURIComponent(id)}/decision`, { decision, staff_at: decidedAt }));
}
